#include "router/router_logits.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/thread_pool.h"
#include "floats/kernel_table.h"

namespace elastic {
namespace {

constexpr int kLayers = 5;
/** No activation after the task MLP and after the last layer. */
constexpr bool kActivated[kLayers] = {true, false, true, true, false};

struct Layer {
  Matrix weight;
  Matrix bias;
};

struct Router {
  Matrix keys;
  int64_t heads, head_dim, classes;
  bool round_bf16;
  Layer layers[kLayers];

  float rounded(double value) const {
    const auto narrow = static_cast<float>(value);
    return round_bf16 ? bf16_to_float(float_to_bf16(narrow)) : narrow;
  }
};

/** Rows of a sequence that are averaged; a row in two ranges counts twice. */
struct Pool {
  int64_t ranges[2][2];
  int64_t count;
};

std::vector<float> pooled_keys(const Router& router, const Pool& pool, int64_t head) {
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
  for (std::size_t i = 0; i < sum.size(); ++i) mean[i] = router.rounded(sum[i] / static_cast<double>(rows));
  return mean;
}

std::vector<float> apply(const Router& router, int index, const std::vector<float>& x) {
  const Layer& layer = router.layers[index];
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
    float value = router.rounded(sum);
    if (kActivated[index]) value = router.rounded(value / (1.0 + std::exp(-static_cast<double>(value))));
    y[static_cast<std::size_t>(out)] = value;
  }
  return y;
}

}  // namespace

void router_logits(Call& call) {
  Router router;
  router.keys = call.tensor("keys");
  const Matrix output = call.tensor("output");
  router.heads = call.integer("heads");
  router.head_dim = call.integer("head dimension");
  router.round_bf16 = call.flag("round to bf16");
  call.require_float(router.keys, "keys");
  call.require_dtype(output, DType::F32, "output");
  call.require(router.heads > 0 && router.head_dim > 0 && router.keys.columns == router.heads * router.head_dim,
               "keys do not fit the heads");
  int64_t inputs = router.head_dim;
  for (Layer& layer : router.layers) {
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
  call.require(output.rows == sequences && output.columns == router.heads * router.classes, "output has another shape");
  std::vector<Pool> pools;
  for (int64_t sequence = 0; sequence < sequences; ++sequence) {
    Pool pool{};
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
    pools.push_back(pool);
  }
  parallel_for(sequences * router.heads, [&](int64_t task) {
    const int64_t sequence = task / router.heads, head = task % router.heads;
    std::vector<float> x = pooled_keys(router, pools[static_cast<std::size_t>(sequence)], head);
    for (int layer = 0; layer < kLayers; ++layer) x = apply(router, layer, x);
    std::copy(x.begin(), x.end(), output.floats(sequence) + head * router.classes);
  });
}

}  // namespace elastic
