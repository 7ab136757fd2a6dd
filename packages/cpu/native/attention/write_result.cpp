#include "attention/write_result.h"

#include <algorithm>
#include <cmath>

#include "floats/kernel_table.h"

namespace elastic {
namespace {

constexpr float kLog2E = 1.44269504f;

}  // namespace

void write_result(const AttentionCall& call, int64_t row, int64_t head, float* out, float maximum, float sum) {
  const FloatKernels& kernels = float_kernels();
  const bool nothing = maximum == -INFINITY;
  float share = 1;
  if (call.sink_logits.data != nullptr && !nothing) {
    const float sink = call.sink_logits.floats(0)[head] * kLog2E, top = std::max(maximum, sink);
    share = std::exp2(maximum - top);
    sum = sum * share + std::exp2(sink - top);
    maximum = top;
  }
  kernels.scale(out, nothing ? 0.0f : share / sum, call.head_dim);
  char* target = call.output.row(row) + head * call.head_dim * byte_size(call.output.dtype);
  kernels.convert(reinterpret_cast<const char*>(out), DType::F32, target, call.output.dtype, call.head_dim);
  if (call.log_sum_exp.data == nullptr) return;
  call.log_sum_exp.floats(row)[head] = nothing ? INFINITY : maximum * kLogTwo + std::log(sum);
}

}  // namespace elastic
