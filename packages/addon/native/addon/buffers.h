#pragma once
#include <napi.h>

#include "addon/call_context.h"

namespace elastic {

/** Functions that make, fill, read and free the memory of tensors. */
void export_buffers(Napi::Env env, Napi::Object exports, const CallContext* context = nullptr);
/** A buffer that was not made by `allocate` goes with its environment too. */
void own_buffer(Napi::Env env, uint32_t id);

}  // namespace elastic
