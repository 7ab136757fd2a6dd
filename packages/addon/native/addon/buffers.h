#pragma once
#include <napi.h>

namespace elastic {

/** Functions that make, fill, read and free the memory of tensors. */
void export_buffers(Napi::Env env, Napi::Object exports);
/** A buffer that was not made by `allocate` goes with its environment too. */
void own_buffer(Napi::Env env, uint32_t id);

}  // namespace elastic
