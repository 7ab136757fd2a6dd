#include "attention/row_attention.h"

#include <algorithm>

#include "attention/key_steps.cuh"
#include "attention/row_output.cuh"
#include "attention/visible_keys.cuh"
#include "attention/warp_keys.cuh"
#include "core/check.h"
#include "core/floats.cuh"

namespace elastic {
namespace {

/**
 * Matrix units: 16 rows (query heads of one group, times query rows) against 16 keys a step, straight from memory to
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

  uint32_t query[2 * key_chunks][4];
  const T* queries = static_cast<const T*>(call.query);
#pragma unroll
  for (int chunk = 0; chunk < key_chunks; ++chunk) {
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      const T* source = queries + static_cast<int64_t>(sequence.query_start + row_of[r]) * call.query_stride +
                        query_head_of[r] * head_dim + chunk * 32 + place * 8;
#pragma unroll
      for (int pair = 0; pair < 4; ++pair) {
        query[2 * chunk + pair / 2][r + pair % 2 * 2] = *reinterpret_cast<const uint32_t*>(source + 2 * pair);
      }
    }
  }

  float sums[value_chunks * value_width][4] = {};
  float maximum[2] = {-INFINITY, -INFINITY}, sum[2] = {0, 0};
  const T* keys = static_cast<const T*>(sequence.keys);
  const T* values = static_cast<const T*>(sequence.values);
  const int last_row = min(first_row + rows_in_tile, sequence.query_length) - 1;
  const int last_position = sequence.offset() + last_row;
  const KeySteps steps(head, sequence.offset() + first_row, last_position);
  if (split >= steps.parts(call.splits)) return;
  const int2 range = steps.part(split, call.splits);

  for (int index = range.x + warp; index < range.y; index += kWarps) {
    const int start = steps.key(index);
    float scores[2][4] = {};
    const bool inside = head.type == PatternType::Full && start + kKeys - 1 <= sequence.offset() + first_row;
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
    // Every load of the step is issued before the first product.
    uint4 key_data[2][key_chunks];
#pragma unroll
    for (int tile = 0; tile < 2; ++tile) {
      const int position = min(start + tile * 8 + quad, last_position);
      const T* source = keys + static_cast<int64_t>(sequence.row(head.slot(position))) * head_dim + place * 8;
#pragma unroll
      for (int chunk = 0; chunk < key_chunks; ++chunk) {
        key_data[tile][chunk] = *reinterpret_cast<const uint4*>(source + chunk * 32);
      }
    }
    uint32_t value_data[4][value_chunks][value_width / 2];
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const int position = min(start + place * 2 + i % 2 + i / 2 * 8, last_position);
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
    multiply_keys<T, key_chunks>(scores, query, key_data);
    uint32_t weights[4];
    weigh_scores<T>(scores, [&](int r, int i) { return seen[i / 2][2 * r + i % 2]; }, call.scale_log2, maximum, sum, sums, weights);
#pragma unroll
    for (int chunk = 0; chunk < value_chunks; ++chunk) {
      add_values<T, value_width>(sums + chunk * value_width, weights, value_data[0][chunk], value_data[1][chunk],
                                 value_data[2][chunk], value_data[3][chunk]);
    }
  }

  // Warps merge through shared memory, always in the same order.
  __shared__ float merged[kRows][head_dim + 2];
  sum[0] = quad_sum(sum[0]);
  sum[1] = quad_sum(sum[1]);
  for (int turn = 0; turn < kWarps; ++turn) {
    if (warp == turn) {
#pragma unroll
      for (int r = 0; r < 2; ++r) {
        float* target = merged[quad + 8 * r];
        float old_scale = 0, new_scale = 1, highest = maximum[r];
        if (turn > 0) {
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
            const float value = sums[tile][2 * r + i] * new_scale;
            target[column] = turn == 0 ? value : target[column] * old_scale + value;
          }
        }
        if (place == 0) {
          target[head_dim + 1] = (turn == 0 ? 0.0f : target[head_dim + 1] * old_scale) + sum[r] * new_scale;
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
    const float total = merged[index][head_dim + 1];
    const float scale = call.splits > 1 ? 1.0f : total > 0 ? 1.0f / total : 0.0f;
    const int64_t global_row = sequence.query_start + row;
    const int query_head = key_value_head * group + member;
    write_row<Out>(call, split, global_row, query_head, column, merged[index][column] * scale);
    if (column == 0) write_sums(call, split, global_row, query_head, merged[index][head_dim], total);
  }
}

constexpr int kJoinGroups = 4;

/**
 * Joins the parts of split rows, always in the same order: groups of threads take parts in turn, and the groups are
 * joined at the end. One thread block for a row of one head.
 */
template <typename Out>
__global__ void join_splits(const RowAttention call) {
  extern __shared__ float shares[];
  __shared__ float totals[kJoinGroups];
  const int head = blockIdx.y, column = threadIdx.x, group = threadIdx.y;
  const int per_group = call.num_query_heads / call.num_key_value_heads;
  // The sequence that the row belongs to; decoding batches are short.
  const int64_t row = blockIdx.x;
  int index = 0;
  while (row < call.sequences[index].query_start || row >= call.sequences[index].query_start + call.sequences[index].query_length) {
    if (++index == call.num_sequences) return;
  }
  const SequenceEntry& sequence = call.sequences[index];
  const HeadEntry& entry = call.heads[index * call.num_key_value_heads + head / per_group];
  const int rows_in_tile = kRows / min(per_group, kRows);
  const int first_row = static_cast<int>(row - sequence.query_start) / rows_in_tile * rows_in_tile;
  const int last_row = min(first_row + rows_in_tile, sequence.query_length) - 1;
  const int parts = KeySteps(entry, sequence.offset() + first_row, sequence.offset() + last_row).parts(call.splits);
  const int64_t width = call.head_dim + 2, split_stride = call.tokens * call.num_query_heads * width;
  const float* part = call.partial + (row * call.num_query_heads + head) * width;
  const int thread = group * blockDim.x + column, threads = kJoinGroups * blockDim.x;
  for (int split = thread; split < parts; split += threads) {
    shares[2 * split] = part[split * split_stride + call.head_dim];
    shares[2 * split + 1] = part[split * split_stride + call.head_dim + 1];
  }
  __syncthreads();
  float maximum = -INFINITY;
  for (int split = 0; split < parts; ++split) maximum = fmaxf(maximum, shares[2 * split]);
  const float base = maximum == -INFINITY ? 0.0f : maximum;
  float value = 0, total = 0;
#pragma unroll 8
  for (int split = group; split < parts; split += kJoinGroups) {
    const float share = exp2_fast(shares[2 * split] - base);
    value = fmaf(part[split * split_stride + column], share, value);
    total = fmaf(shares[2 * split + 1], share, total);
  }
  float* values = shares + 2 * call.splits;
  values[thread] = value;
  if (column == 0) totals[group] = total;
  __syncthreads();
  if (group != 0) return;
  for (int other = 1; other < kJoinGroups; ++other) {
    value += values[other * blockDim.x + column];
    total += totals[other];
  }
  static_cast<Out*>(call.output)[row * call.output_stride + head * call.head_dim + column] =
      from_float<Out>(total > 0 ? value / total : 0.0f);
  if (column == 0 && call.log_sum_exp != nullptr) {
    call.log_sum_exp[row * call.num_query_heads + head] =
        total > 0 ? (maximum + log2f(total)) * 0.693147180559945f : INFINITY;
  }
}

template <typename T, typename Out>
void launch_groups(const RowAttention& call, dim3 grid, cudaStream_t stream) {
  constexpr int threads = 32 * kWarps;
  switch (call.head_dim) {
    case 32:
      return attend_row_groups<T, Out, 32><<<grid, threads, 0, stream>>>(call);
    case 64:
      return attend_row_groups<T, Out, 64><<<grid, threads, 0, stream>>>(call);
    case 96:
      return attend_row_groups<T, Out, 96><<<grid, threads, 0, stream>>>(call);
    default:
      return attend_row_groups<T, Out, 128><<<grid, threads, 0, stream>>>(call);
  }
}

}  // namespace

bool row_attention_uses_matrix_units(const RowAttention& call) {
  const bool half = call.query_dtype == DType::BF16 || call.query_dtype == DType::F16;
  const bool size = call.head_dim == 32 || call.head_dim == 64 || call.head_dim == 96 || call.head_dim == 128;
  return half && size && call.cache_dtype == call.query_dtype && call.query_stride % 2 == 0;
}

int rows_per_block(int group) { return kRows / std::min(group, kRows); }

void launch_row_attention(const RowAttention& call, cudaStream_t stream) {
  const int group = call.num_query_heads / call.num_key_value_heads;
  if (row_attention_uses_matrix_units(call)) {
    const int rows = rows_per_block(group), head_tiles = (group + kRows - 1) / kRows;
    const dim3 grid(static_cast<unsigned>((call.most_rows + rows - 1) / rows),
                    static_cast<unsigned>(call.num_key_value_heads * head_tiles),
                    static_cast<unsigned>(call.num_sequences * call.splits));
    with_float_type(call.output_dtype, [&]<typename Out>(Out*) {
      if (call.query_dtype == DType::BF16) launch_groups<__nv_bfloat16, Out>(call, grid, stream);
      else launch_groups<__half, Out>(call, grid, stream);
    });
  } else {
    launch_plain_row_attention(call, stream);
  }
  check(cudaGetLastError(), "row attention");
  if (call.splits == 1) return;
  const dim3 grid(static_cast<unsigned>(call.tokens), static_cast<unsigned>(call.num_query_heads));
  with_float_type(call.output_dtype, [&]<typename Out>(Out*) {
    const dim3 threads(static_cast<unsigned>(call.head_dim), kJoinGroups);
    const size_t shared = static_cast<size_t>(2 * call.splits + kJoinGroups * call.head_dim) * sizeof(float);
    join_splits<Out><<<grid, threads, shared, stream>>>(call);
  });
  check(cudaGetLastError(), "row attention, joining");
}

}  // namespace elastic
