// Buffers that grow where they lie: an address range is reserved once, memory comes under it as it is asked for.
#pragma once
#include <cstddef>

#include "addon/call_context.h"
#include "addon/napi_names.h"

namespace elastic {

/** Reserves addresses; nothing is there yet. Each addon defines these functions once. @throws std::runtime_error */
char* reserve_addresses(std::size_t bytes);
/** Puts memory under the first `bytes` of a reservation. @throws OutOfMemory, and nothing changed then */
void grow_reserved(char* base, std::size_t bytes);
/** Waits for what still reads the memory and gives it back, not the addresses. */
void clear_reserved(char* base);
/** The same, and gives the addresses back too; false when the address is no reservation's. */
bool free_reserved(char* base);

/** Exports `reserve`, `grow` and `clear` of `NativeAddon`. */
void export_reserved_buffers(Napi::Env env, Napi::Object exports, const CallContext* context = nullptr);

}  // namespace elastic
