// The masks of causality and of sliding windows, in the layout of wgmma accumulators (see `OnlineSoftmax`).
#pragma once

namespace elastic {

/** Sets S to -infinity for keys after the query, in the tile where rows and columns count from the same position. */
template <int count>
__device__ void mask_causal(float (&S)[count], int thread_row, int lane) {
#pragma unroll
  for (int i = 0; i < count; ++i) {
    const int row = thread_row + i / 2 % 2 * 8;
    const int column = i / 4 * 8 + lane % 4 * 2 + i % 2;
    if (column > row) S[i] = -INFINITY;
  }
}

/** Sets S to -infinity for keys before a window: a row sees the columns behind `row_edge`, its thread's first row's, and so on. */
template <int count>
__device__ void mask_window(float (&S)[count], int row_edge, int lane) {
#pragma unroll
  for (int i = 0; i < count; ++i) {
    const int column = i / 4 * 8 + lane % 4 * 2 + i % 2;
    if (column <= row_edge + i / 2 % 2 * 8) S[i] = -INFINITY;
  }
}

/** Sets P to 0 likewise in a transposed tile, [keys, queries]: `first_query` is the first query's distance from the first key. */
template <int count>
__device__ void mask_causal_transposed(float (&P)[count], int thread_key, int first_query, int lane) {
#pragma unroll
  for (int i = 0; i < count; ++i) {
    const int query = first_query + i / 4 * 8 + lane % 4 * 2 + i % 2;
    if (thread_key + i / 2 % 2 * 8 > query) P[i] = 0;
  }
}

}  // namespace elastic
