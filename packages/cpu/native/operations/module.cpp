// What JavaScript sees of the addon.
#include <napi.h>

#include "addon/call.h"
#include "addon/exports.h"
#include "core/instruction_set.h"
#include "core/thread_pool.h"
#include "training/training_attention.h"
#include "training/training_operations.h"

namespace elastic {
namespace {

Napi::Value detected_level(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<int>(detected_instruction_set()));
}

Napi::Value limit_level(const Napi::CallbackInfo& info) {
  return guarded_value(info, [&](Call& call) {
    const int64_t level = call.integer("level");
    call.require(level >= 0 && level <= 4, "unknown instruction set");
    return Napi::Number::New(info.Env(), static_cast<int>(limit_instruction_set(static_cast<InstructionSet>(level))));
  });
}

Napi::Value set_threads(const Napi::CallbackInfo& info) {
  return guarded_value(info, [&](Call& call) {
    const int64_t threads = call.integer("threads");
    call.require(threads >= 1 && threads <= 4096, "threads must be between 1 and 4096");
    ThreadPool::instance().resize(static_cast<int>(threads));
    return Napi::Number::New(info.Env(), ThreadPool::instance().size());
  });
}

Napi::Object initialize(Napi::Env env, Napi::Object exports) {
  export_operations(env, exports);
  export_training_operations(env, exports);
  export_training_attention(env, exports);
  exports.Set("detectedInstructionSet", Napi::Function::New(env, detected_level));
  exports.Set("limitInstructionSet", Napi::Function::New(env, limit_level));
  exports.Set("setThreads", Napi::Function::New(env, set_threads));
  return exports;
}

}  // namespace

NODE_API_MODULE(elastic_attention_cpu, initialize)

}  // namespace elastic
