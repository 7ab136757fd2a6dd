// Attention in training: both sides of a layer in one call, and the gradients. Only addons that implement them compile it.
#pragma once
#include <vector>

#include "addon/attention_call.h"
#include "addon/call_context.h"
#include "addon/napi_names.h"

namespace elastic {

/** Mirrors `DualAttentionCall`: the same queries and caches under two sets of patterns. */
struct DualAttention {
  AttentionCall full;
  AttentionCall sparse;
};

/** Gradients of a cache, laid out like it: [slots, head_dim]. */
struct CacheGradients {
  Matrix keys;
  Matrix values;
};

/** Mirrors `AttentionBackwardCall`. */
struct AttentionBackward {
  /** `output` and `log_sum_exp` are what the forward call wrote; no store is a ring. */
  AttentionCall forward;
  /** [tokens, num_query_heads * head_dim]. */
  Matrix output_gradient;
  Matrix query_gradient;
  /** One for each sequence. */
  std::vector<CacheGradients> cache_gradients;
  bool accumulate;
  /** Whether repeated runs must give the same bits. */
  bool deterministic;
};

namespace backend {

void dual_attention(const DualAttention& dual);
void attention_backward(const AttentionBackward& backward);

}  // namespace backend

/** Exports them under the names of `NativeTrainingAttention`. */
void export_training_attention(Napi::Env env, Napi::Object exports, const CallContext* context = nullptr);

}  // namespace elastic
