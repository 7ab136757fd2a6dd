#pragma once
#include <napi.h>

namespace elastic {

/** Exports the buffers and every operation under the names of `NativeAddon`. */
void export_operations(Napi::Env env, Napi::Object exports);

}  // namespace elastic
