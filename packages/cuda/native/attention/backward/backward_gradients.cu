// Before and after the backward's tile kernel: LSE and D of every query row, and gradients from their float32 sums.
#include "attention/backward/backward_sm90.h"
#include "core/device/check.h"
#include "core/elements/elements.cuh"

namespace elastic {
namespace {

constexpr int kThreads = 256;

/** The rows of a query tile, by number in the workspace. */
struct TileRows {
  /** Row of the tensors for the tile's first row; may lie before the sequence. */
  int64_t first;
  /** Rows of the tile that belong to the sequence. */
  int begin;
  int end;

  __device__ TileRows(const BackwardParameters& parameters, int num_sequences, int tile, int rows) {
    int index = 0;
    while (index + 1 < num_sequences && parameters.gradients[index + 1].first_tile <= tile) ++index;
    const SequenceEntry& sequence = parameters.sequences[index];
    const BackwardSequence& place = parameters.gradients[index];
    const int position = (tile - place.first_tile + place.tile_offset) * rows;
    first = int64_t{sequence.query_start} + position - sequence.offset();
    begin = max(0, sequence.offset() - position);
    end = min(rows, sequence.key_length - position);
  }
};

/** LSE in base 2 and D = rowsum(dO ∘ O): a thread block for a query tile of one head, eight columns of a row for a thread. */
template <typename Element, int head_dim, int width>
__global__ void __launch_bounds__(kThreads)
    write_row_terms(const __grid_constant__ BackwardParameters parameters, Rows<Element> outputs,
                Rows<Element> output_gradients, Rows<float> log_sum_exps, int num_sequences) {
  constexpr int rows = query_rows(head_dim), lanes = head_dim == 64 ? 8 : 16;
  const int lane = threadIdx.x % lanes, column = 8 * lane, head = blockIdx.y;
  const TileRows tile(parameters, num_sequences, blockIdx.x, rows);
  const int64_t index = int64_t{head} * parameters.num_tiles + blockIdx.x;
  auto* sums = reinterpret_cast<float4*>(parameters.query_sums + index * (rows * head_dim));
  for (int i = threadIdx.x; i < rows * head_dim / 4; i += kThreads) sums[i] = float4{0, 0, 0, 0};
  float* row_terms = parameters.row_terms + index * 2 * rows;
#pragma unroll
  for (int row = threadIdx.x / lanes; row < rows; row += kThreads / lanes) {
    float sum = 0, log_sum_exp = INFINITY;
    if (row >= tile.begin && row < tile.end) {
      const Element* output = outputs[tile.first + row] + head * head_dim + column;
      const Element* gradient = output_gradients[tile.first + row] + head * head_dim + column;
#pragma unroll
      for (int i = 0; i < 8; i += width) {
        if (column >= head_dim) break;
        float a[width], b[width];
        load_floats(output + i, a);
        load_floats(gradient + i, b);
#pragma unroll
        for (int j = 0; j < width; ++j) sum = fmaf(a[j], b[j], sum);
      }
      log_sum_exp = log_sum_exps[tile.first + row][head] * 1.44269504088896341f;
    }
#pragma unroll
    for (int step = lanes / 2; step > 0; step /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, step);
    if (lane == 0) {
      row_terms[row_term_index(row)] = log_sum_exp;
      row_terms[rows + row_term_index(row)] = sum;
    }
  }
}

/** Transposes 4 x 4 numbers over four neighbouring lanes: afterwards `values[i]` is what lane i had for this one. */
__device__ void transpose_in_quad(float (&values)[4]) {
  const bool odd = threadIdx.x % 2 == 1, upper = threadIdx.x % 4 >= 2;
#pragma unroll
  for (int i = 0; i < 2; ++i) {
    const float other = __shfl_xor_sync(0xffffffffu, upper ? values[i] : values[i + 2], 2);
    if (upper) values[i] = other;
    else values[i + 2] = other;
  }
#pragma unroll
  for (int i = 0; i < 4; i += 2) {
    const float other = __shfl_xor_sync(0xffffffffu, odd ? values[i] : values[i + 1], 1);
    if (odd) values[i] = other;
    else values[i + 1] = other;
  }
}

/**
 * dQ from its sums: a thread block for a query tile of one head. Threads read in the layout of the accumulators, blocks of 64
 * rows and 8 columns, and write eight columns of a row.
 */
template <typename Out, int head_dim, int width>
__global__ void __launch_bounds__(kThreads)
    write_query_gradient(const __grid_constant__ BackwardParameters parameters, Rows<Out> gradients, int num_sequences) {
  constexpr int rows = query_rows(head_dim), across = head_dim / 8;
  const int half = threadIdx.x / 128, thread = threadIdx.x % 128, lane = threadIdx.x % 32, head = blockIdx.y;
  const TileRows tile(parameters, num_sequences, blockIdx.x, rows);
  const int64_t index = int64_t{head} * parameters.num_tiles + blockIdx.x;
  const auto* sums = reinterpret_cast<const float4*>(parameters.query_sums + index * (rows * head_dim)) + thread;
#pragma unroll
  for (int first = 4 * half; first < rows / 64 * across; first += 8) {
    // Four blocks: a lane has two columns of each in two rows, and is left with all columns of one block.
    float parts[4][4];
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const float4 sum = sums[(first + i) * 128];
      parts[0][i] = sum.x, parts[1][i] = sum.y, parts[2][i] = sum.z, parts[3][i] = sum.w;
    }
#pragma unroll
    for (int i = 0; i < 4; ++i) transpose_in_quad(parts[i]);
    const int block = first + lane % 4;
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      const int row = block / across * 64 + thread / 32 * 16 + lane / 4 + 8 * r;
      if (row < tile.begin || row >= tile.end) continue;
      Out* place = gradients[tile.first + row] + head * head_dim + block % across * 8;
#pragma unroll
      for (int i = 0; i < 8; i += width) {
        float values[width];
        if (parameters.accumulate) load_floats(place + i, values);
#pragma unroll
        for (int j = 0; j < width; ++j) {
          const float value = parts[2 * r + (i + j) % 2][(i + j) / 2] * parameters.scale;
          values[j] = parameters.accumulate ? values[j] + value : value;
        }
        store_floats(place + i, values);
      }
    }
  }
}

/** dV (y = 0) or dK (y = 1) of a shared key tile of one head from their sums. */
template <int head_dim>
__global__ void __launch_bounds__(kThreads)
    write_key_gradient(const __grid_constant__ BackwardParameters parameters, int num_sequences) {
  const int tile = blockIdx.x, half = threadIdx.x / 128, thread = threadIdx.x % 128, lane = threadIdx.x % 32;
  int index = num_sequences - 1;
  while (parameters.gradients[index].first_key_sums > tile) --index;
  const BackwardSequence& place = parameters.gradients[index];
  const SequenceEntry& sequence = parameters.sequences[index];
  const int key_value_head = (tile - place.first_key_sums) / place.shared_key_tiles;
  const int key_tile = (tile - place.first_key_sums) % place.shared_key_tiles;
  const HeadEntry& head = parameters.heads[index * parameters.num_key_value_heads + key_value_head];
  // Outside of its sink, no key of a streaming head is shared.
  if (head.type == PatternType::Streaming && key_tile >= int64_t{head.sink_blocks} * (head.block_size / kTile)) return;
  const Matrix& target = blockIdx.y == 0 ? place.values : place.keys;
  const float scale = blockIdx.y == 0 ? 1.0f : parameters.scale;
  const float* sums = parameters.key_sums + (int64_t{tile} * 4 + blockIdx.y * 2 + half) * (64 * head_dim) + thread * 4;
  const int row = half * 64 + thread / 32 * 16 + lane / 4, end = min(kTile, sequence.key_length - key_tile * kTile);
  const auto write = [&]<typename Out>(Out* elements) {
#pragma unroll 4
    for (int block = 0; block < head_dim / 8; ++block) {
      const float4 sum = *reinterpret_cast<const float4*>(sums + block * 512);
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        if (row + i / 2 * 8 >= end) continue;
        const int64_t slot = head.slot(key_tile * kTile) + row + i / 2 * 8;
        Out& element = elements[slot * target.row_stride + block * 8 + lane % 4 * 2 + i % 2];
        const float value = (i == 0 ? sum.x : i == 1 ? sum.y : i == 2 ? sum.z : sum.w) * scale;
        element = from_float<Out>(parameters.accumulate ? value + to_float(element) : value);
      }
    }
  };
  if (target.dtype == DType::F32) write(reinterpret_cast<float*>(target.data));
  else if (target.dtype == DType::BF16) write(reinterpret_cast<__nv_bfloat16*>(target.data));
  else write(reinterpret_cast<__half*>(target.data));
}

template <typename Function>
void with_head_dim(int head_dim, const Function& fn) {
  if (head_dim == 64) return fn.template operator()<64>();
  if (head_dim == 96) return fn.template operator()<96>();
  return fn.template operator()<128>();
}

}  // namespace

void launch_backward_row_terms(const BackwardParameters& parameters, const BackwardRows& rows, int head_dim, HalfType type,
                           cudaStream_t stream) {
  const dim3 grid(static_cast<unsigned>(parameters.num_tiles), static_cast<unsigned>(parameters.num_query_heads));
  with_head_dim(head_dim, [&]<int size>() {
    with_float_type(type == HalfType::BFloat16 ? DType::BF16 : DType::F16, [&]<typename Element>(Element*) {
      if constexpr (sizeof(Element) == 2) {
        with_width(reads_vectors(rows.output) && reads_vectors(rows.output_gradient), [&](auto width) {
          write_row_terms<Element, size, decltype(width)::kValue>
              <<<grid, kThreads, 0, stream>>>(parameters, rows_of<Element>(rows.output), rows_of<Element>(rows.output_gradient),
                                              rows_of<float>(rows.log_sum_exp), rows.num_sequences);
        });
      }
    });
  });
  check(cudaGetLastError(), "attention backward, row terms");
}

void launch_backward_gradients(const BackwardParameters& parameters, const BackwardRows& rows, int head_dim,
                          cudaStream_t stream) {
  const dim3 grid(static_cast<unsigned>(parameters.num_tiles), static_cast<unsigned>(parameters.num_query_heads));
  with_head_dim(head_dim, [&]<int size>() {
    with_float_type(rows.query_gradient.dtype, [&]<typename Out>(Out*) {
      with_width(reads_vectors(rows.query_gradient), [&](auto width) {
        write_query_gradient<Out, size, decltype(width)::kValue>
            <<<grid, kThreads, 0, stream>>>(parameters, rows_of<Out>(rows.query_gradient), rows.num_sequences);
      });
    });
  });
  check(cudaGetLastError(), "attention backward, query gradient");
  if (parameters.num_key_sums == 0) return;
  const dim3 key_grid(static_cast<unsigned>(parameters.num_key_sums), 2);
  with_head_dim(head_dim, [&]<int size>() {
    write_key_gradient<size><<<key_grid, kThreads, 0, stream>>>(parameters, rows.num_sequences);
  });
  check(cudaGetLastError(), "attention backward, key gradients");
}

}  // namespace elastic
