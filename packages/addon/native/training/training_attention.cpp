#include "training/training_attention.h"

#include "addon/exports.h"

namespace elastic {
namespace {

/** Two hybrid calls in a row, over the same queries and caches. */
void dual_attention(Call& call) {
  const AttentionCall full = AttentionCall::read(call), sparse = AttentionCall::read(call);
  const auto same = [](const Matrix& a, const Matrix& b) {
    return a.data == b.data && a.rows == b.rows && a.columns == b.columns && a.row_stride == b.row_stride && a.dtype == b.dtype;
  };
  call.require(same(full.query, sparse.query) && full.num_query_heads == sparse.num_query_heads &&
                   full.head_dim == sparse.head_dim && full.same_scores(sparse) &&
                   full.sequences.size() == sparse.sequences.size(),
               "the two sides have other queries");
  for (std::size_t i = 0; i < full.sequences.size(); ++i) {
    const AttentionSequence &a = full.sequences[i], &b = sparse.sequences[i];
    call.require(a.start == b.start && a.length == b.length && a.cache_length == b.cache_length && same(a.keys, b.keys) &&
                     same(a.values, b.values) && a.stores.size() == b.stores.size(),
                 "the two sides have other caches");
    for (std::size_t head = 0; head < a.stores.size(); ++head) {
      const HeadStore &left = a.stores[head], &right = b.stores[head];
      call.require(left.first_slot == right.first_slot && left.sink_tokens == right.sink_tokens &&
                       left.ring_tokens == right.ring_tokens,
                   "the two sides have other stores");
    }
  }
  backend::dual_attention({full, sparse});
}

void attention_backward(Call& call) {
  AttentionBackward backward;
  backward.forward = AttentionCall::read(call);
  const AttentionCall& forward = backward.forward;
  backward.output_gradient = call.tensor("outputGradient");
  backward.query_gradient = call.tensor("queryGradient");
  backward.accumulate = call.flag("accumulate");
  backward.deterministic = call.flag("deterministic");
  call.require_float(backward.output_gradient, "outputGradient");
  call.require_float(backward.query_gradient, "queryGradient");
  for (const Matrix* matrix : {&backward.output_gradient, &backward.query_gradient}) {
    call.require(matrix->rows == forward.query.rows && matrix->columns == forward.query.columns,
                 "a gradient has another shape than query");
  }
  call.require(forward.log_sum_exp.data != nullptr, "the backward needs logSumExp");
  for (const AttentionSequence& sequence : forward.sequences) {
    for (const HeadStore& store : sequence.stores) {
      call.require(store.ring_tokens == 0, "a head keeps a ring of its tokens");
    }
    const CacheGradients gradients{call.tensor("gradient of the keys"), call.tensor("gradient of the values")};
    for (const Matrix* matrix : {&gradients.keys, &gradients.values}) {
      call.require_float(*matrix, "a gradient of the cache");
      call.require(matrix->rows == sequence.keys.rows && matrix->columns == sequence.keys.columns,
                   "a gradient has another shape than its cache");
    }
    backward.cache_gradients.push_back(gradients);
  }
  backend::attention_backward(backward);
}

}  // namespace

void export_training_attention(Napi::Env env, Napi::Object exports, const CallContext* context) {
  export_operation<dual_attention>(env, exports, "dualAttention", context);
  export_operation<attention_backward>(env, exports, "attentionBackward", context);
}

}  // namespace elastic
