#include "addon/exports.h"

#include "addon/buffers.h"
#include "addon/checked_operations.h"
#include "addon/preparation.h"

namespace elastic {
namespace {

template <void (*function)(Call&)>
void set(Napi::Env env, Napi::Object exports, const char* name) {
  exports.Set(name, Napi::Function::New(env, guarded<function>));
}

/** Bytes of a packed weight: (outputs, inputs, dtype) -> number. */
Napi::Value packed_weight_bytes(const Napi::CallbackInfo& info) {
  return guarded_value(info, [&](Call& call) {
    return Napi::Number::New(info.Env(), static_cast<double>(checked::packed_weight_bytes(call)));
  });
}

}  // namespace

void export_operations(Napi::Env env, Napi::Object exports) {
  export_buffers(env, exports);
  export_preparation(env, exports);
  exports.Set("packedWeightBytes", Napi::Function::New(env, packed_weight_bytes));
  set<checked::rms_norm>(env, exports, "rmsNorm");
  set<checked::head_norm>(env, exports, "headNorm");
  set<checked::rotary>(env, exports, "rotary");
  set<checked::swiglu>(env, exports, "swiglu");
  set<checked::embedding>(env, exports, "embedding");
  set<checked::add>(env, exports, "add");
  set<checked::cast>(env, exports, "cast");
  set<checked::softmax>(env, exports, "softmax");
  set<checked::argmax>(env, exports, "argmax");
  set<checked::pack_linear>(env, exports, "packLinear");
  set<checked::linear>(env, exports, "linear");
  set<checked::copy_spans>(env, exports, "copySpans");
  set<checked::cache_append>(env, exports, "cacheAppend");
  set<checked::hybrid_attention>(env, exports, "hybridAttention");
  set<checked::xattention_estimate>(env, exports, "xattentionEstimate");
  set<checked::router_logits>(env, exports, "routerLogits");
}

}  // namespace elastic
