// The Attention Router, each head on its own.
#include <algorithm>
#include <cmath>
#include <vector>

#include "addon/operations.h"
#include "core/thread_pool.h"
#include "floats/kernel_table.h"

namespace elastic {
namespace {

float rounded(const RouterCall& router, double value) {
  const auto narrow = static_cast<float>(value);
  return router.round_bf16 ? bf16_to_float(float_to_bf16(narrow)) : narrow;
}

std::vector<float> pooled_keys(const RouterCall& router, const RouterCall::Pool& pool, int64_t head) {
  const int64_t head_dim = router.head_dim;
  const FloatKernels& kernels = float_kernels();
  std::vector<double> sum(static_cast<std::size_t>(head_dim), 0.0);
  std::vector<float> row(static_cast<std::size_t>(head_dim));
  int64_t rows = 0;
  for (int64_t index = 0; index < pool.count; ++index) {
    for (int64_t token = pool.ranges[index][0]; token < pool.ranges[index][1]; ++token, ++rows) {
      const char* source = router.keys.row(token) + head * head_dim * byte_size(router.keys.dtype);
      kernels.convert(source, router.keys.dtype, reinterpret_cast<char*>(row.data()), DType::F32, head_dim);
      for (int64_t i = 0; i < head_dim; ++i) sum[static_cast<std::size_t>(i)] += row[static_cast<std::size_t>(i)];
    }
  }
  std::vector<float> mean(sum.size());
  for (std::size_t i = 0; i < sum.size(); ++i) mean[i] = rounded(router, sum[i] / static_cast<double>(rows));
  return mean;
}

std::vector<float> apply(const RouterCall& router, int index, const std::vector<float>& x) {
  const RouterCall::Layer& layer = router.layers[static_cast<std::size_t>(index)];
  const auto inputs = static_cast<int64_t>(x.size());
  const FloatKernels& kernels = float_kernels();
  std::vector<float> y(static_cast<std::size_t>(layer.weight.rows));
  for (int64_t out = 0; out < layer.weight.rows; ++out) {
    const float* weight = layer.weight.floats(out);
    double sum = layer.bias.floats(0)[out];
    if (router.round_bf16) {
      // Rounding makes near ties visible, so the sum must be as good as the reference's.
      for (int64_t i = 0; i < inputs; ++i) sum += static_cast<double>(weight[i]) * x[static_cast<std::size_t>(i)];
    } else {
      sum += kernels.dot(weight, x.data(), inputs);
    }
    float value = rounded(router, sum);
    if (RouterCall::kActivated[index]) value = rounded(router, value / (1.0 + std::exp(-static_cast<double>(value))));
    y[static_cast<std::size_t>(out)] = value;
  }
  return y;
}

}  // namespace

void backend::router_logits(const RouterCall& router) {
  const auto sequences = static_cast<int64_t>(router.pools.size());
  parallel_for(sequences * router.heads, [&](int64_t task) {
    const int64_t sequence = task / router.heads, head = task % router.heads;
    std::vector<float> x = pooled_keys(router, router.pools[static_cast<std::size_t>(sequence)], head);
    for (int layer = 0; layer < RouterCall::kLayers; ++layer) x = apply(router, layer, x);
    std::copy(x.begin(), x.end(), router.output.floats(sequence) + head * router.classes);
    if (router.decision.data == nullptr) return;
    const bool retrieval = static_cast<double>(x[1]) - static_cast<double>(x[0]) > router.threshold;
    router.decision.row(sequence)[head] = retrieval ? 0 : 1;
  });
}

}  // namespace elastic
