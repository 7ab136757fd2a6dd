// The Attention Router: one thread block pools a head's keys and runs both MLPs.
#include <algorithm>
#include <stdexcept>

#include "addon/operations.h"
#include "core/check.h"
#include "core/device.h"
#include "core/floats.cuh"

namespace elastic {
namespace {

constexpr int kThreads = 512;

struct RouterLayer {
  const float* weight;
  const float* bias;
  int64_t weight_stride;
  int inputs;
  int outputs;
};

struct RouterTables {
  RouterLayer layers[RouterCall::kLayers];
  int heads;
  int head_dim;
  int classes;
  int widest;
  bool round_bf16;
};

__device__ float rounded(const RouterTables& tables, double value) {
  const auto narrow = static_cast<float>(value);
  return tables.round_bf16 ? __bfloat162float(__float2bfloat16_rn(narrow)) : narrow;
}

template <typename T>
__global__ void __launch_bounds__(kThreads)
    route_heads(Rows<T> keys, const RouterCall::Pool* pools, Rows<float> output, const RouterTables tables) {
  extern __shared__ double memory[];
  const int head = blockIdx.x;
  const RouterCall::Pool pool = pools[blockIdx.y];
  const int head_dim = tables.head_dim;
  auto* x = reinterpret_cast<float*>(memory + kThreads);
  float* y = x + tables.widest;

  // Threads side by side read one row; stripes of threads take rows in turn.
  const int stripes = kThreads / head_dim, stripe = threadIdx.x / head_dim, column = threadIdx.x % head_dim;
  double sum = 0;
  int64_t rows = 0;
  for (int64_t range = 0; range < pool.count; ++range) {
    const int64_t start = pool.ranges[range][0], end = pool.ranges[range][1];
    if (stripe < stripes) {
      for (int64_t row = start + stripe; row < end; row += stripes) sum += to_float(keys[row][head * head_dim + column]);
    }
    rows += end - start;
  }
  memory[threadIdx.x] = sum;
  __syncthreads();
  if (threadIdx.x < static_cast<unsigned>(head_dim)) {
    for (int i = 1; i < stripes; ++i) sum += memory[i * head_dim + column];
    x[column] = rounded(tables, sum / static_cast<double>(rows));
  }
  __syncthreads();

  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  for (int index = 0; index < RouterCall::kLayers; ++index) {
    const RouterLayer layer = tables.layers[index];
    const bool activated = index != 1 && index != RouterCall::kLayers - 1;
    for (int out = warp; out < layer.outputs; out += kThreads / 32) {
      const float* weight = layer.weight + out * layer.weight_stride;
      double total = 0;
      if (tables.round_bf16) {
        // Rounding makes near ties visible, so the sum must be as good as the reference's.
        for (int i = lane; i < layer.inputs; i += 32) total += static_cast<double>(weight[i]) * x[i];
        for (int step = 16; step > 0; step /= 2) total += __shfl_xor_sync(0xffffffffu, total, step);
      } else {
        float part = 0;
        for (int i = lane; i < layer.inputs; i += 32) part = fmaf(weight[i], x[i], part);
        total = warp_sum(part);
      }
      if (lane == 0) {
        float value = rounded(tables, total + layer.bias[out]);
        if (activated) value = rounded(tables, value / (1.0 + exp(-static_cast<double>(value))));
        y[out] = value;
      }
    }
    __syncthreads();
    float* swapped = x;
    x = y;
    y = swapped;
  }
  if (threadIdx.x < static_cast<unsigned>(tables.classes)) {
    output[blockIdx.y][head * tables.classes + threadIdx.x] = x[threadIdx.x];
  }
}

}  // namespace

void backend::router_logits(const RouterCall& router) {
  if (router.head_dim > kThreads || router.pools.empty()) {
    if (router.pools.empty()) return;
    throw std::range_error("the router takes head dimensions up to 512 on this device");
  }
  const cudaStream_t stream = Device::instance().stream;
  RouterTables tables{};
  tables.heads = static_cast<int>(router.heads);
  tables.head_dim = static_cast<int>(router.head_dim);
  tables.classes = static_cast<int>(router.classes);
  tables.round_bf16 = router.round_bf16;
  int64_t widest = router.head_dim;
  for (int i = 0; i < RouterCall::kLayers; ++i) {
    const RouterCall::Layer& layer = router.layers[static_cast<size_t>(i)];
    tables.layers[i] = {reinterpret_cast<const float*>(layer.weight.data), reinterpret_cast<const float*>(layer.bias.data),
                        layer.weight.row_stride, static_cast<int>(layer.weight.columns),
                        static_cast<int>(layer.weight.rows)};
    widest = std::max(widest, layer.weight.rows);
  }
  tables.widest = static_cast<int>(widest);
  const size_t shared = kThreads * sizeof(double) + 2 * static_cast<size_t>(widest) * sizeof(float);
  if (shared > 48 * 1024) throw std::range_error("a layer of the router is too wide for this device");
  const Scratch pools(router.pools.size() * sizeof(RouterCall::Pool));
  upload_small(pools.data(), router.pools.data(), router.pools.size() * sizeof(RouterCall::Pool));
  const dim3 grid(static_cast<unsigned>(router.heads), static_cast<unsigned>(router.pools.size()));
  with_float_type(router.keys.dtype, [&]<typename T>(T*) {
    route_heads<<<grid, kThreads, shared, stream>>>(rows_of<T>(router.keys),
                                                    reinterpret_cast<const RouterCall::Pool*>(pools.data()),
                                                    rows_of<float>(router.output), tables);
  });
  check(cudaGetLastError(), "routerLogits");
}

}  // namespace elastic
