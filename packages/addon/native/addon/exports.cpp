#include "addon/exports.h"

#include "addon/buffers.h"
#include "addon/checked_operations.h"
#include "addon/preparation.h"

namespace elastic {
namespace {

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
  export_operation<checked::rms_norm>(env, exports, "rmsNorm");
  export_operation<checked::head_norm>(env, exports, "headNorm");
  export_operation<checked::rotary>(env, exports, "rotary");
  export_operation<checked::swiglu>(env, exports, "swiglu");
  export_operation<checked::embedding>(env, exports, "embedding");
  export_operation<checked::add>(env, exports, "add");
  export_operation<checked::cast>(env, exports, "cast");
  export_operation<checked::softmax>(env, exports, "softmax");
  export_operation<checked::argmax>(env, exports, "argmax");
  export_operation<checked::pack_linear>(env, exports, "packLinear");
  export_operation<checked::linear>(env, exports, "linear");
  export_operation<checked::copy_spans>(env, exports, "copySpans");
  export_operation<checked::cache_append>(env, exports, "cacheAppend");
  export_operation<checked::hybrid_attention>(env, exports, "hybridAttention");
  export_operation<checked::xattention_estimate>(env, exports, "xattentionEstimate");
  export_operation<checked::router_logits>(env, exports, "routerLogits");
}

}  // namespace elastic
