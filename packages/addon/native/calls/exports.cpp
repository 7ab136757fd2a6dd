#include "addon/exports.h"

#include "addon/buffers.h"
#include "checks/checked_operations.h"
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

void export_operations(Napi::Env env, Napi::Object exports, const CallContext* context) {
  export_buffers(env, exports, context);
  export_preparation(env, exports, context);
  export_function<packed_weight_bytes>(env, exports, "packedWeightBytes", context);
  export_operation<checked::rms_norm>(env, exports, "rmsNorm", context);
  export_operation<checked::head_norm>(env, exports, "headNorm", context);
  export_operation<checked::rotary>(env, exports, "rotary", context);
  export_operation<checked::layer_norm>(env, exports, "layerNorm", context);
  export_operation<checked::gated_activation>(env, exports, "gatedActivation", context);
  export_operation<checked::activate>(env, exports, "activate", context);
  export_operation<checked::scale>(env, exports, "scale", context);
  export_operation<checked::embedding>(env, exports, "embedding", context);
  export_operation<checked::add>(env, exports, "add", context);
  export_operation<checked::cast>(env, exports, "cast", context);
  export_operation<checked::pack_linear>(env, exports, "packLinear", context);
  export_operation<checked::linear>(env, exports, "linear", context);
  export_operation<checked::copy_spans>(env, exports, "copySpans", context);
  export_operation<checked::cache_append>(env, exports, "cacheAppend", context);
  export_operation<checked::hybrid_attention>(env, exports, "hybridAttention", context);
  export_operation<checked::xattention_estimate>(env, exports, "xattentionEstimate", context);
  export_operation<checked::bound_pages>(env, exports, "boundPages", context);
  export_operation<checked::select_pages>(env, exports, "selectPages", context);
  export_operation<checked::attention_mass>(env, exports, "attentionMass", context);
  export_operation<checked::block_search>(env, exports, "blockSearch", context);
  export_operation<checked::router_logits>(env, exports, "routerLogits", context);
  export_operation<checked::sample_tokens>(env, exports, "sampleTokens", context);
  export_operation<checked::log_probabilities>(env, exports, "logProbabilities", context);
  export_operation<checked::route_experts>(env, exports, "routeExperts", context);
  export_operation<checked::group_by_expert>(env, exports, "groupByExpert", context);
  export_operation<checked::dispatch_rows>(env, exports, "dispatchRows", context);
  export_operation<checked::combine_rows>(env, exports, "combineRows", context);
  export_operation<checked::expert_linear>(env, exports, "expertLinear", context);
}

}  // namespace elastic
