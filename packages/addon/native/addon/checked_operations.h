#pragma once
#include "addon/call.h"
#include "addon/operations.h"

/** Operations over packed arguments; see `operations.h`. @throws Napi::Error (TypeError, RangeError) */
namespace elastic::checked {

/** Raises a RangeError unless two matrices have one shape. */
void require_same(const Call& call, const Matrix& a, const Matrix& b, const char* message);
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
