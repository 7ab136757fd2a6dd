// The thread blocks of a cluster share a head. Each holds its part of every layer's weights in shared memory, where they
// arrive while the keys are averaged; results of a layer go to all blocks of the cluster.
#include <cooperative_groups.h>

#include <algorithm>

#include "core/check.h"
#include "core/device.h"
#include "core/floats.cuh"
#include "ptx/bulk_copy.cuh"
#include "router/router_resident.h"

namespace elastic {
namespace {

constexpr int kThreads = 512;
constexpr int kWarps = kThreads / 32;
constexpr int kCluster = 8;
constexpr int kLayers = RouterCall::kLayers;
/** Sequences of one launch: their row ranges travel as parameters. */
constexpr int kMostPools = 16;
/** Rows that are averaged in float32. */
constexpr int64_t kMostRows = 4096;
constexpr int kSharedLimit = 200 * 1024;

#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
#define ELASTIC_CLUSTERS 1
#endif

struct ResidentRouter {
  const float* weights[kLayers];
  const float* biases[kLayers];
  int inputs[kLayers];
  int outputs[kLayers];
  int head_dim;
  int widest;
  RouterCall::Pool pools[kMostPools];
};

__host__ __device__ inline int first_output(const ResidentRouter& router, int layer, int rank) {
  return router.outputs[layer] * rank / kCluster;
}

/** Floats of the weights that one block holds; blocks with fewer outputs have some to spare. */
__host__ __device__ inline int slice_floats(const ResidentRouter& router, int layer) {
  return (router.outputs[layer] + kCluster - 1) / kCluster * router.inputs[layer];
}

#ifdef ELASTIC_CLUSTERS

template <typename T>
struct alignas(4 * sizeof(T)) FourElements {
  T values[4];
};

/** Averages of a head's columns over the pooled rows, in x. */
template <typename T>
__device__ void average_keys(Rows<const T> keys, const RouterCall::Pool& pool, int head, int head_dim, float* sums, float* x) {
  const int columns = head_dim / 4, stripes = kThreads / columns;
  const int stripe = threadIdx.x / columns, column = threadIdx.x % columns * 4;
  float four[4] = {};
  int64_t rows = 0;
  for (int64_t range = 0; range < pool.count; ++range) {
    const int64_t start = pool.ranges[range][0], end = pool.ranges[range][1];
    rows += end - start;
    if (stripe >= stripes) continue;
#pragma unroll 8
    for (int64_t row = start + stripe; row < end; row += stripes) {
      const auto element = *reinterpret_cast<const FourElements<T>*>(keys[row] + head * head_dim + column);
#pragma unroll
      for (int i = 0; i < 4; ++i) four[i] += to_float(element.values[i]);
    }
  }
  if (stripe < stripes) *reinterpret_cast<float4*>(sums + stripe * head_dim + column) = float4{four[0], four[1], four[2], four[3]};
  __syncthreads();
  if (threadIdx.x < static_cast<unsigned>(head_dim)) {
    // The stripes of a column are few; a float each, summed in double as the rows are many.
    double sum = 0;
    for (int i = 0; i < stripes; ++i) sum += sums[i * head_dim + threadIdx.x];
    x[threadIdx.x] = static_cast<float>(sum / static_cast<double>(rows));
  }
  __syncthreads();
}

#endif

template <typename T>
__global__ void __launch_bounds__(kThreads)
    route_resident(Rows<const T> keys, Rows<float> output, const __grid_constant__ ResidentRouter router) {
#ifdef ELASTIC_CLUSTERS
  namespace groups = cooperative_groups;
  extern __shared__ __align__(128) float memory[];
  __shared__ ptx::Barrier arrived[kLayers];
  const auto cluster = groups::this_cluster();
  const int rank = static_cast<int>(cluster.block_rank()), head = blockIdx.x / kCluster;
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  float* x = memory;
  float* y = x + router.widest;
  float* sums = y + router.widest;
  float* slices = sums + 4 * kThreads;
  if (threadIdx.x == 0) {
    for (ptx::Barrier& barrier : arrived) barrier.initialize(1);
    ptx::fence_barrier_initialization();
    float* slice = slices;
    for (int layer = 0; layer < kLayers; ++layer) {
      const int first = first_output(router, layer, rank), count = first_output(router, layer, rank + 1) - first;
      const auto bytes = static_cast<uint32_t>(count * router.inputs[layer]) * 4;
      arrived[layer].arrive_and_expect(bytes);
      if (bytes > 0) ptx::copy_bytes(slice, router.weights[layer] + first * router.inputs[layer], bytes, arrived[layer]);
      slice += slice_floats(router, layer);
    }
  }
  average_keys<T>(keys, router.pools[blockIdx.y], head, router.head_dim, sums, x);
  // Also: nobody writes to a block that has not begun.
  cluster.sync();
  const float* slice = slices;
  for (int layer = 0; layer < kLayers; ++layer) {
    const int inputs = router.inputs[layer], first = first_output(router, layer, rank);
    const int count = first_output(router, layer, rank + 1) - first;
    const bool activated = layer != 1 && layer != kLayers - 1;
    arrived[layer].wait(0);
    for (int index = warp; index < count; index += kWarps) {
      const float* row = slice + index * inputs;
      float sum = 0;
#pragma unroll 4
      for (int i = lane * 4; i < inputs; i += 128) {
        const float4 weight = *reinterpret_cast<const float4*>(row + i), value = *reinterpret_cast<const float4*>(x + i);
        sum = fmaf(weight.x, value.x, fmaf(weight.y, value.y, fmaf(weight.z, value.z, fmaf(weight.w, value.w, sum))));
      }
      sum = warp_sum(sum) + router.biases[layer][first + index];
      if (activated) sum = sum / (1.0f + expf(-sum));
      if (lane < kCluster) cluster.map_shared_rank(y, lane)[first + index] = sum;
    }
    slice += slice_floats(router, layer);
    cluster.sync();
    float* swapped = x;
    x = y;
    y = swapped;
  }
  const int classes = router.outputs[kLayers - 1];
  if (rank == 0 && threadIdx.x < static_cast<unsigned>(classes)) {
    output[blockIdx.y][head * classes + threadIdx.x] = x[threadIdx.x];
  }
#endif
}

}  // namespace

bool try_resident_router(const RouterCall& router, cudaStream_t stream) {
  if (Device::instance().capability < 90 || router.round_bf16 || router.head_dim % 4 != 0 || router.head_dim > kThreads) return false;
  const auto element = static_cast<uintptr_t>(byte_size(router.keys.dtype));
  if (reinterpret_cast<uintptr_t>(router.keys.data) % (4 * element) != 0 || router.keys.row_stride % 4 != 0) return false;
  for (const RouterCall::Pool& pool : router.pools) {
    int64_t rows = 0;
    for (int64_t range = 0; range < pool.count; ++range) rows += pool.ranges[range][1] - pool.ranges[range][0];
    if (rows > kMostRows) return false;
  }
  ResidentRouter resident{};
  resident.head_dim = static_cast<int>(router.head_dim);
  int64_t widest = router.head_dim, floats = 0;
  for (int layer = 0; layer < kLayers; ++layer) {
    const auto& [weight, bias] = router.layers[static_cast<size_t>(layer)];
    if (weight.row_stride != weight.columns || weight.columns % 4 != 0 || reinterpret_cast<uintptr_t>(weight.data) % 16 != 0) return false;
    if (weight.rows > 65536 || weight.columns > 65536) return false;
    resident.weights[layer] = reinterpret_cast<const float*>(weight.data);
    resident.biases[layer] = reinterpret_cast<const float*>(bias.data);
    resident.inputs[layer] = static_cast<int>(weight.columns);
    resident.outputs[layer] = static_cast<int>(weight.rows);
    widest = std::max(widest, weight.rows);
    floats += slice_floats(resident, layer);
  }
  widest = (widest + 3) / 4 * 4;
  resident.widest = static_cast<int>(widest);
  const int64_t bytes = (floats + 2 * widest + 4 * kThreads) * 4;
  if (bytes > kSharedLimit) return false;
  cudaLaunchAttribute attribute{};
  attribute.id = cudaLaunchAttributeClusterDimension;
  attribute.val.clusterDim = {kCluster, 1, 1};
  cudaLaunchConfig_t configuration{};
  configuration.blockDim = dim3(kThreads);
  configuration.dynamicSmemBytes = static_cast<size_t>(bytes);
  configuration.stream = stream;
  configuration.attrs = &attribute;
  configuration.numAttrs = 1;
  for (size_t first = 0; first < router.pools.size(); first += kMostPools) {
    const size_t count = std::min<size_t>(kMostPools, router.pools.size() - first);
    std::copy_n(router.pools.begin() + static_cast<std::ptrdiff_t>(first), count, resident.pools);
    configuration.gridDim = dim3(static_cast<unsigned>(router.heads) * kCluster, static_cast<unsigned>(count));
    Matrix output = router.output;
    output.data = output.row(static_cast<int64_t>(first));
    with_float_type(router.keys.dtype, [&]<typename T>(T*) {
      static const cudaError_t prepared = cudaFuncSetAttribute(route_resident<T>, cudaFuncAttributeMaxDynamicSharedMemorySize, kSharedLimit);
      check(prepared, "routerLogits");
      check(cudaLaunchKernelEx(&configuration, route_resident<T>, rows_of<const T>(router.keys), rows_of<float>(output), resident),
            "routerLogits");
    });
  }
  return true;
}

}  // namespace elastic
