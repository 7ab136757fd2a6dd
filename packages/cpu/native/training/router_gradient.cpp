// The Attention Router's way back: its activations are computed again, since a router is small.
#include <algorithm>
#include <cmath>

#include "core/thread_pool.h"
#include "floats/gradients/gradient_table.h"
#include "floats/kernel_table.h"
#include "training/training_operations.h"

namespace elastic {
namespace {

constexpr int kLayers = RouterCall::kLayers;

/** What the layers of one head of one sequence were given and computed, and the gradients of that. */
struct Sample {
  /** Inputs of each layer. */
  std::vector<float> inputs[kLayers];
  /** Outputs of each layer before its activation; on the way back, their gradient. */
  std::vector<float> outputs[kLayers];
  /** Gradient of the pooled key. */
  std::vector<float> pooled;
};

float sigmoid(float x) { return 1.0f / (1.0f + std::exp(-x)); }

std::vector<float> pooled_key(const RouterBackward& router, const std::vector<RowRange>& pool, int64_t head) {
  const auto size = static_cast<std::size_t>(router.head_dim);
  std::vector<double> sum(size, 0.0);
  std::vector<float> row(size), mean(size);
  int64_t rows = 0;
  for (const RowRange& range : pool) {
    for (int64_t token = range.start; token < range.end; ++token) {
      const char* source = router.keys.row(token) + head * router.head_dim * byte_size(router.keys.dtype);
      float_kernels().convert(source, router.keys.dtype, reinterpret_cast<char*>(row.data()), DType::F32, router.head_dim);
      for (std::size_t i = 0; i < size; ++i) sum[i] += row[i];
    }
    rows += range.rows();
  }
  for (std::size_t i = 0; i < size; ++i) mean[i] = static_cast<float>(sum[i] / static_cast<double>(rows));
  return mean;
}

/** Forward through all layers, then back to the pooled key. */
void compute(const RouterBackward& router, int64_t index, Sample& sample) {
  const int64_t sequence = index / router.heads, head = index % router.heads;
  std::vector<float> x = pooled_key(router, router.pools[static_cast<std::size_t>(sequence)], head);
  for (int layer = 0; layer < kLayers; ++layer) {
    const auto& [weight, bias] = router.layers[static_cast<std::size_t>(layer)];
    std::vector<float> y(static_cast<std::size_t>(weight.rows));
    for (int64_t row = 0; row < weight.rows; ++row) {
      y[static_cast<std::size_t>(row)] = bias.floats(0)[row] + float_kernels().dot(weight.floats(row), x.data(), weight.columns);
    }
    sample.inputs[layer] = std::move(x);
    sample.outputs[layer] = y;
    x = std::move(y);
    if (RouterCall::kActivated[layer]) {
      for (float& value : x) value *= sigmoid(value);
    }
  }
  const float* target = router.logits_gradient.floats(sequence) + head * router.classes;
  std::vector<float> gradient(target, target + router.classes);
  for (int layer = kLayers - 1; layer >= 0; --layer) {
    const Matrix& weight = router.layers[static_cast<std::size_t>(layer)].weight;
    std::vector<float>& outputs = sample.outputs[layer];
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      const float s = sigmoid(outputs[i]);
      outputs[i] = RouterCall::kActivated[layer] ? gradient[i] * s * (1.0f + outputs[i] * (1.0f - s)) : gradient[i];
    }
    gradient.assign(static_cast<std::size_t>(weight.columns), 0.0f);
    for (int64_t row = 0; row < weight.rows; ++row) {
      gradient_kernels().add_scaled(weight.floats(row), outputs[static_cast<std::size_t>(row)], gradient.data(), weight.columns);
    }
  }
  sample.pooled = std::move(gradient);
}

/** Every row of a layer's gradient is the sum over all samples, in their order, and then added to what is there. */
void add_weight_gradients(const RouterBackward& router, int layer, const std::vector<Sample>& samples) {
  const auto& [weight, bias] = router.gradients[static_cast<std::size_t>(layer)];
  parallel_rows(weight.rows, 8, [&, &weight = weight, &bias = bias](int64_t first, int64_t last) {
    std::vector<float> sums(static_cast<std::size_t>(weight.columns));
    for (int64_t row = first; row < last; ++row) {
      std::fill(sums.begin(), sums.end(), 0.0f);
      float total = 0;
      for (const Sample& sample : samples) {
        const float factor = sample.outputs[layer][static_cast<std::size_t>(row)];
        gradient_kernels().add_scaled(sample.inputs[layer].data(), factor, sums.data(), weight.columns);
        total += factor;
      }
      gradient_kernels().add_floats(sums.data(), weight.row(row), DType::F32, weight.columns);
      bias.floats(0)[row] += total;
    }
  });
}

/** The mean's gradient: every counted row gets its share. Ranges of one head may overlap, heads do not. */
void add_keys_gradient(const RouterBackward& router, std::vector<Sample>& samples) {
  const Matrix& target = router.keys_gradient;
  parallel_for(router.heads, [&](int64_t head) {
    for (std::size_t sequence = 0; sequence < router.pools.size(); ++sequence) {
      std::vector<float>& share = samples[sequence * static_cast<std::size_t>(router.heads) + static_cast<std::size_t>(head)].pooled;
      int64_t rows = 0;
      for (const RowRange& range : router.pools[sequence]) rows += range.rows();
      for (float& value : share) value /= static_cast<float>(rows);
      for (const RowRange& range : router.pools[sequence]) {
        for (int64_t token = range.start; token < range.end; ++token) {
          char* row = target.row(token) + head * router.head_dim * byte_size(target.dtype);
          gradient_kernels().add_floats(share.data(), row, target.dtype, router.head_dim);
        }
      }
    }
  });
}

}  // namespace

void backend::router_logits_backward(const RouterBackward& router) {
  std::vector<Sample> samples(static_cast<std::size_t>(router.samples()));
  parallel_for(router.samples(), [&](int64_t index) { compute(router, index, samples[static_cast<std::size_t>(index)]); });
  for (int layer = 0; layer < kLayers; ++layer) add_weight_gradients(router, layer, samples);
  if (router.keys_gradient.data != nullptr) add_keys_gradient(router, samples);
}

}  // namespace elastic
