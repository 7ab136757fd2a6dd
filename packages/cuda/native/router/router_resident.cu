// The thread blocks of a cluster share a head. Each averages a part of its rows and holds a part of every MLP's hidden units:
// the rows of the first matrix and the columns of the second, which arrive while the keys are averaged. So the blocks wait
// for one another three times only: for the average, and for the sums of each MLP. The kernel begins while the one ahead
// still runs, and reads nothing before that is done.
#include <algorithm>

#include "core/check.h"
#include "core/device.h"
#include "core/floats.cuh"
#include "ptx/bulk_copy.cuh"
#include "ptx/cluster.cuh"
#include "ptx/dependent_launch.cuh"
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

/** What the blocks share of a layer: its rows, its columns, or nothing, because the first block does it alone. */
enum class Share { Rows, Columns, None };

__host__ __device__ constexpr Share share_of(int layer) {
  return layer == kLayers - 1 ? Share::None : layer % 2 == 0 ? Share::Rows : Share::Columns;
}

/** Where a thread block keeps what; in floats, in multiples of four. */
struct ResidentPlaces {
  int weights[kLayers];
  int biases[kLayers];
  /** One after another from each block of the cluster: sums of keys, and of both MLPs. */
  int received[3];
  /** Sums of keys by stripes. */
  int stripes;
  int x;
  int hidden;
  int all;
};

struct ResidentRouter {
  const float* weights[kLayers];
  const float* biases[kLayers];
  int inputs[kLayers];
  int outputs[kLayers];
  ResidentPlaces places;
  RouterCall::Pool pools[kMostPools];
  /** [sequences, heads], rows `decision_stride` apart, or null: as in RouterCall. */
  uint8_t* decision;
  int64_t decision_stride;
  double threshold;
};

ResidentPlaces places_of(const int (&inputs)[kLayers], const int (&outputs)[kLayers]) {
  ResidentPlaces places{};
  const auto take = [&](int floats) {
    const int place = places.all;
    places.all += (floats + 3) / 4 * 4;
    return place;
  };
  for (int layer = 0; layer < kLayers; ++layer) {
    const Share share = share_of(layer);
    places.weights[layer] = take(inputs[layer] * outputs[layer] / (share == Share::None ? 1 : kCluster));
    places.biases[layer] = take(outputs[layer] / (share == Share::Rows ? kCluster : 1));
  }
  places.received[0] = take(kCluster * inputs[0]);
  places.received[1] = take(kCluster * outputs[1]);
  places.received[2] = take(kCluster * outputs[3]);
  places.stripes = take(4 * kThreads);
  places.x = take(std::max({inputs[0], outputs[1], outputs[3]}));
  places.hidden = take(std::max(outputs[0], outputs[2]) / kCluster);
  return places;
}

#ifdef ELASTIC_CLUSTERS

constexpr int kWarp = 32;
/** Outputs that a group of lanes sums side by side, and that travel together. */
constexpr int kSideBySide = 4;

template <typename T>
struct alignas(4 * sizeof(T)) FourElements {
  T values[4];
};

/** As `ptx::copy_line`, for 4 bytes. */
__device__ inline void copy_word(float* target, const float* source) {
  asm volatile("cp.async.ca.shared.global [%0], [%1], 4;" ::"r"(ptx::shared_address(target)), "l"(source) : "memory");
}

__device__ inline float element(const float4& four, int index) {
  return index == 0 ? four.x : index == 1 ? four.y : index == 2 ? four.z : four.w;
}

/** Starts copies of this block's part of a layer, into dense rows. The copy engine takes whole rows and tells `loaded`. */
__device__ inline void fetch_layer(const ResidentRouter& router, int layer, int rank, float* memory, ptx::Barrier& loaded) {
  const int inputs = router.inputs[layer];
  int rows = router.outputs[layer], columns = inputs;
  const float *weights = router.weights[layer], *biases = router.biases[layer];
  if (share_of(layer) == Share::Rows) {
    rows /= kCluster;
    weights += static_cast<int64_t>(rank) * rows * inputs;
    biases += rank * rows;
  } else if (share_of(layer) == Share::Columns) {
    columns /= kCluster;
    weights += rank * columns;
  }
  float* target = memory + router.places.weights[layer];
  if (columns == inputs) {
    if (threadIdx.x == 0) ptx::copy_bytes(target, weights, static_cast<uint32_t>(rows * columns * 4), loaded);
  } else {
    const int fours = columns / 4;
    for (int i = threadIdx.x; i < rows * fours; i += kThreads) {
      const int row = i / fours, column = i % fours * 4;
      ptx::copy_line(ptx::shared_address(target + i * 4), weights + static_cast<int64_t>(row) * inputs + column, true);
    }
  }
  for (int i = threadIdx.x; i < rows; i += kThreads) copy_word(memory + router.places.biases[layer] + i, biases + i);
}

/** Rows that are pooled, one after another over both ranges. */
struct PooledRows {
  int64_t first;
  int64_t in_first;
  int64_t second;
  int64_t count;

  __device__ explicit PooledRows(const RouterCall::Pool& pool)
      : first(pool.ranges[0][0]),
        in_first(pool.ranges[0][1] - first),
        second(pool.count > 1 ? pool.ranges[1][0] : 0),
        count(in_first + (pool.count > 1 ? pool.ranges[1][1] - second : 0)) {}
  __device__ int64_t operator[](int64_t index) const { return index < in_first ? first + index : second + index - in_first; }
};

/** This block's part of the sums of a head's columns over the pooled rows: thread c returns that of column c. */
template <typename T>
__device__ float sum_keys(Rows<const T> keys, const PooledRows& rows, int head, int head_dim, int rank, float* sums) {
  const int columns = head_dim / 4, stripes = kThreads / columns;
  const int stripe = threadIdx.x / columns, column = threadIdx.x % columns * 4;
  if (stripe < stripes) {
    float four[4] = {};
#pragma unroll 4
    for (int64_t index = rank * stripes + stripe; index < rows.count; index += kCluster * stripes) {
      const auto elements = *reinterpret_cast<const FourElements<T>*>(keys[rows[index]] + head * head_dim + column);
#pragma unroll
      for (int i = 0; i < 4; ++i) four[i] += to_float(elements.values[i]);
    }
    *reinterpret_cast<float4*>(sums + stripe * head_dim + column) = float4{four[0], four[1], four[2], four[3]};
  }
  __syncthreads();
  float sum = 0;
  if (threadIdx.x < static_cast<unsigned>(head_dim)) {
#pragma unroll 8
    for (int i = 0; i < stripes; ++i) sum += sums[i * head_dim + threadIdx.x];
  }
  return sum;
}

/** Sends thread c's number for column c < `count`, a multiple of four, to all blocks, into this block's part there. */
__device__ inline void send_columns(float sum, float* received, int count, int rank, ptx::Barrier& barrier) {
  if (threadIdx.x / kWarp * kWarp >= static_cast<unsigned>(count)) return;
  const int place = threadIdx.x % 4, first = threadIdx.x % kWarp - place;
  float4 four;
  four.x = __shfl_sync(0xffffffffu, sum, first);
  four.y = __shfl_sync(0xffffffffu, sum, first + 1);
  four.z = __shfl_sync(0xffffffffu, sum, first + 2);
  four.w = __shfl_sync(0xffffffffu, sum, first + 3);
  if (threadIdx.x >= static_cast<unsigned>(count)) return;
  float* target = received + rank * count + threadIdx.x - place;
  for (int block = place; block < kCluster; block += 4) ptx::send_four(target, four, barrier, block);
}

/** What all blocks sent of one number, always summed in the same order. */
__device__ inline float sum_received(const float* received, int count, int index) {
  float sum = 0;
#pragma unroll
  for (int block = 0; block < kCluster; ++block) sum += received[block * count + index];
  return sum;
}

/**
 * Weights times x, four rows at a time: `take(first row, sums, place, width)` by each of the `width` lanes that have the
 * sums. `inputs` is a multiple of four; sums of rows that are not there mean nothing.
 */
template <typename Take>
__device__ void multiply_rows(const float* weights, const float* x, int rows, int inputs, const Take& take) {
  // So many lanes share a row that each has something to read.
  int width = kWarp;
  while (width > 1 && width * 4 > inputs) width /= 2;
  const int place = threadIdx.x % width, group = threadIdx.x / width;
#pragma unroll 1
  for (int begin = 0; begin < rows; begin += kThreads / width * kSideBySide) {
    const int first = begin + group * kSideBySide;
    float sums[kSideBySide] = {};
#pragma unroll 1
    for (int i = place * 4; i < inputs; i += width * 4) {
      const float4 value = *reinterpret_cast<const float4*>(x + i);
#pragma unroll
      for (int k = 0; k < kSideBySide; ++k) {
        const float4 weight = *reinterpret_cast<const float4*>(weights + min(first + k, rows - 1) * inputs + i);
        sums[k] = fmaf(weight.x, value.x, fmaf(weight.y, value.y, fmaf(weight.z, value.z, fmaf(weight.w, value.w, sums[k]))));
      }
    }
    for (int distance = width / 2; distance > 0; distance /= 2) {
#pragma unroll
      for (float& sum : sums) sum += __shfl_xor_sync(0xffffffffu, sum, distance);
    }
    if (first < rows) take(first, float4{sums[0], sums[1], sums[2], sums[3]}, place, width);
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
  /** Whole rows of each MLP; the last layer's are with the second. */
  __shared__ ptx::Barrier loaded[2];
  const int rank = static_cast<int>(ptx::cluster_rank()), head = blockIdx.x / kCluster;
  const ResidentPlaces& places = router.places;
  const int head_dim = router.inputs[0];
  float* x = memory + places.x;
  float* hidden = memory + places.hidden;
  if (threadIdx.x == 0) {
    const int counts[3] = {head_dim, router.outputs[1], router.outputs[3]};
    for (ptx::Barrier& barrier : exchanges) barrier.initialize(1);
    for (ptx::Barrier& barrier : loaded) barrier.initialize(1);
    ptx::fence_barrier_initialization();
    for (int i = 0; i < 3; ++i) exchanges[i].arrive_and_expect(static_cast<uint32_t>(kCluster * counts[i] * 4));
    loaded[0].arrive_and_expect(static_cast<uint32_t>(router.inputs[0] * router.outputs[0] / kCluster * 4));
    loaded[1].arrive_and_expect(static_cast<uint32_t>(
        (router.inputs[2] * router.outputs[2] / kCluster + (rank == 0 ? router.inputs[4] * router.outputs[4] : 0)) * 4));
  }
  __syncwarp();
  ptx::cluster_arrive();
  // Up to here the kernel ahead may still run; it may be writing keys, and weights too.
  ptx::wait_for_previous_kernel();

  // A group of copies and a barrier for each MLP, in the order in which they are needed.
#pragma unroll 1
  for (int layer = 0; layer < kLayers; ++layer) {
    if (share_of(layer) != Share::None || rank == 0) fetch_layer(router, layer, rank, memory, loaded[layer > 1]);
    if (layer == 1) ptx::commit_copies();
  }
  ptx::commit_copies();

  const PooledRows rows(router.pools[blockIdx.y]);
  const float sum = sum_keys<T>(keys, rows, head, head_dim, rank, memory + places.stripes);
  // Nobody writes to a block that has not begun.
  ptx::cluster_wait();
  send_columns(sum, memory + places.received[0], head_dim, rank, exchanges[0]);
  exchanges[0].wait_for_cluster(0);
  if (threadIdx.x < static_cast<unsigned>(head_dim)) {
    x[threadIdx.x] = sum_received(memory + places.received[0], head_dim, threadIdx.x) / static_cast<float>(rows.count);
  }
#pragma unroll 1
  for (int mlp = 0; mlp < 2; ++mlp) {
    const int in = 2 * mlp, out = in + 1, units = router.outputs[in] / kCluster, outputs = router.outputs[out];
    const float *biases = memory + places.biases[in], *output_biases = memory + places.biases[out];
    if (mlp == 0) ptx::wait_for_copies<1>();
    else ptx::wait_for_copies<0>();
    loaded[mlp].wait(0);
    __syncthreads();
    multiply_rows(memory + places.weights[in], x, units, router.inputs[in], [&](int first, const float4& sums, int place, int width) {
      for (int i = place; i < 4; i += width) hidden[first + i] = activated(element(sums, i) + biases[first + i]);
    });
    __syncthreads();
    // The last exchange is for the first block, which ends the head.
    const int receivers = mlp == 0 ? kCluster : 1;
    ptx::Barrier& exchange = exchanges[1 + mlp];
    float* received = memory + places.received[1 + mlp];
    multiply_rows(memory + places.weights[out], hidden, outputs, units, [&](int first, const float4& sums, int place, int width) {
      for (int block = place; block < receivers; block += width) ptx::send_four(received + rank * outputs + first, sums, exchange, block);
    });
    if (mlp > 0 && rank != 0) return;
    exchange.wait_for_cluster(0);
    for (int i = threadIdx.x; i < outputs; i += kThreads) {
      const float value = sum_received(received, outputs, i) + output_biases[i];
      x[i] = mlp == 0 ? value : activated(value);
    }
  }
  __syncthreads();
  const int last = kLayers - 1, classes = router.outputs[last];
  const float* biases = memory + places.biases[last];
  float* logits = output[blockIdx.y] + head * classes;
  multiply_rows(memory + places.weights[last], x, classes, router.inputs[last], [&](int first, const float4& sums, int place, int width) {
    for (int i = place; i < min(4, classes - first); i += width) logits[first + i] = element(sums, i) + biases[first + i];
    if (router.decision == nullptr || first > 0 || place > 0) return;
    const float sparse = sums.x + biases[0], retrieval = sums.y + biases[1];
    const bool keeps_all = static_cast<double>(retrieval) - static_cast<double>(sparse) > router.threshold;
    router.decision[blockIdx.y * router.decision_stride + head] = keeps_all ? 0 : 1;
  });
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
    const Share share = share_of(layer);
    if ((share == Share::Rows && weight.rows % (4 * kCluster) != 0) || (share == Share::Columns && weight.rows % 4 != 0)) return false;
    resident.weights[layer] = reinterpret_cast<const float*>(weight.data);
    resident.biases[layer] = reinterpret_cast<const float*>(bias.data);
    resident.inputs[layer] = static_cast<int>(weight.columns);
    resident.outputs[layer] = static_cast<int>(weight.rows);
  }
  const int64_t hidden_floats = int64_t{resident.outputs[0]} * (resident.inputs[0] + resident.outputs[1]) +
                                int64_t{resident.outputs[2]} * (resident.inputs[2] + resident.outputs[3]);
  if (hidden_floats / kCluster * 4 > kSharedLimit) return false;
  resident.threshold = router.threshold;
  resident.decision_stride = router.decision.row_stride;
  resident.places = places_of(resident.inputs, resident.outputs);
  const int64_t bytes = int64_t{resident.places.all} * 4;
  if (bytes > kSharedLimit) return false;
  cudaLaunchAttribute attributes[2]{};
  attributes[0].id = cudaLaunchAttributeClusterDimension;
  attributes[0].val.clusterDim = {kCluster, 1, 1};
  attributes[1].id = cudaLaunchAttributeProgrammaticStreamSerialization;
  attributes[1].val.programmaticStreamSerializationAllowed = 1;
  cudaLaunchConfig_t configuration{};
  configuration.blockDim = dim3(kThreads);
  configuration.dynamicSmemBytes = static_cast<size_t>(bytes);
  configuration.stream = stream;
  configuration.attrs = attributes;
  configuration.numAttrs = 2;
  for (size_t first = 0; first < router.pools.size(); first += kMostPools) {
    const size_t count = std::min<size_t>(kMostPools, router.pools.size() - first);
    std::copy_n(router.pools.begin() + static_cast<std::ptrdiff_t>(first), count, resident.pools);
    configuration.gridDim = dim3(static_cast<unsigned>(router.heads) * kCluster, static_cast<unsigned>(count));
    Matrix output = router.output;
    output.data = output.row(static_cast<int64_t>(first));
    if (router.decision.data != nullptr) resident.decision = reinterpret_cast<uint8_t*>(router.decision.row(static_cast<int64_t>(first)));
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
