// The Attention Router's way back. A block takes one head of one sequence forward and back through all layers, since a
// router is small; then every row of every weight's gradient is the sum over those, in their order.
#include <algorithm>
#include <stdexcept>

#include "core/device/check.h"
#include "core/device/device.h"
#include "core/memory/staging.h"
#include "core/elements/elements.cuh"
#include "training/training_operations.h"

namespace elastic {
namespace {

constexpr int kThreads = 256;
constexpr int kWarps = kThreads / 32;
constexpr int kLayers = RouterCall::kLayers;

struct Layer {
  const float* weight;
  const float* bias;
  float* weight_gradient;
  float* bias_gradient;
  int64_t weight_stride;
  int64_t gradient_stride;
  int inputs;
  int outputs;
  bool activated;
  /** Where a sample keeps the layer's inputs, and the gradients of its outputs. */
  int input_at;
  int output_at;
};

struct Tables {
  Layer layers[kLayers];
  int heads;
  int head_dim;
  int classes;
  int widest;
  /** Floats of a sample: inputs and output gradients of all layers, then the gradient of the pooled key. */
  int sample_floats;
  int pooled_at;
};

/** Rows of all sequences, and where those of each begin. */
struct Pools {
  const RowRange* ranges;
  const int32_t* starts;
};

__device__ inline float sigmoid(float x) { return 1.0f / (1.0f + expf(-x)); }

__device__ inline int64_t pooled_rows(const Pools& pools, int sequence) {
  int64_t rows = 0;
  for (int i = pools.starts[sequence]; i < pools.starts[sequence + 1]; ++i) rows += pools.ranges[i].end - pools.ranges[i].start;
  return rows;
}

/** Mean of a head's pooled rows into x, by stripes of threads that each add every so many rows. */
template <typename T>
__device__ void pool_head(Rows<T> keys, const Pools& pools, int sequence, int head, int head_dim, float* x) {
  __shared__ double parts[kThreads];
  const double rows = static_cast<double>(pooled_rows(pools, sequence));
  for (int first = 0; first < head_dim; first += kThreads) {
    const int columns = min(kThreads, head_dim - first), stripes = kThreads / columns;
    const int column = threadIdx.x % columns, stripe = threadIdx.x / columns;
    double sum = 0;
    if (stripe < stripes) {
      for (int i = pools.starts[sequence]; i < pools.starts[sequence + 1]; ++i) {
#pragma unroll 4
        for (int64_t row = pools.ranges[i].start + stripe; row < pools.ranges[i].end; row += stripes) {
          sum += to_float(keys[row][head * head_dim + first + column]);
        }
      }
    }
    parts[threadIdx.x] = sum;
    __syncthreads();
    if (threadIdx.x < columns) {
      for (int other = 1; other < stripes; ++other) sum += parts[other * columns + column];
      x[first + column] = static_cast<float>(sum / rows);
    }
    __syncthreads();
  }
}

template <typename T>
__global__ void __launch_bounds__(kThreads) backward_samples(Rows<T> keys, const Pools pools, Rows<float> logits_gradient, float* samples,
                                                             const Tables tables) {
  extern __shared__ float memory[];
  float *x = memory, *y = memory + tables.widest;
  const int sequence = blockIdx.x / tables.heads, head = blockIdx.x % tables.heads;
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  float* sample = samples + static_cast<int64_t>(blockIdx.x) * tables.sample_floats;
  pool_head(keys, pools, sequence, head, tables.head_dim, x);
  for (int index = 0; index < kLayers; ++index) {
    const Layer& layer = tables.layers[index];
    for (int i = threadIdx.x; i < layer.inputs; i += kThreads) sample[layer.input_at + i] = x[i];
    for (int row = warp; row < layer.outputs; row += kWarps) {
      const float* weight = layer.weight + row * layer.weight_stride;
      float sum = 0;
      for (int i = lane; i < layer.inputs; i += 32) sum += weight[i] * x[i];
      sum = warp_sum(sum) + layer.bias[row];
      if (lane == 0) {
        sample[layer.output_at + row] = sum;
        y[row] = layer.activated ? sum * sigmoid(sum) : sum;
      }
    }
    __syncthreads();
    float* swapped = x;
    x = y;
    y = swapped;
  }
  // From here on x is the gradient of a layer's outputs behind its activation.
  const float* target = logits_gradient[sequence] + head * tables.classes;
  for (int i = threadIdx.x; i < tables.classes; i += kThreads) x[i] = target[i];
  __syncthreads();
  for (int index = kLayers - 1; index >= 0; --index) {
    const Layer& layer = tables.layers[index];
    for (int row = threadIdx.x; row < layer.outputs; row += kThreads) {
      const float before = sample[layer.output_at + row], s = sigmoid(before);
      x[row] *= layer.activated ? s * (1.0f + before * (1.0f - s)) : 1.0f;
      sample[layer.output_at + row] = x[row];
    }
    __syncthreads();
    for (int i = threadIdx.x; i < layer.inputs; i += kThreads) {
      float sum = 0;
#pragma unroll 8
      for (int row = 0; row < layer.outputs; ++row) sum += layer.weight[row * layer.weight_stride + i] * x[row];
      y[i] = sum;
    }
    __syncthreads();
    float* swapped = x;
    x = y;
    y = swapped;
  }
  const auto rows = static_cast<float>(pooled_rows(pools, sequence));
  for (int i = threadIdx.x; i < tables.head_dim; i += kThreads) sample[tables.pooled_at + i] = x[i] / rows;
}

/** A block for a row of a layer's weight: adds the sum over all samples. */
__global__ void __launch_bounds__(kThreads) add_weight_gradients(const float* samples, int num_samples, const Tables tables) {
  int row = blockIdx.x, index = 0;
  for (; row >= tables.layers[index].outputs; ++index) row -= tables.layers[index].outputs;
  const Layer& layer = tables.layers[index];
  for (int i = threadIdx.x; i < layer.inputs; i += kThreads) {
    float sum = 0;
#pragma unroll 8
    for (int sample = 0; sample < num_samples; ++sample) {
      const float* floats = samples + static_cast<int64_t>(sample) * tables.sample_floats;
      sum += floats[layer.output_at + row] * floats[layer.input_at + i];
    }
    layer.weight_gradient[row * layer.gradient_stride + i] += sum;
  }
  if (threadIdx.x != 0) return;
  float sum = 0;
  for (int sample = 0; sample < num_samples; ++sample) sum += samples[static_cast<int64_t>(sample) * tables.sample_floats + layer.output_at + row];
  layer.bias_gradient[row] += sum;
}

/** A block for a head: ranges may overlap, and so may sequences; both are taken in order. */
template <typename T>
__global__ void __launch_bounds__(kThreads) add_keys_gradient(Rows<T> target, const Pools pools, const float* samples, int sequences,
                                                              const Tables tables) {
  const int head = blockIdx.x, column = threadIdx.x % 32 + blockIdx.y * 32, stripe = threadIdx.x / 32;
  for (int sequence = 0; sequence < sequences; ++sequence) {
    const float* sample = samples + static_cast<int64_t>(sequence * tables.heads + head) * tables.sample_floats;
    const float share = column < tables.head_dim ? sample[tables.pooled_at + column] : 0.0f;
    for (int i = pools.starts[sequence]; i < pools.starts[sequence + 1]; ++i) {
      if (column < tables.head_dim) {
#pragma unroll 4
        for (int64_t row = pools.ranges[i].start + stripe; row < pools.ranges[i].end; row += kWarps) {
          T& element = target[row][head * tables.head_dim + column];
          element = from_float<T>(to_float(element) + share);
        }
      }
      __syncthreads();
    }
  }
}

Tables tables_of(const RouterBackward& router) {
  Tables tables{};
  tables.heads = static_cast<int>(router.heads);
  tables.head_dim = static_cast<int>(router.head_dim);
  tables.classes = static_cast<int>(router.classes);
  int64_t at = 0, widest = router.head_dim;
  for (int i = 0; i < kLayers; ++i) {
    const auto& [weight, bias] = router.layers[static_cast<size_t>(i)];
    const auto& [weight_gradient, bias_gradient] = router.gradients[static_cast<size_t>(i)];
    Layer& layer = tables.layers[i];
    layer = {reinterpret_cast<const float*>(weight.data), reinterpret_cast<const float*>(bias.data),
             reinterpret_cast<float*>(weight_gradient.data), reinterpret_cast<float*>(bias_gradient.data), weight.row_stride,
             weight_gradient.row_stride, static_cast<int>(weight.columns), static_cast<int>(weight.rows),
             RouterCall::kActivated[i], static_cast<int>(at), static_cast<int>(at + weight.columns)};
    at += weight.columns + weight.rows;
    widest = std::max(widest, weight.rows);
  }
  tables.pooled_at = static_cast<int>(at);
  tables.sample_floats = static_cast<int>(at + router.head_dim);
  tables.widest = static_cast<int>(widest);
  return tables;
}

}  // namespace

void backend::router_logits_backward(const RouterBackward& router) {
  if (router.pools.empty()) return;
  const cudaStream_t stream = Device::instance().stream;
  const Tables tables = tables_of(router);
  const size_t shared = 2 * static_cast<size_t>(tables.widest) * sizeof(float);
  if (shared > 40 * 1024) throw std::range_error("a layer of the router is too wide for this device");
  std::vector<RowRange> ranges;
  std::vector<int32_t> starts{0};
  for (const std::vector<RowRange>& pool : router.pools) {
    ranges.insert(ranges.end(), pool.begin(), pool.end());
    starts.push_back(static_cast<int32_t>(ranges.size()));
  }
  const Scratch range_table(ranges.size() * sizeof(RowRange)), start_table(starts.size() * sizeof(int32_t));
  upload_small(range_table.data(), ranges.data(), ranges.size() * sizeof(RowRange), stream);
  upload_small(start_table.data(), starts.data(), starts.size() * sizeof(int32_t), stream);
  const Pools pools{reinterpret_cast<const RowRange*>(range_table.data()), reinterpret_cast<const int32_t*>(start_table.data())};
  const auto num_samples = static_cast<unsigned>(router.samples());
  const Scratch sample_memory(static_cast<size_t>(num_samples) * static_cast<size_t>(tables.sample_floats) * sizeof(float));
  auto* samples = reinterpret_cast<float*>(sample_memory.data());
  with_float_type(router.keys.dtype, [&]<typename T>(T*) {
    backward_samples<<<num_samples, kThreads, shared, stream>>>(rows_of<T>(router.keys), pools, rows_of<float>(router.logits_gradient),
                                                                samples, tables);
  });
  int rows = 0;
  for (const Layer& layer : tables.layers) rows += layer.outputs;
  if (rows > 0) add_weight_gradients<<<static_cast<unsigned>(rows), kThreads, 0, stream>>>(samples, static_cast<int>(num_samples), tables);
  if (router.keys_gradient.data != nullptr) {
    const dim3 grid(static_cast<unsigned>(router.heads), static_cast<unsigned>((router.head_dim + 31) / 32));
    with_float_type(router.keys_gradient.dtype, [&]<typename T>(T*) {
      add_keys_gradient<<<grid, kThreads, 0, stream>>>(rows_of<T>(router.keys_gradient), pools, samples,
                                                       static_cast<int>(router.pools.size()), tables);
    });
  }
  check(cudaGetLastError(), "routerLogitsBackward");
}

}  // namespace elastic
