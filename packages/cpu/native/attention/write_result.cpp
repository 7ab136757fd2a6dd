#include "attention/write_result.h"

#include <cmath>

#include "floats/kernel_table.h"

namespace elastic {

void write_result(const AttentionCall& call, int64_t row, int64_t head, float* out, float maximum, float sum) {
  const FloatKernels& kernels = float_kernels();
  const bool nothing = maximum == -INFINITY;
  kernels.scale(out, nothing ? 0.0f : 1.0f / sum, call.head_dim);
  char* target = call.output.row(row) + head * call.head_dim * byte_size(call.output.dtype);
  kernels.convert(reinterpret_cast<const char*>(out), DType::F32, target, call.output.dtype, call.head_dim);
  if (call.log_sum_exp.data == nullptr) return;
  call.log_sum_exp.floats(row)[head] = nothing ? INFINITY : maximum * kLogTwo + std::log(sum);
}

}  // namespace elastic
