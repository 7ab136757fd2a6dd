#pragma once
#include <napi.h>

#include "addon/call.h"

namespace elastic {

/** Exports the buffers and every operation under the names of `NativeAddon`; calls enter `context`, where there is one. */
void export_operations(Napi::Env env, Napi::Object exports, const CallContext* context = nullptr);

/** Exports a function whose body is guarded. */
template <Napi::Value (*function)(const Napi::CallbackInfo&)>
void export_function(Napi::Env env, Napi::Object exports, const char* name, const CallContext* context = nullptr) {
  exports.Set(name, Napi::Function::New<function>(env, name, const_cast<CallContext*>(context)));
}

/** Exports one operation. */
template <void (*function)(Call&)>
void export_operation(Napi::Env env, Napi::Object exports, const char* name, const CallContext* context = nullptr) {
  export_function<guarded<function>>(env, exports, name, context);
}

}  // namespace elastic
