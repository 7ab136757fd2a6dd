// The row kernel on tensor cores.
#pragma once
#include "attention/rows/key_steps.cuh"
#include "attention/rows/row_output.cuh"
#include "attention/rows/warp_keys.cuh"
#include "attention/softmax/score_terms.cuh"
#include "attention/tables/visible_keys.cuh"

namespace elastic {

/**
 * Tensor cores: 16 rows (query heads of one group, times query rows) against 16 keys a step, straight from memory to
 * registers. The inner dimension of a product may be taken in any order, so each lane reads 16 bytes of a key.
 */
template <typename T, typename Out, int head_dim>
__global__ void __launch_bounds__(32 * kWarps) attend_row_groups(const RowAttention call) {
  constexpr int key_chunks = head_dim / 32;
  constexpr int value_width = head_dim % 64 == 0 ? 8 : 4;
  constexpr int value_chunks = head_dim / (8 * value_width);
  const int group = call.num_query_heads / call.num_key_value_heads;
  const int heads_in_tile = min(group, kRows);
  const int rows_in_tile = kRows / heads_in_tile;
  const int head_tiles = (group + kRows - 1) / kRows;
  const int sequence_index = blockIdx.z / call.splits, split = blockIdx.z % call.splits;
  const int key_value_head = blockIdx.y / head_tiles, first_member = blockIdx.y % head_tiles * kRows;
  const SequenceEntry sequence = call.sequences[sequence_index];
  const int first_row = blockIdx.x * rows_in_tile;
  if (first_row >= sequence.query_length) return;
  const HeadEntry head = call.heads[sequence_index * call.num_key_value_heads + key_value_head];
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, quad = lane / 4, place = lane % 4;

  // The two rows of the tile that this lane's accumulators belong to.
  int row_of[2], query_head_of[2];
  bool valid[2];
#pragma unroll
  for (int r = 0; r < 2; ++r) {
    const int index = quad + 8 * r, member = first_member + index % heads_in_tile;
    row_of[r] = first_row + index / heads_in_tile;
    valid[r] = index / heads_in_tile < rows_in_tile && row_of[r] < sequence.query_length && member < group;
    query_head_of[r] = key_value_head * group + min(member, group - 1);
    if (!valid[r]) row_of[r] = first_row;
  }
  const VisibleKeys visible[2] = {
      VisibleKeys(head, sequence, query_head_of[0], sequence.offset() + row_of[0]),
      VisibleKeys(head, sequence, query_head_of[1], sequence.offset() + row_of[1]),
  };

  uint32_t Q[2 * key_chunks][4];
  const T* queries = static_cast<const T*>(call.query);
#pragma unroll
  for (int chunk = 0; chunk < key_chunks; ++chunk) {
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      const T* source = queries + static_cast<int64_t>(sequence.query_start + row_of[r]) * call.query_stride +
                        query_head_of[r] * head_dim + chunk * 32 + place * 8;
#pragma unroll
      for (int pair = 0; pair < 4; ++pair) {
        Q[2 * chunk + pair / 2][r + pair % 2 * 2] = *reinterpret_cast<const uint32_t*>(source + 2 * pair);
      }
    }
  }

  const bool has_threshold = head.type == PatternType::Threshold;
  const float limit[2] = {head.skip_limit(sequence.offset() + row_of[0] + 1), head.skip_limit(sequence.offset() + row_of[1] + 1)};
  float O[value_chunks * value_width][4] = {};
  float maximum[2] = {-INFINITY, -INFINITY}, sum[2] = {0, 0};
  const T* keys = static_cast<const T*>(sequence.keys);
  const T* values = static_cast<const T*>(sequence.values);
  const int last_row = min(first_row + rows_in_tile, sequence.query_length) - 1;
  const int last_position = sequence.offset() + last_row;
  const KeySteps steps(head, sequence.offset() + first_row, last_position);
  if (split >= steps.parts(call.splits)) return;
  const int2 range = steps.part(split, call.splits);

  for (int index = range.x + warp; index < range.y; index += kWarps) {
    const int start = steps.key(index), first_read = steps.first_read(index);
    const auto read = [&](int key) { return max(first_read, min(key, last_position)); };
    float S[2][4] = {};
    const bool inside = (head.type == PatternType::Full || has_threshold) && start + kKeys - 1 <= sequence.offset() + first_row;
    bool seen[2][4];
#pragma unroll
    for (int tile = 0; tile < 2; ++tile) {
#pragma unroll
      for (int i = 0; i < 4; ++i) seen[tile][i] = inside || visible[i / 2](start + tile * 8 + place * 2 + i % 2);
    }
    if (head.type == PatternType::Selected) {
      bool any = false;
#pragma unroll
      for (int i = 0; i < 8; ++i) any |= seen[i / 4][i % 4];
      if (!__any_sync(0xffffffffu, any)) continue;
    }
    // All loads of the step are issued before the first product.
    uint4 key_data[2][key_chunks];
#pragma unroll
    for (int tile = 0; tile < 2; ++tile) {
      const int position = read(start + tile * 8 + quad);
      const T* source = keys + static_cast<int64_t>(sequence.row(head.slot(position))) * head_dim + place * 8;
#pragma unroll
      for (int chunk = 0; chunk < key_chunks; ++chunk) {
        key_data[tile][chunk] = *reinterpret_cast<const uint4*>(source + chunk * 32);
      }
    }
    uint32_t value_data[4][value_chunks][value_width / 2];
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const int position = read(start + place * 2 + i % 2 + i / 2 * 8);
      const T* source = values + static_cast<int64_t>(sequence.row(head.slot(position))) * head_dim + quad * value_width;
#pragma unroll
      for (int chunk = 0; chunk < value_chunks; ++chunk) {
        if constexpr (value_width == 8) {
          const uint4 line = *reinterpret_cast<const uint4*>(source + chunk * 64);
          value_data[i][chunk][0] = line.x, value_data[i][chunk][1] = line.y;
          value_data[i][chunk][2] = line.z, value_data[i][chunk][3] = line.w;
        } else {
          const uint2 line = *reinterpret_cast<const uint2*>(source + chunk * 32);
          value_data[i][chunk][0] = line.x, value_data[i][chunk][1] = line.y;
        }
      }
    }
    multiply_qk<T, key_chunks>(S, Q, key_data);
    if (call.scores.cap_input != 0) {
      cap_scores(S[0], call.scores);
      cap_scores(S[1], call.scores);
    }
    const auto sees = [&](int r, int i) { return seen[i / 2][2 * r + i % 2]; };
    if (has_threshold && all_below(S, sees, [&](int r) { return valid[r]; }, call.scores.scale_log2, maximum, limit)) continue;
    uint32_t P[4];
    softmax_step<T>(S, sees, call.scores.scale_log2, maximum, sum, O, P);
#pragma unroll
    for (int chunk = 0; chunk < value_chunks; ++chunk) {
      add_pv<T, value_width>(O + chunk * value_width, P, value_data[0][chunk], value_data[1][chunk], value_data[2][chunk],
                             value_data[3][chunk]);
    }
  }

  // Warps merge through shared memory, always in the same order.
  __shared__ float merged[kRows][head_dim + 2];
  sum[0] = quad_sum(sum[0]);
  sum[1] = quad_sum(sum[1]);
  for (int merging = 0; merging < kWarps; ++merging) {
    if (warp == merging) {
#pragma unroll
      for (int r = 0; r < 2; ++r) {
        float* target = merged[quad + 8 * r];
        float old_scale = 0, new_scale = 1, highest = maximum[r];
        if (merging > 0) {
          const float before = target[head_dim];
          highest = fmaxf(before, maximum[r]);
          const float base = highest == -INFINITY ? 0.0f : highest;
          old_scale = exp2_fast(before - base);
          new_scale = exp2_fast(maximum[r] - base);
        }
        __syncwarp();
#pragma unroll
        for (int tile = 0; tile < value_chunks * value_width; ++tile) {
#pragma unroll
          for (int i = 0; i < 2; ++i) {
            // Column 2 place + i of a product is lane 2 place + i of the chunk's lanes.
            const int column = tile / value_width * 8 * value_width + (place * 2 + i) * value_width + tile % value_width;
            const float value = O[tile][2 * r + i] * new_scale;
            target[column] = merging == 0 ? value : target[column] * old_scale + value;
          }
        }
        if (place == 0) {
          target[head_dim + 1] = (merging == 0 ? 0.0f : target[head_dim + 1] * old_scale) + sum[r] * new_scale;
          target[head_dim] = highest;
        }
      }
    }
    __syncthreads();
  }
  for (int i = threadIdx.x; i < kRows * head_dim; i += 32 * kWarps) {
    const int index = i / head_dim, column = i % head_dim;
    const int row = first_row + index / heads_in_tile, member = first_member + index % heads_in_tile;
    if (index / heads_in_tile >= rows_in_tile || row >= sequence.query_length || member >= group) continue;
    const int64_t global_row = sequence.query_start + row;
    const int query_head = key_value_head * group + member;
    RowTotal total{merged[index][head_dim], merged[index][head_dim + 1], 1};
    float scale = 1;
    if (call.splits == 1) {
      total = with_sink(call.scores.sink_logits, query_head, total.maximum, total.sum);
      scale = total.sum == 0 ? 0.0f : total.share / total.sum;
    }
    write_row<Out>(call, split, global_row, query_head, column, merged[index][column] * scale);
    if (column == 0) write_sums(call, split, global_row, query_head, total.maximum, total.sum);
  }
}

}  // namespace elastic
