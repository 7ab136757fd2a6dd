#pragma once
#include "addon/call.h"
#include "addon/operations.h"

/**
 * Every operation as JavaScript calls it: reads its packed arguments, checks them, and hands them to the addon; see
 * `operations.h`. @throws Napi::Error (TypeError, RangeError)
 */
namespace elastic::checked {

/** Raises a RangeError unless two matrices have one shape. */
void require_same(const Call& call, const Matrix& a, const Matrix& b, const char* message);
/** F32, BF16 or F16, whether kernels compute with it or not. */
inline bool is_float(const Matrix& matrix) { return matrix.dtype <= DType::F16; }
/** The next activation: its number. */
ActivationKind read_activation(Call& call);
/** The next gate function: its number, alpha and limit. */
GateFunction read_gate_function(Call& call);
/** The shape of a packed weight: outputs, inputs, dtype. */
WeightArgument read_weight_shape(Call& call);
/** The next weight: its buffer as bytes, then its shape. */
WeightArgument read_weight(Call& call);

void rms_norm(Call& call);
void head_norm(Call& call);
void layer_norm(Call& call);
void rotary(Call& call);
void gated_activation(Call& call);
void activate(Call& call);
void embedding(Call& call);
void add(Call& call);
void scale(Call& call);
void cast(Call& call);
/** Bytes of a weight of (outputs, inputs, dtype). */
int64_t packed_weight_bytes(Call& call);
void pack_linear(Call& call);
void linear(Call& call);
void copy_spans(Call& call);
void cache_append(Call& call);
void hybrid_attention(Call& call);
void xattention_estimate(Call& call);
void bound_pages(Call& call);
void select_pages(Call& call);
void attention_mass(Call& call);
void block_search(Call& call);
void router_logits(Call& call);
void sample_tokens(Call& call);
void log_probabilities(Call& call);
void route_experts(Call& call);
void group_by_expert(Call& call);
void dispatch_rows(Call& call);
void combine_rows(Call& call);
void expert_linear(Call& call);
void route_experts_backward(Call& call);
void combine_rows_backward(Call& call);
void expert_linear_input_gradient(Call& call);

}  // namespace elastic::checked
