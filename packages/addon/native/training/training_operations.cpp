#include "training/training_operations.h"

#include <algorithm>

#include "checks/checked_operations.h"
#include "addon/exports.h"

namespace elastic {
namespace {

using checked::require_same;

constexpr int64_t kMostEntries = int64_t{1} << 24;

/** A vector of floats beside rows of `columns` elements. */
Matrix read_vector(Call& call, const char* name, int64_t columns) {
  const Matrix vector = call.tensor(name);
  call.require(vector.rows == 1 && vector.columns == columns && vector.dtype <= DType::F16,
               "a vector of weights does not fit the rows");
  return vector;
}

/** Sequences as offsets: their number, then one offset more than that. */
std::vector<RowRange> read_sequences(Call& call, int64_t rows) {
  const int64_t count = call.integer("sequences");
  call.require(count >= 0 && count <= kMostEntries, "an impossible number of sequences");
  std::vector<RowRange> sequences;
  int64_t start = call.integer("offset");
  for (int64_t i = 0; i < count; ++i) {
    const int64_t end = call.integer("offset");
    call.require(start >= 0 && start <= end && end <= rows, "the offsets leave the rows or do not ascend");
    sequences.push_back({start, end});
    start = end;
  }
  return sequences;
}

void linear_input_gradient(Call& call) {
  const Matrix output_gradient = call.tensor("outputGradient");
  const WeightArgument weight = checked::read_weight(call);
  const Matrix input_gradient = call.tensor("inputGradient");
  const bool accumulate = call.flag("accumulate");
  call.require_float(output_gradient, "outputGradient");
  call.require_float(input_gradient, "inputGradient");
  call.require(output_gradient.columns == weight.outputs && input_gradient.columns == weight.inputs &&
                   input_gradient.rows == output_gradient.rows,
               "outputGradient, weight and inputGradient do not fit together");
  if (output_gradient.rows > 0 && weight.inputs > 0) {
    backend::linear_input_gradient(output_gradient, weight, input_gradient, accumulate);
  }
}

/** Checks and reads a call for the gradient of a norm, which `backward` computes. */
void norm_backward(Call& call, decltype(backend::rms_norm_backward)& backward) {
  const Matrix input = call.tensor("input");
  const Matrix weight = read_vector(call, "weight", input.columns);
  const auto epsilon = static_cast<float>(call.number("epsilon"));
  const Matrix output_gradient = call.tensor("outputGradient"), input_gradient = call.tensor("inputGradient");
  const bool accumulate = call.flag("accumulate");
  call.require_float(input, "input");
  call.require_float(output_gradient, "outputGradient");
  call.require_float(input_gradient, "inputGradient");
  require_same(call, input, output_gradient, "outputGradient has another shape than input");
  require_same(call, input, input_gradient, "inputGradient has another shape than input");
  backward(input, weight, epsilon, output_gradient, input_gradient, accumulate);
}

void rms_norm_backward(Call& call) { norm_backward(call, backend::rms_norm_backward); }

void head_norm_backward(Call& call) {
  const Matrix heads = call.tensor("heads"), weight = call.tensor("weight");
  const auto epsilon = static_cast<float>(call.number("epsilon"));
  const Matrix output_gradient = call.tensor("outputGradient"), input_gradient = call.tensor("inputGradient");
  call.require_float(heads, "heads");
  call.require_float(output_gradient, "outputGradient");
  call.require_float(input_gradient, "inputGradient");
  require_same(call, heads, output_gradient, "outputGradient has another shape than heads");
  require_same(call, heads, input_gradient, "inputGradient has another shape than heads");
  call.require(weight.rows == 1 && weight.columns > 0 && heads.columns % weight.columns == 0 && weight.dtype <= DType::F16,
               "weight does not fit the heads");
  backend::head_norm_backward(heads, weight, epsilon, output_gradient, input_gradient);
}

/** Gradients of functions of elements: operands of one shape and dtype. */
Matrix read_like(Call& call, const Matrix& first, const char* name) {
  const Matrix matrix = call.tensor(name);
  call.require_dtype(matrix, first.dtype, name);
  require_same(call, first, matrix, "operands differ in shape");
  return matrix;
}

void gated_activation_backward(Call& call) {
  const Matrix gate = call.tensor("gate");
  call.require_float(gate, "gate");
  const Matrix up = read_like(call, gate, "up"), output_gradient = read_like(call, gate, "outputGradient");
  const Matrix gate_gradient = read_like(call, gate, "gateGradient"), up_gradient = read_like(call, gate, "upGradient");
  const GateFunction function = checked::read_gate_function(call);
  backend::gated_activation_backward(gate, up, output_gradient, gate_gradient, up_gradient, function);
}

void activate_backward(Call& call) {
  const Matrix input = call.tensor("input");
  call.require_float(input, "input");
  const Matrix output_gradient = read_like(call, input, "outputGradient"), input_gradient = read_like(call, input, "inputGradient");
  const ActivationKind kind = checked::read_activation(call);
  backend::activate_backward(input, output_gradient, input_gradient, kind);
}

void scale_backward(Call& call) {
  const Matrix input = call.tensor("input"), output_gradient = call.tensor("outputGradient");
  const Matrix input_gradient = call.tensor("inputGradient");
  const auto factor = static_cast<float>(call.number("factor")), cap = static_cast<float>(call.number("soft cap"));
  call.require_float(input, "input");
  call.require_float(output_gradient, "outputGradient");
  call.require_float(input_gradient, "inputGradient");
  require_same(call, input, output_gradient, "outputGradient has another shape than input");
  require_same(call, input, input_gradient, "inputGradient has another shape than input");
  call.require(cap > 0, "the soft cap must be above 0");
  backend::scale_backward(input, output_gradient, input_gradient, factor, cap);
}

void layer_norm_backward(Call& call) { norm_backward(call, backend::layer_norm_backward); }

void cross_entropy(Call& call) {
  const Matrix logits = call.tensor("logits"), targets = call.tensor("targets"), losses = call.tensor("losses");
  const Matrix gradient = call.optional_tensor("logitsGradient");
  const auto scale = static_cast<float>(call.number("gradient scale"));
  call.require_float(logits, "logits");
  call.require_dtype(targets, DType::I32, "targets");
  call.require_dtype(losses, DType::F32, "losses");
  call.require(targets.rows == 1 && targets.columns == logits.rows && losses.rows == 1 && losses.columns == logits.rows,
               "targets and losses do not fit the rows of logits");
  call.require(logits.columns > 0 || logits.rows == 0, "the vocabulary is empty");
  if (gradient.data != nullptr) {
    call.require_float(gradient, "logitsGradient");
    require_same(call, logits, gradient, "logitsGradient has another shape than logits");
  }
  backend::cross_entropy(logits, targets, losses, gradient, scale);
}

void cache_gather(Call& call) {
  CacheGather gather;
  gather.source = call.tensor("cache rows");
  gather.target = call.tensor("target");
  const int64_t length = call.integer("length"), heads = call.integer("key-value heads");
  call.require_float(gather.source, "cache rows");
  call.require_float(gather.target, "target");
  const int64_t tokens = gather.target.rows;
  call.require(heads > 0 && gather.source.columns > 0 && gather.target.columns / gather.source.columns == heads &&
                   gather.target.columns % gather.source.columns == 0,
               "the target does not fit the cache");
  call.require(tokens <= length, "more tokens are asked for than the cache holds");
  gather.position = length - tokens;
  for (int64_t head = 0; head < heads; ++head) {
    gather.stores.push_back(read_head_store(call, gather.source.rows));
    const HeadStore& store = gather.stores.back();
    const bool all = store.ring_tokens == 0;
    call.require(!all || length <= store.num_slots, "a store holds fewer tokens than the cache has seen");
    // A ring has lost what lies between its sink and its oldest position.
    const bool retained = all || tokens == 0 || std::max(gather.position, store.sink_tokens) >= length - store.ring_tokens;
    call.require(retained, "a position is no longer in its ring");
  }
  backend::cache_gather(gather);
}

/** Both outputs, the gates or their gradient, and the sequences. */
GatedOutputs read_gated_outputs(Call& call) {
  GatedOutputs outputs;
  outputs.full = call.tensor("fullOutput");
  outputs.sparse = call.tensor("sparseOutput");
  outputs.gates = call.tensor("gates");
  outputs.sequences = read_sequences(call, outputs.full.rows);
  call.require_float(outputs.full, "fullOutput");
  call.require_dtype(outputs.sparse, outputs.full.dtype, "sparseOutput");
  call.require_dtype(outputs.gates, DType::F32, "gates");
  require_same(call, outputs.full, outputs.sparse, "sparseOutput has another shape than fullOutput");
  call.require(outputs.gates.rows == static_cast<int64_t>(outputs.sequences.size()) && outputs.gates.columns > 0 &&
                   outputs.full.columns % outputs.gates.columns == 0,
               "the gates do not fit the sequences and heads");
  outputs.head_width = outputs.full.columns / outputs.gates.columns;
  return outputs;
}

void gate_mix(Call& call) {
  const GatedOutputs outputs = read_gated_outputs(call);
  const Matrix output = call.tensor("output");
  call.require_dtype(output, outputs.full.dtype, "output");
  require_same(call, outputs.full, output, "output has another shape than fullOutput");
  backend::gate_mix(outputs, output);
}

void gate_gradient(Call& call) {
  const GatedOutputs outputs = read_gated_outputs(call);
  const Matrix output_gradient = call.tensor("outputGradient");
  call.require_float(output_gradient, "outputGradient");
  require_same(call, outputs.full, output_gradient, "outputGradient has another shape than fullOutput");
  backend::gate_gradient(outputs, output_gradient);
}

RouterCall::Layer read_layer(Call& call, int64_t inputs) {
  RouterCall::Layer layer{call.tensor("weight"), call.tensor("bias")};
  call.require_dtype(layer.weight, DType::F32, "weight");
  call.require_dtype(layer.bias, DType::F32, "bias");
  const bool fits = layer.weight.columns == inputs && layer.bias.columns == layer.weight.rows && layer.bias.rows == 1;
  call.require(fits, "the layers of the router do not fit together");
  return layer;
}

void router_logits_backward(Call& call) {
  RouterBackward router;
  router.keys = call.tensor("keys");
  router.logits_gradient = call.tensor("logitsGradient");
  router.keys_gradient = call.optional_tensor("keysGradient");
  router.heads = call.integer("heads");
  router.head_dim = call.integer("head dimension");
  call.require_float(router.keys, "keys");
  call.require_dtype(router.logits_gradient, DType::F32, "logitsGradient");
  call.require(router.heads > 0 && router.head_dim > 0 && router.keys.columns / router.head_dim == router.heads &&
                   router.keys.columns % router.head_dim == 0,
               "keys do not fit the heads");
  if (router.keys_gradient.data != nullptr) {
    call.require_float(router.keys_gradient, "keysGradient");
    require_same(call, router.keys, router.keys_gradient, "keysGradient has another shape than keys");
  }
  int64_t inputs = router.head_dim;
  for (std::size_t i = 0; i < router.layers.size(); ++i) {
    router.layers[i] = read_layer(call, inputs);
    router.gradients[i] = read_layer(call, inputs);
    const Matrix& weight = router.layers[i].weight;
    call.require(router.gradients[i].weight.rows == weight.rows, "a gradient has another shape than its weight");
    inputs = weight.rows;
  }
  router.classes = inputs;
  const int64_t sequences = call.integer("sequences");
  call.require(router.logits_gradient.rows == sequences && router.logits_gradient.columns == router.heads * router.classes,
               "logitsGradient has another shape");
  for (int64_t sequence = 0; sequence < sequences; ++sequence) {
    const int64_t count = call.integer("ranges");
    call.require(count > 0 && count <= kMostEntries, "a sequence has no ranges");
    std::vector<RowRange> ranges;
    int64_t rows = 0;
    for (int64_t i = 0; i < count; ++i) {
      const RowRange range{call.integer("range start"), call.integer("range end")};
      call.require(range.start >= 0 && range.start <= range.end && range.end <= router.keys.rows, "a range leaves the keys");
      rows += range.rows();
      ranges.push_back(range);
    }
    call.require(rows > 0, "a sequence is empty");
    router.pools.push_back(std::move(ranges));
  }
  backend::router_logits_backward(router);
}

}  // namespace

void export_training_operations(Napi::Env env, Napi::Object exports, const CallContext* context) {
  export_operation<linear_input_gradient>(env, exports, "linearInputGradient", context);
  export_operation<rms_norm_backward>(env, exports, "rmsNormBackward", context);
  export_operation<head_norm_backward>(env, exports, "headNormBackward", context);
  export_operation<layer_norm_backward>(env, exports, "layerNormBackward", context);
  export_operation<gated_activation_backward>(env, exports, "gatedActivationBackward", context);
  export_operation<activate_backward>(env, exports, "activateBackward", context);
  export_operation<scale_backward>(env, exports, "scaleBackward", context);
  export_operation<checked::route_experts_backward>(env, exports, "routeExpertsBackward", context);
  export_operation<checked::combine_rows_backward>(env, exports, "combineRowsBackward", context);
  export_operation<checked::expert_linear_input_gradient>(env, exports, "expertLinearInputGradient", context);
  export_operation<cross_entropy>(env, exports, "crossEntropy", context);
  export_operation<cache_gather>(env, exports, "cacheGather", context);
  export_operation<gate_mix>(env, exports, "gateMix", context);
  export_operation<gate_gradient>(env, exports, "gateGradient", context);
  export_operation<router_logits_backward>(env, exports, "routerLogitsBackward", context);
}

}  // namespace elastic
