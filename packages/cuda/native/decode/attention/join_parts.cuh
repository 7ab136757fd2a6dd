// Merges partial results of an item by their log-sum-exp: those of the warps, and those of the thread blocks that share it.
#pragma once
#include "attention/softmax/operands.cuh"
#include "attention/softmax/score_terms.cuh"
#include "core/elements/floats.cuh"
#include "decode/attention/decode_stages.cuh"
#include "ptx/barrier.cuh"

namespace elastic {

#ifdef ELASTIC_BULK_COPIES

/** Floats of a part: rows of as many tokens as an item may have. */
template <typename Traits>
__device__ int64_t part_floats(const DecodeAttention& call, int group) {
  return static_cast<int64_t>(call.most_tokens) * group * Traits::part_row;
}

/** Two columns of a row, merged from parts. */
struct JoinedPair {
  float2 value{0, 0};
  float maximum = -INFINITY;
  float total = 0;
};

/** Merges one row of `count` consecutive parts in shared memory; each part holds all `rows`. */
template <typename Traits>
__device__ JoinedPair join_rows(const float* row, int count, int rows, int column) {
  const int stride = rows * Traits::part_row;
  JoinedPair joined;
#pragma unroll
  for (int i = 0; i < Traits::key_warps; ++i) {
    if (i < count) joined.maximum = fmaxf(joined.maximum, row[i * stride + Traits::head_dim]);
  }
  const float base = joined.maximum == -INFINITY ? 0.0f : joined.maximum;
#pragma unroll
  for (int i = 0; i < Traits::key_warps; ++i) {
    if (i >= count) break;
    const float* other = row + i * stride;
    const float weight = exp2_fast(other[Traits::head_dim] - base);
    joined.value.x = fmaf(other[column], weight, joined.value.x);
    joined.value.y = fmaf(other[column + 1], weight, joined.value.y);
    joined.total = fmaf(other[Traits::head_dim + 1], weight, joined.total);
  }
  return joined;
}

template <typename Traits>
__device__ void write_pair(const DecodeAttention& call, const UnitInfo& info, int group, int row, int column, const JoinedPair& pair) {
  using Element = typename Traits::Element;
  const int head = info.query_head + row % group, query_row = info.query_row + row / group;
  const RowTotal total = with_sink(call.scores.sink_logits, head, pair.maximum, pair.total);
  const float scale = total.sum == 0 ? 0.0f : total.share / total.sum;
  auto* target = static_cast<Element*>(call.output) + query_row * call.output_stride + head * Traits::head_dim + column;
  *reinterpret_cast<uint32_t*>(target) = pack_pair<Element>(pair.value.x * scale, pair.value.y * scale);
  if (column == 0 && call.log_sum_exp != nullptr) {
    call.log_sum_exp[static_cast<int64_t>(query_row) * call.num_query_heads + head] =
        total.sum == 0 ? INFINITY : (total.maximum + log2f(total.sum)) * 0.693147180559945f;
  }
}

/** Merges the parts of an item that several thread blocks computed, always in the same order. */
template <typename Traits>
__device__ void join_parts(const DecodeAttention& call, const UnitInfo& info, float* sums, int group) {
  const DecodeItem& shares = info.shared;
  const int rows = info.tokens * group;
  const int64_t stride = part_floats<Traits>(call, group);
  const auto part = [&](int index) {
    return call.partial + (2 * (shares.first_block + index) + (index == 0 ? shares.offset : 0)) * stride;
  };
  // A warp takes a row, or every so many parts of one; lanes take four columns each.
  constexpr int side_by_side = 32;
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  const int slices = rows >= Traits::key_warps ? 1 : Traits::key_warps / rows;
  const int slice = warp % slices, column = lane < Traits::head_dim / 4 ? 4 * lane : 0;
  for (int row = warp / slices; row < rows; row += Traits::consumer_warps / slices) {
    float4 value{0, 0, 0, 0};
    float maximum = -INFINITY, total = 0;
    for (int first = slice; first < shares.blocks; first += slices * side_by_side) {
      // All loads of these parts are in flight before the first one is used.
      const int own = first + lane * slices;
      float2 own_sums{-INFINITY, 0};
      if (own < shares.blocks) {
        own_sums = __ldcg(reinterpret_cast<const float2*>(part(own) + row * Traits::part_row + Traits::head_dim));
      }
      float4 others[side_by_side];
#pragma unroll
      for (int i = 0; i < side_by_side; ++i) {
        const int index = first + i * slices;
        others[i] = float4{0, 0, 0, 0};
        if (index < shares.blocks) others[i] = __ldcg(reinterpret_cast<const float4*>(part(index) + row * Traits::part_row + column));
      }
      const float highest = fmaxf(maximum, warp_max(own_sums.x)), base = highest == -INFINITY ? 0.0f : highest;
      const float rescale = exp2_fast(maximum - base), own_weight = exp2_fast(own_sums.x - base);
      maximum = highest;
      total = fmaf(total, rescale, own_sums.y * own_weight);
      value.x *= rescale, value.y *= rescale, value.z *= rescale, value.w *= rescale;
#pragma unroll
      for (int i = 0; i < side_by_side; ++i) {
        const float weight = __shfl_sync(0xffffffffu, own_weight, i);
        value.x = fmaf(others[i].x, weight, value.x);
        value.y = fmaf(others[i].y, weight, value.y);
        value.z = fmaf(others[i].z, weight, value.z);
        value.w = fmaf(others[i].w, weight, value.w);
      }
    }
    total = warp_sum(total);
    float* target = sums + (slice * rows + row) * Traits::part_row;
    if (lane < Traits::head_dim / 4) *reinterpret_cast<float4*>(target + column) = value;
    if (lane == 0) *reinterpret_cast<float2*>(target + Traits::head_dim) = float2{maximum, total};
  }
  ptx::named_barrier_sync(1, Traits::consumers);
  constexpr int pairs = Traits::head_dim / 2;
  for (int i = threadIdx.x; i < rows * pairs; i += Traits::consumers) {
    const int row = i / pairs, column = i % pairs * 2;
    write_pair<Traits>(call, info, group, row, column, join_rows<Traits>(sums + row * Traits::part_row, slices, rows, column));
  }
}

/** Merges the warps' rows: into the item's result, or into a part that the last thread block to arrive merges with the others. */
template <typename Traits>
__device__ void finish_item(const DecodeAttention& call, const DecodeShared<Traits>& shared, const UnitInfo& info, int group) {
  constexpr int pairs = Traits::head_dim / 2;
  const bool whole = info.flags & kWholeItem;
  const int rows = info.tokens * group;
  float* part = call.partial + (2 * blockIdx.x + (info.flags & kSecondPart ? 1 : 0)) * part_floats<Traits>(call, group);
  ptx::named_barrier_sync(1, Traits::consumers);
  for (int i = threadIdx.x; i < rows * pairs; i += Traits::consumers) {
    const int row = i / pairs, column = i % pairs * 2;
    const JoinedPair joined = join_rows<Traits>(shared.merged + row * Traits::part_row, Traits::key_warps, rows, column);
    if (whole) {
      write_pair<Traits>(call, info, group, row, column, joined);
    } else {
      *reinterpret_cast<float2*>(part + row * Traits::part_row + column) = joined.value;
      if (column == 0) {
        *reinterpret_cast<float2*>(part + row * Traits::part_row + Traits::head_dim) = float2{joined.maximum, joined.total};
      }
    }
  }
  ptx::named_barrier_sync(1, Traits::consumers);
  if (whole) return;
  if (threadIdx.x == 0) {
    // The fence covers the writes of the other threads, which the barrier ordered before it.
    __threadfence();
    const int before = atomicAdd(call.arrived + info.item, 1);
    const bool last = before == info.shared.blocks - 1;
    if (last) call.arrived[info.item] = 0;
    *shared.last = last;
    __threadfence();
  }
  ptx::named_barrier_sync(1, Traits::consumers);
  if (*shared.last) join_parts<Traits>(call, info, shared.merged, group);
  ptx::named_barrier_sync(1, Traits::consumers);
}

#endif

}  // namespace elastic
