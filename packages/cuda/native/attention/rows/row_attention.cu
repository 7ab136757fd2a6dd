#include "attention/rows/row_attention.h"

#include <algorithm>

#include "attention/rows/join_splits.cuh"
#include "attention/rows/row_groups.cuh"
#include "core/device/check.h"

namespace elastic {
namespace {

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

bool row_attention_uses_tensor_cores(const RowAttention& call) {
  const bool half = call.query_dtype == DType::BF16 || call.query_dtype == DType::F16;
  const bool size = call.head_dim == 32 || call.head_dim == 64 || call.head_dim == 96 || call.head_dim == 128;
  return half && size && call.cache_dtype == call.query_dtype && call.query_stride % 2 == 0;
}

int rows_per_block(int group) { return kRows / std::min(group, kRows); }

void launch_row_attention(const RowAttention& call, cudaStream_t stream) {
  const int group = call.num_query_heads / call.num_key_value_heads;
  if (row_attention_uses_tensor_cores(call)) {
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
  check(cudaGetLastError(), "row attention, merging");
}

}  // namespace elastic
