// The thread blocks of a cluster share a head. Each averages a part of its rows and holds a part of every MLP's hidden units:
// the rows of the first matrix and the columns of the second, which arrive while the keys are averaged. So the blocks wait
// for one another three times only: for the average, and for the sums of each MLP.
#include <algorithm>

#include "core/check.h"
#include "core/device.h"
#include "core/floats.cuh"
#include "ptx/cluster.cuh"
#include "ptx/warp_matrix.cuh"
#include "router/router_resident.h"

namespace elastic {
namespace {

constexpr int kThreads = 512;
constexpr int kCluster = 8;
constexpr int kLayers = RouterCall::kLayers;
/** Sequences of one launch: their row ranges travel as parameters. */
constexpr int kMostPools = 16;
/** Rows that are averaged in float32. */
constexpr int64_t kMostRows = 4096;
constexpr int kSharedLimit = 220 * 1024;

#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
#define ELASTIC_CLUSTERS 1
#endif

struct ResidentRouter {
  const float* weights[kLayers];
  const float* biases[kLayers];
  int inputs[kLayers];
  int outputs[kLayers];
  RouterCall::Pool pools[kMostPools];
};

/** Where a thread block keeps what; in floats, in multiples of four. */
struct ResidentPlaces {
  int weights[kLayers];
  int biases[kLayers];
  /** One after another from each block of the cluster: sums of keys, and of both MLPs. */
  int received[3];
  /** What this block sends. */
  int sent;
  int x;
  int hidden;
  int all;

  __host__ __device__ ResidentPlaces(const int (&inputs)[kLayers], const int (&outputs)[kLayers]) {
    int next = 0;
    const auto take = [&](int floats) {
      const int place = next;
      next += (floats + 3) / 4 * 4;
      return place;
    };
    for (int mlp = 0; mlp < 4; mlp += 2) {
      const int units = outputs[mlp] / kCluster;
      weights[mlp] = take(units * inputs[mlp]);
      weights[mlp + 1] = take(units * outputs[mlp + 1]);
      biases[mlp] = take(units);
      biases[mlp + 1] = take(outputs[mlp + 1]);
    }
    weights[4] = take(inputs[4] * outputs[4]);
    biases[4] = take(outputs[4]);
    received[0] = take(kCluster * inputs[0]);
    received[1] = take(kCluster * outputs[1]);
    received[2] = take(kCluster * outputs[3]);
    const auto larger = [](int a, int b) { return a > b ? a : b; };
    // The sums of keys by stripes, before they are sent, take no less.
    sent = take(larger(4 * kThreads, larger(outputs[1], outputs[3])));
    x = take(larger(inputs[0], larger(outputs[1], outputs[3])));
    hidden = take(larger(outputs[0], outputs[2]) / kCluster);
    all = next;
  }
};

#ifdef ELASTIC_CLUSTERS

constexpr int kWarps = kThreads / 32;
/** Outputs that a group of lanes sums side by side. */
constexpr int kSideBySide = 4;

template <typename T>
struct alignas(4 * sizeof(T)) FourElements {
  T values[4];
};

/** Starts copies of a matrix of `rows` rows of `columns` floats, multiples of four, into dense rows. */
__device__ inline void fetch_matrix(float* target, const float* source, int rows, int columns, int stride) {
  const int fours = columns / 4;
  for (int i = threadIdx.x; i < rows * fours; i += kThreads) {
    const int row = i / fours, column = i % fours * 4;
    ptx::copy_line(ptx::shared_address(target + row * columns + column), source + static_cast<int64_t>(row) * stride + column, true);
  }
}

/** This block's part of the sums of a head's columns over the pooled rows, in `sums`; the number of all rows. */
template <typename T>
__device__ int64_t sum_keys(Rows<const T> keys, const RouterCall::Pool& pool, int head, int head_dim, int rank, float* sums) {
  const int columns = head_dim / 4, stripes = kThreads / columns;
  const int stripe = threadIdx.x / columns, column = threadIdx.x % columns * 4;
  const int64_t first = pool.ranges[0][0], in_first = pool.ranges[0][1] - first;
  const int64_t second = pool.count > 1 ? pool.ranges[1][0] : 0, rows = in_first + (pool.count > 1 ? pool.ranges[1][1] - second : 0);
  if (stripe < stripes) {
    float four[4] = {};
#pragma unroll 4
    for (int64_t index = rank * stripes + stripe; index < rows; index += kCluster * stripes) {
      const int64_t row = index < in_first ? first + index : second + index - in_first;
      const auto element = *reinterpret_cast<const FourElements<T>*>(keys[row] + head * head_dim + column);
#pragma unroll
      for (int i = 0; i < 4; ++i) four[i] += to_float(element.values[i]);
    }
    *reinterpret_cast<float4*>(sums + stripe * head_dim + column) = float4{four[0], four[1], four[2], four[3]};
  }
  __syncthreads();
  float sum = 0;
  if (threadIdx.x < static_cast<unsigned>(head_dim)) {
    for (int i = 0; i < stripes; ++i) sum += sums[i * head_dim + threadIdx.x];
  }
  __syncthreads();
  if (threadIdx.x < static_cast<unsigned>(head_dim)) sums[threadIdx.x] = sum;
  __syncthreads();
  return rows;
}

/** Sends `count` floats, a multiple of four, to the first `blocks` blocks of the cluster, into this block's part there. */
__device__ inline void send_to_cluster(const float* sent, float* received, int count, int blocks, int rank, ptx::Barrier& barrier) {
  const int fours = count / 4;
  for (int i = threadIdx.x; i < blocks * fours; i += kThreads) {
    const int block = i / fours, at = i % fours * 4;
    ptx::send_four(received + rank * count + at, *reinterpret_cast<const float4*>(sent + at), barrier, block);
  }
}

/** What all blocks sent of one number, always summed in the same order. */
__device__ inline float sum_received(const float* received, int count, int index) {
  float sum = 0;
#pragma unroll
  for (int block = 0; block < kCluster; ++block) sum += received[block * count + index];
  return sum;
}

/** `store(i, weights row i · x)` for each row, by one lane; `inputs` is a multiple of four. */
template <typename Store>
__device__ void multiply_rows(const float* weights, const float* x, int rows, int inputs, const Store& store) {
  // So many lanes share a row that each has something to read.
  int width = 32;
  while (width > 1 && width * 4 > inputs) width /= 2;
  const int lane = threadIdx.x % 32, place = lane % width, step = kWarps * 32 / width;
  for (int begin = 0; begin < rows; begin += kSideBySide * step) {
    const int first = begin + threadIdx.x / width;
    float sums[kSideBySide] = {};
    for (int i = place * 4; i < inputs; i += width * 4) {
      const float4 value = *reinterpret_cast<const float4*>(x + i);
#pragma unroll
      for (int k = 0; k < kSideBySide; ++k) {
        const float4 weight = *reinterpret_cast<const float4*>(weights + min(first + k * step, rows - 1) * inputs + i);
        sums[k] = fmaf(weight.x, value.x, fmaf(weight.y, value.y, fmaf(weight.z, value.z, fmaf(weight.w, value.w, sums[k]))));
      }
    }
    for (int distance = width / 2; distance > 0; distance /= 2) {
#pragma unroll
      for (float& sum : sums) sum += __shfl_xor_sync(0xffffffffu, sum, distance);
    }
#pragma unroll
    for (int k = 0; k < kSideBySide; ++k) {
      if (place == 0 && first + k * step < rows) store(first + k * step, sums[k]);
    }
  }
}

__device__ inline float activated(float value) { return value / (1.0f + expf(-value)); }

#endif

template <typename T>
__global__ void __launch_bounds__(kThreads)
    route_resident(Rows<const T> keys, Rows<float> output, const __grid_constant__ ResidentRouter router) {
#ifdef ELASTIC_CLUSTERS
  extern __shared__ __align__(16) float memory[];
  __shared__ ptx::Barrier exchanges[3];
  const int rank = static_cast<int>(ptx::cluster_rank()), head = blockIdx.x / kCluster;
  const ResidentPlaces places(router.inputs, router.outputs);
  const int head_dim = router.inputs[0];
  float* sent = memory + places.sent;
  float* x = memory + places.x;
  float* hidden = memory + places.hidden;
  const auto received = [&](int exchange) { return memory + places.received[exchange]; };
  if (threadIdx.x == 0) {
    for (ptx::Barrier& barrier : exchanges) barrier.initialize(1);
    ptx::fence_barrier_initialization();
    const int counts[3] = {head_dim, router.outputs[1], router.outputs[3]};
    for (int i = 0; i < 3; ++i) exchanges[i].arrive_and_expect(kCluster * counts[i] * 4);
  }
  __syncwarp();
  ptx::cluster_arrive();

  // A group of copies for each layer, in the order in which they are needed.
#pragma unroll
  for (int layer = 0; layer < kLayers; ++layer) {
    const int inputs = router.inputs[layer], outputs = router.outputs[layer];
    const bool rows_shared = layer == 0 || layer == 2, last = layer == kLayers - 1;
    const int units = (rows_shared ? outputs : inputs) / kCluster;
    float* target = memory + places.weights[layer];
    if (rows_shared) fetch_matrix(target, router.weights[layer] + static_cast<int64_t>(rank) * units * inputs, units, inputs, inputs);
    else if (!last) fetch_matrix(target, router.weights[layer] + rank * units, outputs, units, inputs);
    else if (rank == 0) fetch_matrix(target, router.weights[layer], outputs, inputs, inputs);
    ptx::commit_copies();
  }
#pragma unroll
  for (int layer = 0; layer < kLayers; ++layer) {
    const bool rows_shared = layer == 0 || layer == 2;
    const int count = rows_shared ? router.outputs[layer] / kCluster : router.outputs[layer];
    const float* source = router.biases[layer] + (rows_shared ? rank * count : 0);
    for (int i = threadIdx.x; i < count; i += kThreads) memory[places.biases[layer] + i] = source[i];
  }

  const int64_t rows = sum_keys<T>(keys, router.pools[blockIdx.y], head, head_dim, rank, sent);
  // Nobody writes to a block that has not begun.
  ptx::cluster_wait();
  send_to_cluster(sent, received(0), head_dim, kCluster, rank, exchanges[0]);
  exchanges[0].wait_for_cluster(0);
  for (int i = threadIdx.x; i < head_dim; i += kThreads) {
    x[i] = static_cast<float>(static_cast<double>(sum_received(received(0), head_dim, i)) / static_cast<double>(rows));
  }
#pragma unroll
  for (int mlp = 0; mlp < 4; mlp += 2) {
    const int units = router.outputs[mlp] / kCluster, outputs = router.outputs[mlp + 1];
    const float* biases = memory + places.biases[mlp];
    if (mlp == 0) ptx::wait_for_copies<4>();
    else ptx::wait_for_copies<2>();
    __syncthreads();
    multiply_rows(memory + places.weights[mlp], x, units, router.inputs[mlp],
                  [&](int unit, float sum) { hidden[unit] = activated(sum + biases[unit]); });
    if (mlp == 0) ptx::wait_for_copies<3>();
    else ptx::wait_for_copies<0>();
    __syncthreads();
    multiply_rows(memory + places.weights[mlp + 1], hidden, outputs, units, [&](int index, float sum) { sent[index] = sum; });
    __syncthreads();
    // The last exchange is for the first block, which ends the head.
    const int exchange = 1 + mlp / 2;
    send_to_cluster(sent, received(exchange), outputs, mlp == 0 ? kCluster : 1, rank, exchanges[exchange]);
    if (mlp > 0 && rank != 0) return;
    exchanges[exchange].wait_for_cluster(0);
    for (int i = threadIdx.x; i < outputs; i += kThreads) {
      const float value = sum_received(received(exchange), outputs, i) + memory[places.biases[mlp + 1] + i];
      x[i] = mlp == 0 ? value : activated(value);
    }
  }
  __syncthreads();
  const int classes = router.outputs[kLayers - 1];
  float* logits = output[blockIdx.y] + head * classes;
  multiply_rows(memory + places.weights[4], x, classes, router.inputs[4],
                [&](int index, float sum) { logits[index] = sum + memory[places.biases[4] + index]; });
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
  for (int layer = 0; layer < kLayers; ++layer) {
    const auto& [weight, bias] = router.layers[static_cast<size_t>(layer)];
    if (weight.row_stride != weight.columns || weight.columns % 4 != 0 || reinterpret_cast<uintptr_t>(weight.data) % 16 != 0) return false;
    if (weight.rows > 65536 || weight.columns > 65536) return false;
    // Hidden units are shared by the blocks, four at least; sums travel by fours.
    const bool hidden = layer == 0 || layer == 2, sums = layer == 1 || layer == 3;
    if ((hidden && weight.rows % (4 * kCluster) != 0) || (sums && weight.rows % 4 != 0)) return false;
    resident.weights[layer] = reinterpret_cast<const float*>(weight.data);
    resident.biases[layer] = reinterpret_cast<const float*>(bias.data);
    resident.inputs[layer] = static_cast<int>(weight.columns);
    resident.outputs[layer] = static_cast<int>(weight.rows);
  }
  const int64_t hidden_floats = int64_t{resident.outputs[0]} * (resident.inputs[0] + resident.outputs[1]) +
                                int64_t{resident.outputs[2]} * (resident.inputs[2] + resident.outputs[3]);
  if (hidden_floats / kCluster * 4 > kSharedLimit) return false;
  const int64_t bytes = int64_t{ResidentPlaces(resident.inputs, resident.outputs).all} * 4;
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
