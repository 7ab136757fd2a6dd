// What JavaScript sees of the addon.
#include <napi.h>

#include "addon/call.h"
#include "addon/exports.h"
#include "addon/reserved_buffers.h"
#include "core/device/check.h"
#include "core/device/device.h"
#include "core/device/fences.h"
#include "decode/step/decode_exports.h"
#include "gemm/cublas_lt.h"
#include "operations/pending_read_exports.h"
#include "ranks/peer_exports.h"
#include "rounded_cache/rounded_cache_exports.h"
#include "training/training_attention.h"
#include "training/training_operations.h"
#include "weights/weight_exports.h"

namespace elastic {
namespace {

/** What there is: name, capability, multiprocessors, memory, and why products cannot be computed, if so. */
Napi::Value device_information(const Napi::CallbackInfo& info) {
  return guarded_call(info, [&]() -> Napi::Value {
    const Device& device = Device::instance();
    Napi::Object result = Napi::Object::New(info.Env());
    result.Set("name", device.name);
    result.Set("capability", device.capability);
    result.Set("multiprocessors", device.multiprocessors);
    result.Set("memoryBytes", static_cast<double>(device.memory_bytes));
    result.Set("matrixProductProblem", cublas_lt_problem());
    return result;
  });
}

Napi::Value synchronize(const Napi::CallbackInfo& info) {
  return guarded_call(info, [&] {
    check(cudaStreamSynchronize(Device::instance().stream), "cudaStreamSynchronize");
    return info.Env().Undefined();
  });
}

Napi::Value record_fence_value(const Napi::CallbackInfo& info) {
  return guarded_value(info, [&](Call&) { return Napi::Number::New(info.Env(), static_cast<double>(record_fence())); });
}

Napi::Value fence_reached_value(const Napi::CallbackInfo& info) {
  return guarded_value(info, [&](Call& call) { return Napi::Boolean::New(info.Env(), fence_reached(call.integer("fence"))); });
}

Napi::Object initialize(Napi::Env env, Napi::Object exports) {
  export_operations(env, exports);
  export_training_operations(env, exports);
  export_training_attention(env, exports);
  export_reserved_buffers(env, exports);
  export_decode(env, exports);
  export_pending_reads(env, exports);
  export_weights(env, exports);
  export_rounded_cache(env, exports);
  export_peers(env, exports);
  exports.Set("deviceInformation", Napi::Function::New(env, device_information));
  exports.Set("synchronize", Napi::Function::New(env, synchronize));
  exports.Set("recordFence", Napi::Function::New(env, record_fence_value));
  exports.Set("fenceReached", Napi::Function::New(env, fence_reached_value));
  return exports;
}

}  // namespace

NODE_API_MODULE(elastic_attention_cuda, initialize)

}  // namespace elastic
