// Q, O and the softmax state of one warp of the decode kernel, while K and V pass by in shared memory.
#pragma once
#include "attention/rows/warp_keys.cuh"
#include "attention/softmax/score_terms.cuh"
#include "decode/attention/cached_row.cuh"

namespace elastic {

/**
 * 16 of an item's query rows, token after token with the heads of the group; a lane holds columns 2 place + {0, 1} of each tile
 * of two rows: the warp's first row + quad + {0, 8}.
 */
template <typename Traits>
struct WarpRows {
  using Element = typename Traits::Element;
  static constexpr int key_chunks = Traits::head_dim / 32;
  static constexpr int value_width = Traits::head_dim % 64 == 0 ? 8 : 4;
  static constexpr int value_chunks = Traits::head_dim / (8 * value_width);

  uint32_t Q[2 * key_chunks][4];
  float O[value_chunks * value_width][4];
  float maximum[2];
  float sum[2];

  /** Before each item; the registers are free for other use between two items. */
  __device__ void clear() {
#pragma unroll
    for (auto& tile : O) {
#pragma unroll
      for (float& value : tile) value = 0;
    }
#pragma unroll
    for (auto& chunk : Q) {
#pragma unroll
      for (uint32_t& value : chunk) value = 0;
    }
    maximum[0] = maximum[1] = -INFINITY;
    sum[0] = sum[1] = 0;
  }

  /** After {@link clear}. @param first of the warp's rows @param count of the item's rows */
  __device__ void begin(const uint8_t* queries, int first, int count, int quad, int place) {
#pragma unroll
    for (int chunk = 0; chunk < key_chunks; ++chunk) {
#pragma unroll
      for (int r = 0; r < 2; ++r) {
        const int row = first + quad + 8 * r;
        uint4 line{0, 0, 0, 0};
        if (row < count) {
          line = *reinterpret_cast<const uint4*>(queries + row * Traits::query_bytes + chunk * 64 + place * 16);
        }
        Q[2 * chunk][r] = line.x, Q[2 * chunk][r + 2] = line.y;
        Q[2 * chunk + 1][r] = line.z, Q[2 * chunk + 1][r + 2] = line.w;
        if constexpr (Traits::rounded) {
#pragma unroll
          for (int i = 0; i < 4; ++i) {
            uint32_t& pair = Q[2 * chunk + i / 2][r + i % 2 * 2];
            pair = multiply_pairs(pair, kRoundedQueryFactor);
          }
        }
      }
    }
  }

  /** Attends sixteen keys, or skips them; `visible` says which of this lane's four its two queries see. */
  __device__ void attend(const uint8_t* keys, const uint8_t* values, const bool (&visible)[2][4], const ScoreTerms& scores,
                         const float (&skip_limit)[2], int first, int count, int quad, int place) {
    uint4 key_data[2][key_chunks];
#pragma unroll
    for (int tile = 0; tile < 2; ++tile) {
#pragma unroll
      for (int chunk = 0; chunk < key_chunks; ++chunk) {
        key_data[tile][chunk] = CachedRow<Traits>(keys + (tile * 8 + quad) * Traits::row_bytes).eight(chunk * 32 + place * 8);
      }
    }
    float S[2][4] = {};
    multiply_qk<Element, key_chunks>(S, Q, key_data);
    // Of this lane's keys 2 place + {0, 1, 8, 9}.
    [[maybe_unused]] float value_scales[4];
    if constexpr (Traits::rounded) {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const int row = i / 2 * 8 + place * 2 + i % 2;
        const float key_scale = CachedRow<Traits>(keys + row * Traits::row_bytes).scale();
        value_scales[i] = CachedRow<Traits>(values + row * Traits::row_bytes).scale() * kRoundedValueFactor;
        S[i / 2][i % 2] = S[i / 2][i % 2] * kRoundedScoreFactor * key_scale;
        S[i / 2][i % 2 + 2] = S[i / 2][i % 2 + 2] * kRoundedScoreFactor * key_scale;
      }
    }
    if (scores.cap_input != 0) {
      cap_scores(S[0], scores);
      cap_scores(S[1], scores);
    }
    const auto sees = [&](int r, int i) { return visible[r][i]; };
    const auto is_row = [&](int r) { return first + quad + 8 * r < count; };
    if (skip_limit[0] != -INFINITY && all_below(S, sees, is_row, scores.scale_log2, maximum, skip_limit)) return;
    uint32_t P[4];
    softmax_step<Element>(S, sees, scores.scale_log2, maximum, sum, O, P);
    if constexpr (Traits::rounded) {
#pragma unroll
      for (int i = 0; i < 4; ++i) P[i] = multiply_pairs(P[i], pack_pair<Element>(value_scales[i / 2 * 2], value_scales[i / 2 * 2 + 1]));
    }
#pragma unroll
    for (int chunk = 0; chunk < value_chunks; ++chunk) {
      const int column = chunk * value_width * 8 + quad * value_width;
      if constexpr (Traits::rounded) {
        uint32_t words[4][value_width / 4];
#pragma unroll
        for (int i = 0; i < 4; ++i) {
          const CachedRow<Traits> source(values + (place * 2 + i % 2 + i / 2 * 8) * Traits::row_bytes);
#pragma unroll
          for (int word = 0; word < value_width / 4; ++word) words[i][word] = source.word(column + 4 * word);
        }
        add_rounded_pv<Element, value_width>(O + chunk * value_width, P, words);
      } else {
        uint32_t lines[4][value_width / 2];
#pragma unroll
        for (int i = 0; i < 4; ++i) {
          const uint8_t* source = values + (place * 2 + i % 2 + i / 2 * 8) * Traits::row_bytes + column * 2;
          if constexpr (value_width == 8) {
            const uint4 line = *reinterpret_cast<const uint4*>(source);
            lines[i][0] = line.x, lines[i][1] = line.y, lines[i][2] = line.z, lines[i][3] = line.w;
          } else {
            const uint2 line = *reinterpret_cast<const uint2*>(source);
            lines[i][0] = line.x, lines[i][1] = line.y;
          }
        }
        add_pv<Element, value_width>(O + chunk * value_width, P, lines[0], lines[1], lines[2], lines[3]);
      }
    }
  }

  /** Writes O of the rows, not yet divided by the sum, with their maximum and sum. @param rows all of the item's */
  __device__ void store(float* rows, int first, int count, int quad, int place) {
    sum[0] = quad_sum(sum[0]);
    sum[1] = quad_sum(sum[1]);
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      const int index = first + quad + 8 * r;
      if (index >= count) continue;
      float* row = rows + index * Traits::part_row;
#pragma unroll
      for (int tile = 0; tile < value_chunks * value_width; ++tile) {
#pragma unroll
        for (int i = 0; i < 2; ++i) {
          // Column 2 place + i of a product is lane 2 place + i of the chunk's lanes.
          row[tile / value_width * 8 * value_width + (place * 2 + i) * value_width + tile % value_width] =
              Traits::rounded ? O[tile][2 * r + i] * kRoundedOutputFactor : O[tile][2 * r + i];
        }
      }
      if (place == 0) {
        row[Traits::head_dim] = maximum[r];
        row[Traits::head_dim + 1] = sum[r];
      }
    }
  }
};

}  // namespace elastic
