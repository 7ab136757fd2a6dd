// A tile of O and its log-sum-exp on their way to memory.
#pragma once
#include "attention/softmax/online_softmax.cuh"
#include "attention/softmax/operands.cuh"
#include "attention/softmax/score_terms.cuh"

namespace elastic {

/** The rows of one query tile and head in the output, as a thread of the tile writes them. */
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

  /** Divides O by the softmax sums and writes 16 bytes a thread: lanes of a quad exchange their columns first. */
  template <int head_dim, bool sinks = false>
  __device__ void store(const float (&O)[head_dim / 2], const OnlineSoftmax& softmax, const float* sink_logits = nullptr) const {
    const int lane = threadIdx.x % 32;
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      float sum = quad_sum(softmax.sum[r]), inverse = 1.0f / sum, sink_maximum = 0;
      if constexpr (sinks) {
        const RowTotal total = with_sink(sink_logits, query_head, softmax.maximum[r] * softmax.scale_log2, sum);
        sum = total.sum, inverse = total.share / sum, sink_maximum = total.maximum;
      }
      const int row = thread_row + 8 * r;
      const int64_t global_row = first_row + row;
      if (owns(row) && lane % 4 == 0 && log_sum_exp != nullptr) {
        log_sum_exp[global_row * num_query_heads + query_head] =
            ((sinks ? sink_maximum : softmax.maximum[r] * softmax.scale_log2) + __log2f(sum)) * 0.693147180559945f;
      }
#pragma unroll
      for (int block = 0; block < head_dim / 32; ++block) {
        uint32_t words[4];
#pragma unroll
        for (int j = 0; j < 4; ++j) {
          const int i = 16 * block + 4 * j + 2 * r;
          words[j] = pack_pair<Element>(O[i] * inverse, O[i + 1] * inverse);
        }
        const uint4 line = transpose_quad(words, lane % 4);
        if (owns(row)) {
          auto* place = output + global_row * stride + query_head * head_dim + block * 32 + lane % 4 * 8;
          *reinterpret_cast<uint4*>(place) = line;
        }
      }
    }
  }

  /** A row without visible keys: O = 0 and a log-sum-exp of +infinity. */
  template <int head_dim>
  __device__ void store_zeros() const {
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
