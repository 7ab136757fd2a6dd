// The steps of the resident router: fetching weights, averaging keys, products, and exchange within the cluster.
#pragma once
#include "core/elements/floats.cuh"
#include "ptx/bulk_copy.cuh"
#include "ptx/cluster.cuh"
#include "ptx/warp_matrix.cuh"
#include "router/resident_layout.h"

namespace elastic::resident {

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

/** Starts copies of this block's part of a layer, into dense rows. The copy engine copies whole rows and signals `loaded`. */
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

}  // namespace elastic::resident
