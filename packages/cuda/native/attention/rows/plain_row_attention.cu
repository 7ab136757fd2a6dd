// Row attention in plain arithmetic: any type and size.
#include "attention/rows/row_output.cuh"
#include "attention/softmax/score_terms.cuh"
#include "attention/tables/visible_keys.cuh"
#include "core/device/check.h"

namespace elastic {
namespace {

/** A warp for a row of one head, a lane for a key. */
template <typename Query, typename Cache, typename Out>
__global__ void attend_rows(const RowAttention call) {
  extern __shared__ float memory[];
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  float* query = memory + warp * 2 * call.head_dim;
  float* mixed = query + call.head_dim;
  const SequenceEntry sequence = call.sequences[blockIdx.z];
  const int row = blockIdx.x * (blockDim.x / 32) + warp, query_head = blockIdx.y;
  if (row >= sequence.query_length) return;
  const int key_value_head = query_head / (call.num_query_heads / call.num_key_value_heads);
  const HeadEntry head = call.heads[blockIdx.z * call.num_key_value_heads + key_value_head];
  const int position = sequence.offset() + row;
  const int64_t global_row = sequence.query_start + row;
  const VisibleKeys visible(head, sequence, query_head, position);
  const Query* source = static_cast<const Query*>(call.query) + global_row * call.query_stride + query_head * call.head_dim;
  for (int i = lane; i < call.head_dim; i += 32) {
    query[i] = to_float(source[i]);
    mixed[i] = 0;
  }
  __syncwarp();
  const Cache* keys = static_cast<const Cache*>(sequence.keys);
  const Cache* values = static_cast<const Cache*>(sequence.values);
  const bool has_threshold = head.type == PatternType::Threshold;
  const float limit = head.skip_limit(position + 1);
  float maximum = -INFINITY, sum = 0;
  for (int start = visible.first() / 32 * 32; start <= position; start += 32) {
    const bool seen = visible(start + lane);
    const unsigned lanes = __ballot_sync(0xffffffffu, seen);
    if (lanes == 0) continue;
    float score = -INFINITY;
    int64_t slot = 0;
    if (seen) {
      slot = static_cast<int64_t>(sequence.row(head.slot(start + lane))) * call.head_dim;
      float dot = 0;
      for (int i = 0; i < call.head_dim; ++i) dot = fmaf(query[i], to_float(keys[slot + i]), dot);
      if (call.scores.cap_input != 0) dot = call.scores.cap * tanhf(dot * call.scores.cap_input);
      score = dot * call.scores.scale_log2;
    }
    if (has_threshold && __all_sync(0xffffffffu, !seen || score < maximum + limit)) continue;
    const float highest = fmaxf(maximum, warp_max(score));
    const float rescale = exp2f(maximum - highest);
    const float weight = exp2f(score - highest);
    maximum = highest;
    sum = sum * rescale + warp_sum(weight);
    for (int i = lane; i < call.head_dim; i += 32) mixed[i] *= rescale;
    for (int member = 0; member < 32; ++member) {
      if ((lanes >> member & 1) == 0) continue;
      const float share = __shfl_sync(0xffffffffu, weight, member);
      const int64_t at = __shfl_sync(0xffffffffu, slot, member);
      for (int i = lane; i < call.head_dim; i += 32) mixed[i] = fmaf(share, to_float(values[at + i]), mixed[i]);
    }
  }
  const RowTotal total = with_sink(call.scores.sink_logits, query_head, maximum, sum);
  for (int i = lane; i < call.head_dim; i += 32) {
    write_row<Out>(call, 0, global_row, query_head, i, sum == 0 ? 0.0f : mixed[i] * total.share / total.sum);
  }
  if (lane == 0) write_sums(call, 0, global_row, query_head, total.maximum, total.sum);
}

}  // namespace

void launch_plain_row_attention(const RowAttention& call, cudaStream_t stream) {
  constexpr int warps = 4;
  const dim3 grid(static_cast<unsigned>((call.most_rows + warps - 1) / warps),
                  static_cast<unsigned>(call.num_query_heads), static_cast<unsigned>(call.num_sequences));
  const size_t shared = static_cast<size_t>(warps * 2 * call.head_dim) * sizeof(float);
  with_float_type(call.query_dtype, [&]<typename Query>(Query*) {
    with_float_type(call.cache_dtype, [&]<typename Cache>(Cache*) {
      with_float_type(call.output_dtype, [&]<typename Out>(Out*) {
        attend_rows<Query, Cache, Out><<<grid, 32 * warps, shared, stream>>>(call);
      });
    });
  });
  check(cudaGetLastError(), "plain row attention");
}

}  // namespace elastic
