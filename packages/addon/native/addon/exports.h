#pragma once
#include <napi.h>

#include "addon/call.h"

namespace elastic {

/** Exports the buffers and every operation under the names of `NativeAddon`. */
void export_operations(Napi::Env env, Napi::Object exports);

/** Exports one operation. */
template <void (*function)(Call&)>
void export_operation(Napi::Env env, Napi::Object exports, const char* name) {
  exports.Set(name, Napi::Function::New(env, guarded<function>));
}

}  // namespace elastic
