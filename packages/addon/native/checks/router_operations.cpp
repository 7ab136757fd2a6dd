// The Attention Router.
#include "checks/checked_operations.h"

namespace elastic::checked {

void router_logits(Call& call) {
  RouterCall router;
  router.keys = call.tensor("keys");
  router.output = call.tensor("output");
  router.heads = call.integer("heads");
  router.head_dim = call.integer("head dimension");
  router.round_bf16 = call.flag("round to bf16");
  router.decision = call.optional_tensor("decision");
  router.threshold = call.number("threshold");
  call.require_float(router.keys, "keys");
  call.require_dtype(router.output, DType::F32, "output");
  call.require(router.heads > 0 && router.head_dim > 0 && router.keys.columns == router.heads * router.head_dim,
               "keys do not fit the heads");
  int64_t inputs = router.head_dim;
  for (RouterCall::Layer& layer : router.layers) {
    layer.weight = call.tensor("weight");
    layer.bias = call.tensor("bias");
    call.require_dtype(layer.weight, DType::F32, "weight");
    call.require_dtype(layer.bias, DType::F32, "bias");
    const bool fits = layer.weight.columns == inputs && layer.bias.columns == layer.weight.rows && layer.bias.rows == 1;
    call.require(fits, "the layers of the router do not fit together");
    inputs = layer.weight.rows;
  }
  router.classes = inputs;
  const int64_t sequences = call.integer("sequences");
  call.require(router.output.rows == sequences && router.output.columns == router.heads * router.classes, "output has another shape");
  if (router.decision.data != nullptr) {
    call.require_dtype(router.decision, DType::U8, "decision");
    const bool fits = router.decision.rows == sequences && router.decision.columns == router.heads && router.classes == 2;
    call.require(fits, "a decision is between two classes, for each head");
  }
  for (int64_t sequence = 0; sequence < sequences; ++sequence) {
    RouterCall::Pool pool{};
    pool.count = call.integer("ranges");
    call.require(pool.count == 1 || pool.count == 2, "one or two ranges are averaged");
    int64_t rows = 0;
    for (int64_t i = 0; i < pool.count; ++i) {
      auto& range = pool.ranges[i];
      range[0] = call.integer("range start");
      range[1] = call.integer("range end");
      call.require(range[0] >= 0 && range[0] <= range[1] && range[1] <= router.keys.rows, "a range leaves the keys");
      rows += range[1] - range[0];
    }
    call.require(rows > 0, "a sequence is empty");
    router.pools.push_back(pool);
  }
  backend::router_logits(router);
}

}  // namespace elastic::checked
