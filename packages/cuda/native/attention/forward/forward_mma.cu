#include "attention/forward/forward_mma.h"

#include "attention/softmax/causal_mask.cuh"
#include "attention/softmax/output_tile.cuh"
#include "attention/tiles/key_tiles.cuh"
#include "ptx/warp_matrix.cuh"

namespace elastic {
namespace {

constexpr int kThreads = 256;
/** Keys in shared memory at a time: half a tile. */
constexpr int kHalf = kTile / 2;

/** Rows of 16-bit elements in shared memory in lines of 16 bytes, swizzled: eight rows of one column have no bank conflicts. */
template <int head_dim>
struct SharedRows {
  static constexpr int lines = head_dim / 8;
  uint32_t base;

  __device__ uint32_t address(int row, int line) const {
    const int place = head_dim % 64 == 0 ? line ^ (row & 7) : line ^ (row >> 1 & 3);
    return base + static_cast<uint32_t>(row * lines + place) * 16;
  }
};

template <typename Element, int head_dim>
struct alignas(16) MmaShared {
  Element query[kTile * head_dim];
  Element keys[kHalf * head_dim];
  Element values[kHalf * head_dim];
  int work;
};

/** Starts the copy of `count` rows, `stride` elements apart; rows outside [begin, end) become zeros. */
template <int head_dim, int count, typename Element>
__device__ void copy_rows(const SharedRows<head_dim>& target, const Element* source, int64_t stride, int begin, int end) {
  constexpr int lines = SharedRows<head_dim>::lines;
  for (int i = threadIdx.x; i < count * lines; i += kThreads) {
    const int row = i / lines, line = i % lines;
    const bool there = row >= begin && row < end;
    ptx::copy_line(target.address(row, line), source + (there ? row : begin) * stride + line * 8, there);
  }
  ptx::commit_copies();
}

/** Eight warps, 16 query rows each. K and V are copied in halves of a tile: V while S is computed, the next K during PV. */
template <typename Element, int head_dim>
__global__ void __launch_bounds__(kThreads, 1) attention_forward_mma(const MmaForwardParameters parameters) {
  extern __shared__ __align__(16) uint8_t memory[];
  auto& shared = *reinterpret_cast<MmaShared<Element, head_dim>*>(memory);
  const SharedRows<head_dim> queries{ptx::shared_address(shared.query)};
  const SharedRows<head_dim> keys{ptx::shared_address(shared.keys)}, values{ptx::shared_address(shared.values)};
  constexpr int steps = head_dim / 16;
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, thread_row = 16 * warp + lane / 4;
  const int group = parameters.num_query_heads / parameters.num_key_value_heads;
  const Schedule& schedule = parameters.schedule;
  const int num_work = *schedule.num_work, num_segments = *schedule.num_segments;
  int segment_index = 0;
  for (;;) {
    __syncthreads();
    if (threadIdx.x == 0) shared.work = atomicAdd(schedule.next_work, 1);
    __syncthreads();
    const int index = shared.work;
    if (index >= num_work) return;
    while (segment_index + 1 < num_segments && schedule.segments[segment_index + 1].first_work <= index) ++segment_index;
    const Segment segment = schedule.segments[segment_index];
    const SequenceEntry sequence = parameters.sequences[segment.sequence];
    const int row_heads = segment.num_heads * group, rest = index - segment.first_work;
    const int tile = (sequence.key_length + kTile - 1) / kTile - 1 - rest / row_heads;
    const int key_value_head = schedule.heads[segment.first_head + rest % row_heads / group];
    const int query_head = key_value_head * group + rest % group;
    const HeadEntry head = parameters.heads[segment.sequence * parameters.num_key_value_heads + key_value_head];
    const int first_row = sequence.query_start + tile * kTile - sequence.offset();
    const int begin = max(0, sequence.offset() - tile * kTile), end = min(kTile, sequence.key_length - tile * kTile);
    const OutputTile<Element> target{static_cast<Element*>(parameters.output), parameters.output_stride,
                                     parameters.log_sum_exp, parameters.num_query_heads, query_head, first_row,
                                     begin, end, thread_row};
    KeyTiles<false> walk(head, sequence, query_head, tile, false);
    int key_tile = walk.next();
    if (key_tile < 0) {
      target.template store_zeros<head_dim>();
      continue;
    }
    const auto* all_keys = static_cast<const Element*>(sequence.keys);
    const auto* all_values = static_cast<const Element*>(sequence.values);
    const auto copy_half = [&](const SharedRows<head_dim>& place, const Element* rows, int of_tile, int half) {
      const int position = of_tile * kTile + half * kHalf;
      const int left = sequence.key_length - position;
      // Nothing is read past the last key: a half that lies behind it is zeros.
      const int64_t slot = sequence.row(head.slot(left > 0 ? position : of_tile * kTile));
      copy_rows<head_dim, kHalf>(place, rows + slot * head_dim, head_dim, 0, left);
    };
    copy_rows<head_dim, kTile>(queries,
                               static_cast<const Element*>(parameters.query) + first_row * parameters.query_stride +
                                   query_head * head_dim,
                               parameters.query_stride, begin, end);
    copy_half(keys, all_keys, key_tile, 0);
    ptx::wait_for_copies<0>();
    __syncthreads();
    uint32_t query[steps][4];
#pragma unroll
    for (int step = 0; step < steps; ++step) {
      ptx::load_matrices(query[step], queries.address(16 * warp + lane % 16, 2 * step + lane / 16));
    }

    float O[head_dim / 2];
#pragma unroll
    for (float& value : O) value = 0;
    OnlineSoftmax softmax(parameters.scale_log2);
    bool first = true;
    for (int half = 0; key_tile >= 0;) {
      copy_half(values, all_values, key_tile, half);
      float S[kHalf / 2];
#pragma unroll
      for (float& score : S) score = 0;
#pragma unroll
      for (int step = 0; step < steps; ++step) {
#pragma unroll
        for (int pair = 0; pair < kHalf / 16; ++pair) {
          uint32_t key[4];
          ptx::load_matrices(key, keys.address(16 * pair + lane % 8 + lane / 16 * 8, 2 * step + lane / 8 % 2));
          ptx::multiply_accumulate<Element>(*reinterpret_cast<float(*)[4]>(S + 8 * pair), query[step], key[0], key[1]);
          ptx::multiply_accumulate<Element>(*reinterpret_cast<float(*)[4]>(S + 8 * pair + 4), query[step], key[2], key[3]);
        }
      }
      if (key_tile == tile) mask_causal(S, thread_row - half * kHalf, lane);
      // In the first half of the diagonal tile every row sees a key, so no running maximum stays -infinity.
      const int next_half = 1 - half, next_tile = next_half == 0 ? walk.next() : key_tile;
      ptx::wait_for_copies<0>();
      __syncthreads();
      if (next_tile >= 0) copy_half(keys, all_keys, next_tile, next_half);
      float rescale[2] = {1, 1};
      if (first) softmax.first_step(S);
      else softmax.step(S, rescale);
      first = false;
      if (__any_sync(0xffffffffu, rescale[0] != 1.0f || rescale[1] != 1.0f)) {
#pragma unroll
        for (int i = 0; i < head_dim / 2; ++i) O[i] *= rescale[i / 2 % 2];
      }
      uint32_t P[kHalf / 16][4];
      pack_operand<Element>(P, S);
#pragma unroll
      for (int step = 0; step < kHalf / 16; ++step) {
#pragma unroll
        for (int pair = 0; pair < steps; ++pair) {
          uint32_t value[4];
          ptx::load_matrices_transposed(value, values.address(16 * step + lane % 16, 2 * pair + lane / 16));
          ptx::multiply_accumulate<Element>(*reinterpret_cast<float(*)[4]>(O + 8 * pair), P[step], value[0], value[1]);
          ptx::multiply_accumulate<Element>(*reinterpret_cast<float(*)[4]>(O + 8 * pair + 4), P[step], value[2], value[3]);
        }
      }
      ptx::wait_for_copies<0>();
      __syncthreads();
      half = next_half;
      key_tile = next_tile;
    }
    target.template store<head_dim>(O, softmax);
  }
}

template <typename Element, int head_dim>
cudaError_t launch(const MmaForwardParameters& parameters, int multiprocessors, cudaStream_t stream) {
  constexpr int bytes = sizeof(MmaShared<Element, head_dim>);
  const auto kernel = attention_forward_mma<Element, head_dim>;
  const cudaError_t status = cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes);
  if (status != cudaSuccess) return status;
  kernel<<<multiprocessors, kThreads, bytes, stream>>>(parameters);
  return cudaGetLastError();
}

template <typename Element>
cudaError_t launch_size(const MmaForwardParameters& parameters, int head_dim, int multiprocessors, cudaStream_t stream) {
  switch (head_dim) {
    case 32:
      return launch<Element, 32>(parameters, multiprocessors, stream);
    case 64:
      return launch<Element, 64>(parameters, multiprocessors, stream);
    case 96:
      return launch<Element, 96>(parameters, multiprocessors, stream);
    case 128:
      return launch<Element, 128>(parameters, multiprocessors, stream);
    default:
      return cudaErrorInvalidValue;
  }
}

}  // namespace

cudaError_t launch_forward_mma(const MmaForwardParameters& parameters, int head_dim, HalfType type, int multiprocessors,
                               cudaStream_t stream) {
  if (type == HalfType::BFloat16) return launch_size<__nv_bfloat16>(parameters, head_dim, multiprocessors, stream);
  return launch_size<__half>(parameters, head_dim, multiprocessors, stream);
}

}  // namespace elastic
