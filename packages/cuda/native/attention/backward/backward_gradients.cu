// Before and after the backward's tile kernel: LSE and D of every query row, and gradients from their float32 sums.
#include "attention/backward/backward_sm90.h"
#include "core/device/check.h"
#include "core/elements/floats.cuh"

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

  __device__ TileRows(const BackwardParameters& parameters, int num_sequences, int tile) {
    int index = 0;
    while (index + 1 < num_sequences && parameters.gradients[index + 1].first_tile <= tile) ++index;
    const SequenceEntry& sequence = parameters.sequences[index];
    const BackwardSequence& place = parameters.gradients[index];
    const int position = (tile - place.first_tile + place.tile_offset) * kQueryRows;
    first = int64_t{sequence.query_start} + position - sequence.offset();
    begin = max(0, sequence.offset() - position);
    end = min(kQueryRows, sequence.key_length - position);
  }
};

/** LSE in base 2 and D = rowsum(dO ∘ O): a thread block for a query tile of one head, a warp for a row at a time. */
template <typename Element, int head_dim>
__global__ void __launch_bounds__(kThreads)
    write_row_terms(const __grid_constant__ BackwardParameters parameters, Rows<Element> outputs,
                Rows<Element> output_gradients, Rows<float> log_sum_exps, int num_sequences) {
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, head = blockIdx.y;
  const TileRows tile(parameters, num_sequences, blockIdx.x);
  const int64_t index = int64_t{head} * parameters.num_tiles + blockIdx.x;
  auto* sums = reinterpret_cast<float4*>(parameters.query_sums + index * (kQueryRows * head_dim));
  for (int i = threadIdx.x; i < kQueryRows * head_dim / 4; i += kThreads) sums[i] = float4{0, 0, 0, 0};
  float* row_terms = parameters.row_terms + index * 2 * kQueryRows;
#pragma unroll 4
  for (int row = warp; row < kQueryRows; row += kThreads / 32) {
    float sum = 0, log_sum_exp = INFINITY;
    if (row >= tile.begin && row < tile.end) {
      const Element* output = outputs[tile.first + row] + head * head_dim;
      const Element* gradient = output_gradients[tile.first + row] + head * head_dim;
#pragma unroll
      for (int i = 0; i < (head_dim + 63) / 64; ++i) {
        const int column = i * 64 + lane * 2;
        if (column >= head_dim) continue;
        sum = fmaf(to_float(output[column]), to_float(gradient[column]), sum);
        sum = fmaf(to_float(output[column + 1]), to_float(gradient[column + 1]), sum);
      }
      log_sum_exp = log_sum_exps[tile.first + row][head] * 1.44269504088896341f;
    }
    sum = warp_sum(sum);
    if (lane == 0) {
      row_terms[row_term_index(row)] = log_sum_exp;
      row_terms[kQueryRows + row_term_index(row)] = sum;
    }
  }
}

/** dQ from its sums: a thread block for a query tile of one head; threads read in the layout of the accumulators. */
template <typename Out, int head_dim>
__global__ void __launch_bounds__(kThreads)
    write_query_gradient(const __grid_constant__ BackwardParameters parameters, Rows<Out> gradients, int num_sequences) {
  const int half = threadIdx.x / 128, thread = threadIdx.x % 128, lane = threadIdx.x % 32, head = blockIdx.y;
  const TileRows tile(parameters, num_sequences, blockIdx.x);
  const int64_t index = int64_t{head} * parameters.num_tiles + blockIdx.x;
  const float* sums = parameters.query_sums + index * (kQueryRows * head_dim) + thread * 4;
  const int first_row = thread / 32 * 16 + lane / 4, first_column = head * head_dim + lane % 4 * 2;
#pragma unroll
  for (int block = half; block < head_dim / 8; block += 2) {
    const float4 sum = *reinterpret_cast<const float4*>(sums + block * 512);
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      const int row = first_row + 8 * r;
      if (row < tile.begin || row >= tile.end) continue;
      Out* place = gradients[tile.first + row] + first_column + block * 8;
      float a = (r == 0 ? sum.x : sum.z) * parameters.scale, b = (r == 0 ? sum.y : sum.w) * parameters.scale;
      if (parameters.accumulate) {
        a += to_float(place[0]);
        b += to_float(place[1]);
      }
      place[0] = from_float<Out>(a);
      place[1] = from_float<Out>(b);
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
        write_row_terms<Element, size><<<grid, kThreads, 0, stream>>>(parameters, rows_of<Element>(rows.output),
                                                                  rows_of<Element>(rows.output_gradient),
                                                                  rows_of<float>(rows.log_sum_exp), rows.num_sequences);
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
      write_query_gradient<Out, size>
          <<<grid, kThreads, 0, stream>>>(parameters, rows_of<Out>(rows.query_gradient), rows.num_sequences);
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
