// The Attention Router: the thread blocks of a cluster share a head; each computes its part of every layer's outputs.
#include <cooperative_groups.h>

#include <algorithm>
#include <stdexcept>

#include "addon/operations.h"
#include "core/device/check.h"
#include "core/device/device.h"
#include "core/elements/floats.cuh"
#include "core/memory/staging.h"
#include "router/router_resident.h"

namespace elastic {
namespace {

constexpr int kThreads = 512;
constexpr int kWarps = kThreads / 32;
/** Thread blocks of a cluster where the device has clusters. */
constexpr int kCluster = 4;
/** Outputs that a warp sums side by side, to have their weights in flight together. */
constexpr int kSideBySide = 4;

#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
#define ELASTIC_CLUSTERS 1
#endif

struct RouterLayer {
  const float* weight;
  const float* bias;
  int64_t weight_stride;
  int inputs;
  int outputs;
  /** Whether rows can be read 16 bytes at a time. */
  bool wide;
};

struct RouterTables {
  RouterLayer layers[RouterCall::kLayers];
  int heads;
  int head_dim;
  int classes;
  int widest;
  bool round_bf16;
  /** Whether four elements of a head can be read at a time. */
  bool wide_keys;
  /** [sequences, heads], rows `decision_stride` apart, or null: as in RouterCall. */
  uint8_t* decision;
  int64_t decision_stride;
  double threshold;
};

__device__ float rounded(const RouterTables& tables, double value) {
  const auto narrow = static_cast<float>(value);
  return tables.round_bf16 ? __bfloat162float(__float2bfloat16_rn(narrow)) : narrow;
}

/** The same shared memory in another thread block of the cluster. */
__device__ inline float* of_block(float* pointer, int rank) {
#ifdef ELASTIC_CLUSTERS
  return cooperative_groups::this_cluster().map_shared_rank(pointer, rank);
#else
  return pointer;
#endif
}

__device__ inline void wait_for_cluster() {
#ifdef ELASTIC_CLUSTERS
  cooperative_groups::this_cluster().sync();
#else
  __syncthreads();
#endif
}

/** Sums of one warp: weights of several outputs times x. In double where rounding makes near ties visible. */
template <typename Sum>
__device__ void dot_rows(const RouterLayer& layer, const float* x, int first, int end, int lane, Sum (&sums)[kSideBySide]) {
#pragma unroll
  for (auto& sum : sums) sum = 0;
  if (layer.wide) {
    // All weights of the outputs are in flight before the first is used: the layers wait for memory, not for sums.
#pragma unroll 4
    for (int i = lane * 4; i < layer.inputs; i += 128) {
      float4 weights[kSideBySide];
#pragma unroll
      for (int k = 0; k < kSideBySide; ++k) {
        weights[k] = *reinterpret_cast<const float4*>(layer.weight + min(first + k, end - 1) * layer.weight_stride + i);
      }
      const float4 values = *reinterpret_cast<const float4*>(x + i);
#pragma unroll
      for (int k = 0; k < kSideBySide; ++k) {
        sums[k] += static_cast<Sum>(weights[k].x) * values.x;
        sums[k] += static_cast<Sum>(weights[k].y) * values.y;
        sums[k] += static_cast<Sum>(weights[k].z) * values.z;
        sums[k] += static_cast<Sum>(weights[k].w) * values.w;
      }
    }
  } else {
    for (int i = lane; i < layer.inputs; i += 32) {
#pragma unroll
      for (int k = 0; k < kSideBySide; ++k) {
        sums[k] += static_cast<Sum>(layer.weight[min(first + k, end - 1) * layer.weight_stride + i]) * x[i];
      }
    }
  }
#pragma unroll
  for (int step = 16; step > 0; step /= 2) {
#pragma unroll
    for (auto& sum : sums) sum += __shfl_xor_sync(0xffffffffu, sum, step);
  }
}

template <typename T>
struct alignas(4 * sizeof(T)) FourElements {
  T values[4];
};

/** Sums of a head's columns over the pooled rows, by all threads of the block; thread c of the first returns column c. */
template <typename T>
__device__ double pool_rows(Rows<T> keys, const RouterCall::Pool& pool, int head, int head_dim, bool wide, double* memory) {
  const int width = wide ? 4 : 1;
  const int columns = head_dim / width, stripes = kThreads / columns;
  const int stripe = threadIdx.x / columns, column = threadIdx.x % columns * width;
  double sums[4] = {};
  if (stripe < stripes) {
    for (int64_t range = 0; range < pool.count; ++range) {
      const int64_t start = pool.ranges[range][0], end = pool.ranges[range][1];
      if (wide) {
#pragma unroll 8
        for (int64_t row = start + stripe; row < end; row += stripes) {
          const auto four = *reinterpret_cast<const FourElements<T>*>(keys[row] + head * head_dim + column);
#pragma unroll
          for (int i = 0; i < 4; ++i) sums[i] += to_float(four.values[i]);
        }
      } else {
        for (int64_t row = start + stripe; row < end; row += stripes) sums[0] += to_float(keys[row][head * head_dim + column]);
      }
    }
    for (int i = 0; i < width; ++i) memory[stripe * head_dim + column + i] = sums[i];
  }
  __syncthreads();
  double sum = 0;
  if (threadIdx.x < static_cast<unsigned>(head_dim)) {
    for (int i = 0; i < stripes; ++i) sum += memory[i * head_dim + threadIdx.x];
  }
  return sum;
}

template <typename T>
__global__ void __launch_bounds__(kThreads)
    route_heads(Rows<T> keys, const RouterCall::Pool* pools, Rows<float> output, const RouterTables tables) {
  extern __shared__ double memory[];
#ifdef ELASTIC_CLUSTERS
  const int blocks = static_cast<int>(cooperative_groups::this_cluster().num_blocks());
#else
  const int blocks = 1;
#endif
  const int head = blockIdx.x / blocks, rank = blockIdx.x % blocks;
  const RouterCall::Pool pool = pools[blockIdx.y];
  const int head_dim = tables.head_dim;
  auto* x = reinterpret_cast<float*>(memory + 4 * kThreads);
  float* y = x + tables.widest;

  // Every block pools for itself: that is quicker than to wait for another.
  int64_t rows = 0;
  for (int64_t range = 0; range < pool.count; ++range) rows += pool.ranges[range][1] - pool.ranges[range][0];
  const double sum = pool_rows(keys, pool, head, head_dim, tables.wide_keys, memory);
  if (threadIdx.x < static_cast<unsigned>(head_dim)) x[threadIdx.x] = rounded(tables, sum / static_cast<double>(rows));
  wait_for_cluster();

  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  for (int index = 0; index < RouterCall::kLayers; ++index) {
    const RouterLayer layer = tables.layers[index];
    const bool activated = index != 1 && index != RouterCall::kLayers - 1;
    const int begin = layer.outputs * rank / blocks, end = layer.outputs * (rank + 1) / blocks;
    for (int first = begin + warp * kSideBySide; first < end; first += kWarps * kSideBySide) {
      double totals[kSideBySide];
      if (tables.round_bf16) {
        dot_rows(layer, x, first, end, lane, totals);
      } else {
        float parts[kSideBySide];
        dot_rows(layer, x, first, end, lane, parts);
#pragma unroll
        for (int k = 0; k < kSideBySide; ++k) totals[k] = parts[k];
      }
#pragma unroll
      for (int k = 0; k < kSideBySide; ++k) {
        if (first + k >= end) break;
        float value = rounded(tables, totals[k] + layer.bias[first + k]);
        if (activated && tables.round_bf16) value = rounded(tables, value / (1.0 + exp(-static_cast<double>(value))));
        else if (activated) value = value / (1.0f + expf(-value));
        if (lane < blocks) of_block(y, lane)[first + k] = value;
      }
    }
    wait_for_cluster();
    float* swapped = x;
    x = y;
    y = swapped;
  }
  if (rank == 0 && threadIdx.x < static_cast<unsigned>(tables.classes)) {
    output[blockIdx.y][head * tables.classes + threadIdx.x] = x[threadIdx.x];
  }
  if (rank == 0 && threadIdx.x == 0 && tables.decision != nullptr) {
    const bool retrieval = static_cast<double>(x[1]) - static_cast<double>(x[0]) > tables.threshold;
    tables.decision[blockIdx.y * tables.decision_stride + head] = retrieval ? 0 : 1;
  }
}

}  // namespace

void backend::router_logits(const RouterCall& router) {
  if (router.head_dim > kThreads || router.pools.empty()) {
    if (router.pools.empty()) return;
    throw std::range_error("the router takes head dimensions up to 512 on this device");
  }
  const cudaStream_t stream = Device::instance().stream;
  if (try_resident_router(router, stream)) return;
  RouterTables tables{};
  tables.heads = static_cast<int>(router.heads);
  tables.head_dim = static_cast<int>(router.head_dim);
  tables.classes = static_cast<int>(router.classes);
  tables.round_bf16 = router.round_bf16;
  tables.decision = reinterpret_cast<uint8_t*>(router.decision.data);
  tables.decision_stride = router.decision.row_stride;
  tables.threshold = router.threshold;
  int64_t widest = router.head_dim;
  for (int i = 0; i < RouterCall::kLayers; ++i) {
    const RouterCall::Layer& layer = router.layers[static_cast<size_t>(i)];
    tables.layers[i] = {reinterpret_cast<const float*>(layer.weight.data), reinterpret_cast<const float*>(layer.bias.data),
                        layer.weight.row_stride, static_cast<int>(layer.weight.columns),
                        static_cast<int>(layer.weight.rows),
                        layer.weight.columns % 4 == 0 && layer.weight.row_stride % 4 == 0 &&
                            reinterpret_cast<uintptr_t>(layer.weight.data) % 16 == 0};
    widest = std::max(widest, layer.weight.rows);
  }
  // Buffers of activations lie one after another and are read 16 bytes at a time.
  widest = (widest + 3) / 4 * 4;
  tables.widest = static_cast<int>(widest);
  const int64_t four = 4 * byte_size(router.keys.dtype);
  tables.wide_keys = router.head_dim % 4 == 0 && router.head_dim <= kThreads &&
                     reinterpret_cast<uintptr_t>(router.keys.data) % static_cast<uintptr_t>(four) == 0 && router.keys.row_stride % 4 == 0;
  const size_t shared = 4 * kThreads * sizeof(double) + 2 * static_cast<size_t>(widest) * sizeof(float);
  if (shared > 48 * 1024) throw std::range_error("a layer of the router is too wide for this device");
  const Scratch pools(router.pools.size() * sizeof(RouterCall::Pool));
  upload_small(pools.data(), router.pools.data(), router.pools.size() * sizeof(RouterCall::Pool), Device::instance().stream);
  const unsigned blocks = Device::instance().capability >= 90 ? kCluster : 1;
  cudaLaunchAttribute attribute{};
  attribute.id = cudaLaunchAttributeClusterDimension;
  attribute.val.clusterDim = {blocks, 1, 1};
  cudaLaunchConfig_t configuration{};
  configuration.gridDim = dim3(static_cast<unsigned>(router.heads) * blocks, static_cast<unsigned>(router.pools.size()));
  configuration.blockDim = dim3(kThreads);
  configuration.dynamicSmemBytes = shared;
  configuration.stream = stream;
  configuration.attrs = &attribute;
  configuration.numAttrs = blocks > 1 ? 1 : 0;
  with_float_type(router.keys.dtype, [&]<typename T>(T*) {
    check(cudaLaunchKernelEx(&configuration, route_heads<T>, rows_of<T>(router.keys),
                             reinterpret_cast<const RouterCall::Pool*>(pools.data()), rows_of<float>(router.output),
                             tables),
          "routerLogits");
  });
  check(cudaGetLastError(), "routerLogits");
}

}  // namespace elastic
