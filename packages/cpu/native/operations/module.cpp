// What JavaScript sees of the addon.
#include <napi.h>

#include "attention/hybrid_attention.h"
#include "core/call.h"
#include "core/instruction_set.h"
#include "core/thread_pool.h"
#include "operations/buffers.h"
#include "operations/float_operations.h"
#include "operations/linear_operations.h"
#include "router/router_logits.h"
#include "selection/xattention_estimate.h"

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

template <void (*function)(Call&)>
void set(Napi::Env env, Napi::Object exports, const char* name) {
  exports.Set(name, Napi::Function::New(env, guarded<function>));
}

Napi::Object initialize(Napi::Env env, Napi::Object exports) {
  export_buffers(env, exports);
  exports.Set("detectedInstructionSet", Napi::Function::New(env, detected_level));
  exports.Set("limitInstructionSet", Napi::Function::New(env, limit_level));
  exports.Set("setThreads", Napi::Function::New(env, set_threads));
  exports.Set("packedWeightBytes", Napi::Function::New(env, packed_weight_bytes));
  set<pack_linear>(env, exports, "packLinear");
  set<linear>(env, exports, "linear");
  set<rms_norm>(env, exports, "rmsNorm");
  set<head_norm>(env, exports, "headNorm");
  set<rotary>(env, exports, "rotary");
  set<swiglu>(env, exports, "swiglu");
  set<embedding>(env, exports, "embedding");
  set<add>(env, exports, "add");
  set<cast>(env, exports, "cast");
  set<softmax>(env, exports, "softmax");
  set<argmax>(env, exports, "argmax");
  set<copy_spans>(env, exports, "copySpans");
  set<cache_append>(env, exports, "cacheAppend");
  set<hybrid_attention>(env, exports, "hybridAttention");
  set<xattention_estimate>(env, exports, "xattentionEstimate");
  set<router_logits>(env, exports, "routerLogits");
  return exports;
}

}  // namespace

NODE_API_MODULE(elastic_attention_cpu, initialize)

}  // namespace elastic
