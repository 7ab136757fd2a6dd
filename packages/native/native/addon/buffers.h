#pragma once
#include <napi.h>

namespace elastic {

/** Functions that make, fill, read and free the memory of tensors. */
void export_buffers(Napi::Env env, Napi::Object exports);

}  // namespace elastic
