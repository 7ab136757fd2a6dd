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
/** The next weight: its buffer as bytes, then its shape. */
WeightArgument read_weight(Call& call);

void rms_norm(Call& call);
void head_norm(Call& call);
void rotary(Call& call);
void swiglu(Call& call);
void embedding(Call& call);
void add(Call& call);
void cast(Call& call);
/** Bytes of a weight of (outputs, inputs, dtype). */
int64_t packed_weight_bytes(Call& call);
void pack_linear(Call& call);
void linear(Call& call);
void copy_spans(Call& call);
void cache_append(Call& call);
void hybrid_attention(Call& call);
void xattention_estimate(Call& call);
void router_logits(Call& call);

}  // namespace elastic::checked
