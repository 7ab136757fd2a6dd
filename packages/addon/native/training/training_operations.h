// The operations of a training step that an addon may implement besides those of `addon/operations.h`; the arguments have
// been checked. Only addons that implement them compile the files of this folder.
#pragma once
#include <array>
#include <vector>

#include "addon/call_context.h"
#include "addon/napi_names.h"
#include "addon/operations.h"

namespace elastic {

/** Rows of a sequence. */
struct RowRange {
  int64_t start;
  int64_t end;
  int64_t rows() const { return end - start; }
};

/** Both sides of an attention layer and the gates between them; mirrors `GateMixCall` and `GateGradientCall`. */
struct GatedOutputs {
  /** [tokens, gate heads * head_width]. */
  Matrix full;
  Matrix sparse;
  /** F32 [sequences, gate heads]: gates, or their gradient. */
  Matrix gates;
  /** Elements of a row that share a gate. */
  int64_t head_width;
  std::vector<RowRange> sequences;
};

/** Rows of a cache on their way back to tokens; mirrors `CacheGatherCall`. */
struct CacheGather {
  /** [slots, head_dim]. */
  Matrix source;
  /** [tokens, heads * head_dim]. */
  Matrix target;
  /** Position of the first token. */
  int64_t position;
  std::vector<HeadStore> stores;
};

/** The router's backward; mirrors `RouterLogitsBackwardCall`. */
struct RouterBackward {
  /** [tokens, heads * head_dim]. */
  Matrix keys;
  /** F32 [sequences, heads * classes]. */
  Matrix logits_gradient;
  /** Shape of `keys`, or no data; added to. */
  Matrix keys_gradient;
  int64_t heads;
  int64_t head_dim;
  int64_t classes;
  std::array<RouterCall::Layer, RouterCall::kLayers> layers;
  /** F32, shaped like `layers`; added to. */
  std::array<RouterCall::Layer, RouterCall::kLayers> gradients;
  /** Ranges of every sequence, none empty. */
  std::vector<std::vector<RowRange>> pools;

  int64_t samples() const { return static_cast<int64_t>(pools.size()) * heads; }
};

namespace backend {

/** input_gradient = output_gradient · weight (+ input_gradient). */
void linear_input_gradient(const Matrix& output_gradient, const WeightArgument& weight, const Matrix& input_gradient,
                           bool accumulate);
/** Gradient of rms_norm by its input; input_gradient may be output_gradient. */
void rms_norm_backward(const Matrix& input, const Matrix& weight, float epsilon, const Matrix& output_gradient,
                       const Matrix& input_gradient, bool accumulate);
/** The same for every vector of weight.columns elements of a row. */
void head_norm_backward(const Matrix& heads, const Matrix& weight, float epsilon, const Matrix& output_gradient,
                        const Matrix& input_gradient);
/** Gradient of layer_norm by its input; input_gradient may be output_gradient. */
void layer_norm_backward(const Matrix& input, const Matrix& weight, float epsilon, const Matrix& output_gradient,
                         const Matrix& input_gradient, bool accumulate);
/** All of one dtype; the gradients may be gate and up themselves. */
void gated_activation_backward(const Matrix& gate, const Matrix& up, const Matrix& output_gradient, const Matrix& gate_gradient,
                               const Matrix& up_gradient, const GateFunction& function);
/** All of one dtype; input_gradient may be one of the others. */
void activate_backward(const Matrix& input, const Matrix& output_gradient, const Matrix& input_gradient, ActivationKind kind);
/** cap is above 0; input_gradient may be one of the others. */
void scale_backward(const Matrix& input, const Matrix& output_gradient, const Matrix& input_gradient, float factor, float cap);
/**
 * Losses of rows, and logits_gradient = scale · (softmax - onehot) unless it has no data; it may be logits. Negative
 * targets leave a row out.
 */
void cross_entropy(const Matrix& logits, const Matrix& targets, const Matrix& losses, const Matrix& logits_gradient,
                   float scale);
void cache_gather(const CacheGather& gather);
/** output = gate · full + (1 - gate) · sparse; all of one dtype, output may be one of them. */
void gate_mix(const GatedOutputs& outputs, const Matrix& output);
/** gates = the sums of output_gradient · (full - sparse) over a sequence and the elements of a gate. */
void gate_gradient(const GatedOutputs& outputs, const Matrix& output_gradient);
void router_logits_backward(const RouterBackward& router);

}  // namespace backend

/** Exports them under the names of `NativeTrainingOperations`. */
void export_training_operations(Napi::Env env, Napi::Object exports, const CallContext* context = nullptr);

}  // namespace elastic
