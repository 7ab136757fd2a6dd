// What one warp of the decode kernel knows of its query rows while keys and values pass by in shared memory.
#pragma once
#include "attention/softmax_rows.cuh"
#include "ptx/warp_matrix.cuh"

namespace elastic {

/** Results of one warp: sums of 16 query heads' rows; a lane holds two rows' columns 2 place + {0, 1} of each tile. */
template <typename Traits>
struct WarpRows {
  using Element = typename Traits::Element;
  static constexpr int key_chunks = Traits::head_dim / 32;
  static constexpr int value_width = Traits::head_dim % 64 == 0 ? 8 : 4;
  static constexpr int value_chunks = Traits::head_dim / (8 * value_width);

  uint32_t query[2 * key_chunks][4];
  float sums[value_chunks * value_width][4];
  float maximum[2];
  float sum[2];

  __device__ void begin(const uint8_t* queries, int group, int quad, int place) {
#pragma unroll
    for (auto& tile : sums) {
#pragma unroll
      for (float& value : tile) value = 0;
    }
    maximum[0] = maximum[1] = -INFINITY;
    sum[0] = sum[1] = 0;
#pragma unroll
    for (int chunk = 0; chunk < key_chunks; ++chunk) {
#pragma unroll
      for (int r = 0; r < 2; ++r) {
        const int head = quad + 8 * r;
        uint4 line{0, 0, 0, 0};
        if (head < group) {
          line = *reinterpret_cast<const uint4*>(queries + head * Traits::row_bytes + chunk * 64 + place * 16);
        }
        query[2 * chunk][r] = line.x, query[2 * chunk][r + 2] = line.y;
        query[2 * chunk + 1][r] = line.z, query[2 * chunk + 1][r + 2] = line.w;
      }
    }
  }

  /** Sixteen keys; `seen` says which of this lane's four a query may read. */
  __device__ void add(const uint8_t* keys, const uint8_t* values, const bool (&seen)[4], float scale_log2, int quad, int place) {
    uint4 key_data[2][key_chunks];
#pragma unroll
    for (int tile = 0; tile < 2; ++tile) {
#pragma unroll
      for (int chunk = 0; chunk < key_chunks; ++chunk) {
        key_data[tile][chunk] =
            *reinterpret_cast<const uint4*>(keys + (tile * 8 + quad) * Traits::row_bytes + chunk * 64 + place * 16);
      }
    }
    float scores[2][4] = {};
#pragma unroll
    for (int chunk = 0; chunk < key_chunks; ++chunk) {
#pragma unroll
      for (int tile = 0; tile < 2; ++tile) {
        const uint4& line = key_data[tile][chunk];
        ptx::multiply_accumulate<Element>(scores[tile], query[2 * chunk], line.x, line.y);
        ptx::multiply_accumulate<Element>(scores[tile], query[2 * chunk + 1], line.z, line.w);
      }
    }
    uint32_t probabilities[4];
    float rescale[2];
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      float highest = maximum[r];
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        float& score = scores[i / 2][2 * r + i % 2];
        score = seen[i] ? score * scale_log2 : -INFINITY;
        highest = fmaxf(highest, score);
      }
      highest = quad_max(highest);
      const float base = highest == -INFINITY ? 0.0f : highest;
      rescale[r] = exp2_fast(maximum[r] - base);
      maximum[r] = highest;
      float added = 0;
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        float& score = scores[i / 2][2 * r + i % 2];
        score = exp2_fast(score - base);
        added += score;
      }
      sum[r] = fmaf(sum[r], rescale[r], added);
      probabilities[r] = pack_pair<Element>(scores[0][2 * r], scores[0][2 * r + 1]);
      probabilities[r + 2] = pack_pair<Element>(scores[1][2 * r], scores[1][2 * r + 1]);
    }
    if (__any_sync(0xffffffffu, rescale[0] != 1.0f || rescale[1] != 1.0f)) {
#pragma unroll
      for (auto& tile : sums) {
#pragma unroll
        for (int i = 0; i < 4; ++i) tile[i] *= rescale[i / 2];
      }
    }
#pragma unroll
    for (int chunk = 0; chunk < value_chunks; ++chunk) {
      uint32_t lines[4][value_width / 2];
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const int row = place * 2 + i % 2 + i / 2 * 8;
        const uint8_t* source = values + row * Traits::row_bytes + chunk * value_width * 16 + quad * value_width * 2;
        if constexpr (value_width == 8) {
          const uint4 line = *reinterpret_cast<const uint4*>(source);
          lines[i][0] = line.x, lines[i][1] = line.y, lines[i][2] = line.z, lines[i][3] = line.w;
        } else {
          const uint2 line = *reinterpret_cast<const uint2*>(source);
          lines[i][0] = line.x, lines[i][1] = line.y;
        }
      }
#pragma unroll
      for (int column = 0; column < value_width; ++column) {
        // The same column of two neighbouring keys, side by side.
        const uint32_t selector = column % 2 == 0 ? 0x5410 : 0x7632;
        const uint32_t low = __byte_perm(lines[0][column / 2], lines[1][column / 2], selector);
        const uint32_t high = __byte_perm(lines[2][column / 2], lines[3][column / 2], selector);
        ptx::multiply_accumulate<Element>(sums[chunk * value_width + column], probabilities, low, high);
      }
    }
  }

  /** Writes the rows of the group, not normalised, with their maximum and sum. */
  __device__ void store(float* rows, int group, int quad, int place) {
    sum[0] = quad_sum(sum[0]);
    sum[1] = quad_sum(sum[1]);
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      if (quad + 8 * r >= group) continue;
      float* row = rows + (quad + 8 * r) * Traits::part_row;
#pragma unroll
      for (int tile = 0; tile < value_chunks * value_width; ++tile) {
#pragma unroll
        for (int i = 0; i < 2; ++i) {
          // Column 2 place + i of a product is lane 2 place + i of the chunk's lanes.
          row[tile / value_width * 8 * value_width + (place * 2 + i) * value_width + tile % value_width] = sums[tile][2 * r + i];
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
