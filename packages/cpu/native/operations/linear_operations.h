#pragma once
#include "core/call.h"

namespace elastic {

/** Packs row-major matrices into a weight buffer of `packed_weight_bytes`. */
void pack_linear(Call& call);
/** output = input · weightᵀ (+ bias) (+ output). */
void linear(Call& call);
/** Bytes of a packed weight: (outputs, inputs, dtype) -> number. */
Napi::Value packed_weight_bytes(const Napi::CallbackInfo& info);

}  // namespace elastic
