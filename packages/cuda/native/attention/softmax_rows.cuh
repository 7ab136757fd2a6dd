// Online softmax of two rows a thread, in the layout of wgmma accumulators: element 4 j + 2 r + c of a thread is row
// r * 8 + lane / 4 of its warp and column 8 j + 2 (lane % 4) + c.
#pragma once
#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cstdint>

#include "core/floats.cuh"

namespace elastic {

__device__ inline float quad_max(float value) {
  value = fmaxf(value, __shfl_xor_sync(0xffffffffu, value, 1));
  return fmaxf(value, __shfl_xor_sync(0xffffffffu, value, 2));
}

__device__ inline float quad_sum(float value) {
  value += __shfl_xor_sync(0xffffffffu, value, 1);
  return value + __shfl_xor_sync(0xffffffffu, value, 2);
}

template <typename Element>
__device__ inline uint32_t pack_pair(float low, float high);
template <>
__device__ inline uint32_t pack_pair<__nv_bfloat16>(float low, float high) {
  const __nv_bfloat162 pair = __floats2bfloat162_rn(low, high);
  return *reinterpret_cast<const uint32_t*>(&pair);
}
template <>
__device__ inline uint32_t pack_pair<__half>(float low, float high) {
  const __half2 pair = __floats2half2_rn(low, high);
  return *reinterpret_cast<const uint32_t*>(&pair);
}

/**
 * Online softmax of a thread's two rows; sums are of the thread's own columns until the end. Probabilities count from a
 * reference: the highest score so far (`advance`), or a little less (`follow`), because to follow each new maximum
 * rescales the output at every other tile.
 */
struct SoftmaxRows {
  /** The most that a probability may be above the reference; both 16-bit types have their full precision there. */
  static constexpr float kHighest = 256;
  /**
   * And its most as a share of what was summed before: it is rounded to 16 bits, which for a key that rules its row alone
   * would be an error of the output. At the reference a probability is 1, without error.
   */
  static constexpr float kShare = 0.25f;

  float reference[2];
  float sum[2];
  float scale_log2;

  __device__ explicit SoftmaxRows(float scale) : scale_log2(scale) {}

  /** The first tile of {@link follow}: turns scores into probabilities. */
  template <int count>
  __device__ void start(float (&scores)[count]) {
    reset();
    float unused[2];
    follow(scores, unused);
    exponentiate(scores);
  }

  /**
   * Another tile, to be followed by `exponentiate`: whether earlier results are to be multiplied by `rescale`; the same
   * in all lanes of the warp.
   */
  template <int count>
  __device__ bool follow(const float (&scores)[count], float (&rescale)[2]) {
    float highest[2];
#pragma unroll
    for (int row = 0; row < 2; ++row) {
      // Two chains: a maximum waits for the one before it.
      float even = scores[2 * row], odd = scores[2 * row + 1];
#pragma unroll
      for (int j = 1; j < count / 4; ++j) {
        even = fmaxf(even, scores[4 * j + 2 * row]);
        odd = fmaxf(odd, scores[4 * j + 2 * row + 1]);
      }
      highest[row] = fmaxf(even, odd);
    }
    bool outgrown = false;
#pragma unroll
    for (int row = 0; row < 2; ++row) {
      const float probability = exp2_fast((highest[row] - reference[row]) * scale_log2);
      outgrown |= probability > fminf(fmaxf(sum[row] * kShare, 1), kHighest);
    }
    if (!__any_sync(0xffffffffu, outgrown)) return false;
#pragma unroll
    for (int row = 0; row < 2; ++row) {
      const float raised = fmaxf(reference[row], quad_max(highest[row]));
      rescale[row] = exp2_fast((reference[row] - raised) * scale_log2);
      sum[row] *= rescale[row];
      reference[row] = raised;
    }
    return true;
  }

  /** Scores into probabilities, which are added to the sums. */
  template <int count>
  __device__ void exponentiate(float (&scores)[count]) {
    const float shift[2] = {-reference[0] * scale_log2, -reference[1] * scale_log2};
    float added[2] = {0, 0};
#pragma unroll
    for (int i = 0; i < count; ++i) {
      const int row = i / 2 % 2;
      scores[i] = exp2_fast(fmaf(scores[i], scale_log2, shift[row]));
      added[row] += scores[i];
    }
    for (int row = 0; row < 2; ++row) sum[row] += added[row];
  }

  /** The first tile of {@link advance}: turns scores into probabilities. */
  template <int count>
  __device__ void begin(float (&scores)[count]) {
    reset();
    float unused[2];
    advance(scores, unused);
  }

  /** Another tile: turns scores into probabilities and says by what earlier results are to be multiplied. */
  template <int count>
  __device__ void advance(float (&scores)[count], float (&rescale)[2]) {
#pragma unroll
    for (int row = 0; row < 2; ++row) {
      float highest = reference[row];
#pragma unroll
      for (int j = 0; j < count / 4; ++j) {
        highest = fmaxf(highest, fmaxf(scores[4 * j + 2 * row], scores[4 * j + 2 * row + 1]));
      }
      highest = quad_max(highest);
      rescale[row] = exp2_fast((reference[row] - highest) * scale_log2);
      reference[row] = highest;
      const float shift = -highest * scale_log2;
      float added = 0;
#pragma unroll
      for (int j = 0; j < count / 4; ++j) {
#pragma unroll
        for (int column = 0; column < 2; ++column) {
          float& score = scores[4 * j + 2 * row + column];
          score = exp2_fast(fmaf(score, scale_log2, shift));
          added += score;
        }
      }
      sum[row] = fmaf(sum[row], rescale[row], added);
    }
  }

 private:
  __device__ void reset() {
    reference[0] = reference[1] = -INFINITY;
    sum[0] = sum[1] = 0;
  }
};

/** Hides keys after the query, in the tile where both count from the same position. */
template <int count>
__device__ void mask_diagonal(float (&scores)[count], int thread_row, int lane) {
#pragma unroll
  for (int i = 0; i < count; ++i) {
    const int row = thread_row + i / 2 % 2 * 8;
    const int column = i / 4 * 8 + lane % 4 * 2 + i % 2;
    if (column > row) scores[i] = -INFINITY;
  }
}

/** Probabilities as the left operand of the next product. */
template <typename Element, int count>
__device__ void pack_probabilities(uint32_t (&packed)[count / 8][4], const float (&probabilities)[count]) {
#pragma unroll
  for (int i = 0; i < count / 2; ++i) {
    packed[i / 4][i % 4] = pack_pair<Element>(probabilities[2 * i], probabilities[2 * i + 1]);
  }
}

/** Where a tile's results go. */
template <typename Element>
struct OutputTile {
  Element* output;
  int64_t stride;
  float* log_sum_exp;
  int num_query_heads;
  int query_head;
  int first_row;
  int begin;
  int end;
  /** The first of the thread's two rows, in the tile. */
  int thread_row;

  __device__ bool owns(int row) const { return row >= begin && row < end; }

  /** Divides by the sums and writes 16 bytes a thread: lanes of a quad exchange their columns first. */
  template <int head_dim>
  __device__ void store(const float (&sums)[head_dim / 2], const SoftmaxRows& softmax) const {
    const int lane = threadIdx.x % 32;
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      const float sum = quad_sum(softmax.sum[r]);
      const float inverse = 1.0f / sum;
      const int row = thread_row + 8 * r;
      const int64_t global_row = first_row + row;
      if (owns(row) && lane % 4 == 0 && log_sum_exp != nullptr) {
        log_sum_exp[global_row * num_query_heads + query_head] =
            (softmax.reference[r] * softmax.scale_log2 + __log2f(sum)) * 0.693147180559945f;
      }
#pragma unroll
      for (int block = 0; block < head_dim / 32; ++block) {
        uint32_t words[4];
#pragma unroll
        for (int j = 0; j < 4; ++j) {
          const int i = 16 * block + 4 * j + 2 * r;
          words[j] = pack_pair<Element>(sums[i] * inverse, sums[i + 1] * inverse);
        }
        const uint4 line = transpose_quad(words, lane % 4);
        if (owns(row)) {
          auto* place = output + global_row * stride + query_head * head_dim + block * 32 + lane % 4 * 8;
          *reinterpret_cast<uint4*>(place) = line;
        }
      }
    }
  }

  /** A row that sees nothing gives zeros. */
  template <int head_dim>
  __device__ void store_nothing() const {
    const int lane = threadIdx.x % 32;
    for (int r = 0; r < 2; ++r) {
      const int row = thread_row + 8 * r;
      if (!owns(row)) continue;
      const int64_t global_row = first_row + row;
      if (lane % 4 == 0 && log_sum_exp != nullptr) log_sum_exp[global_row * num_query_heads + query_head] = INFINITY;
      for (int block = 0; block < head_dim / 32; ++block) {
        auto* place = output + global_row * stride + query_head * head_dim + block * 32 + lane % 4 * 8;
        *reinterpret_cast<uint4*>(place) = uint4{0, 0, 0, 0};
      }
    }
  }

 private:
  /** Word j of lane q goes to lane j as its word q. */
  __device__ static uint4 transpose_quad(const uint32_t (&words)[4], int q) {
    uint32_t line[4];
#pragma unroll
    for (int step = 0; step < 4; ++step) {
      const int other = q ^ step;
      const uint32_t low = other & 1 ? words[1] : words[0], high = other & 1 ? words[3] : words[2];
      const uint32_t received = __shfl_xor_sync(0xffffffffu, other & 2 ? high : low, step);
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        if (i == other) line[i] = received;
      }
    }
    return uint4{line[0], line[1], line[2], line[3]};
  }
};

}  // namespace elastic
