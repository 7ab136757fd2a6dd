// A consumer warp group of the Hopper backward: dK and dV of 64 keys, and half of the columns of every tile of dQ. S and dP
// are computed transposed, [keys, queries], so that P goes from registers straight into dV; dS also goes through shared
// memory, where dQ is computed from the keys of both warp groups.
#pragma once
#include "attention/backward/backward_products.cuh"
#include "attention/backward/backward_softmax.cuh"
#include "attention/backward/backward_stores.cuh"
#include "attention/softmax/causal_mask.cuh"
#include "ptx/shared_matrix.cuh"
#include "ptx/uniform.cuh"

namespace elastic {

#ifdef ELASTIC_HOPPER

/** Clears rows of K and V past the last key: they may hold anything, NaN included, and 0 · NaN is NaN. */
template <typename Traits>
__device__ __forceinline__ void clear_missing_keys(BackwardShared<Traits>& shared, int keys) {
  constexpr int cleared = 2;  // Id of a named barrier.
  for (int part = 0; part < Traits::parts; ++part) {
    const int offset = part * Traits::key_part_bytes + keys * Traits::row_bytes;
    const int count = (kTile - keys) * Traits::row_bytes / 16;
    for (int i = threadIdx.x - 128; i < count; i += 256) {
      reinterpret_cast<uint4*>(shared.keys + offset)[i] = uint4{0, 0, 0, 0};
      reinterpret_cast<uint4*>(shared.values + offset)[i] = uint4{0, 0, 0, 0};
    }
  }
  ptx::fence_shared_for_async();
  ptx::named_barrier_sync(cleared, 256);
}

/** Runs in a warp group until the producer has no more key tiles. */
template <typename Traits>
__device__ void consume_backward(const BackwardParameters& parameters, BackwardShared<Traits>& shared) {
  using Element = typename Traits::Element;
  constexpr int rows = Traits::rows;
  constexpr int ds_stored = 1;  // Id of a named barrier.
  const int consumer = ptx::uniform(threadIdx.x / 128) - 1;
  const int thread = threadIdx.x % 128, lane = threadIdx.x % 32;
  const int thread_key = consumer * 64 + thread / 32 * 16 + lane / 4;
  const auto tile_rows = [](const void* tile) {
    return ptx::matrix_descriptor<Traits::swizzle>(tile, Traits::query_part_bytes, 8 * Traits::row_bytes);
  };
  const uint64_t K = ptx::matrix_descriptor<Traits::swizzle>(shared.keys + consumer * 64 * Traits::row_bytes, 0,
                                                             8 * Traits::row_bytes);
  const uint64_t V = ptx::matrix_descriptor<Traits::swizzle>(shared.values + consumer * 64 * Traits::row_bytes, 0,
                                                             8 * Traits::row_bytes);
  const uint64_t K_columns = ptx::matrix_descriptor<Traits::swizzle>(
      shared.keys + consumer * Traits::second_column / Traits::columns * Traits::key_part_bytes, Traits::key_part_bytes,
      8 * Traits::row_bytes);
  const uint64_t Q = tile_rows(shared.queries[0]);
  const uint64_t dO = tile_rows(shared.output_gradients[0]);
  // The same dS, as columns of queries for dQ and as rows of keys for dK.
  const uint64_t dS_columns = ptx::matrix_descriptor<ptx::Swizzle::Bytes128>(shared.score_gradients[0], 0, 8 * 128);
  const uint64_t dS_rows =
      ptx::matrix_descriptor<ptx::Swizzle::Bytes128>(shared.score_gradients[0] + consumer * 64 * 128, 0, 8 * 128);
  // Where this lane stores its row of four 8 x 8 matrices of dS; the place in the row depends on the step.
  const uint32_t dS_row =
      ptx::shared_address(shared.score_gradients[0]) + (consumer * 64 + thread / 32 * 16 + lane / 8 % 2 * 8 + lane % 8) * 128;
  const uint32_t swizzle = lane % 8, second_half = lane / 16;
  const auto release = [&](ptx::Barrier& barrier) {
    if (lane == 0) barrier.arrive();
  };

  float dK[Traits::head_dim / 2], dV[Traits::head_dim / 2];
  float S[rows / 2], dP[rows / 2], dQ[32];
  uint32_t P[rows / 16][4];
  const float scale_log2 = parameters.scale * 1.44269504088896341f;
  uint32_t stage = 0, phase = 0, key_phase = 0, buffer = 0;
  for (;;) {
    shared.keys_full.wait(key_phase);
    key_phase ^= 1;
    const BackwardKeyTile key_tile = shared.key_tile;
    if (ptx::uniform(key_tile.done)) return;
    const int first = key_tile.slot + thread_key, end = key_tile.slot + key_tile.keys;
    const BackwardSequence& gradients = parameters.gradients[key_tile.sequence];
    const auto store = [&] {
      if (ptx::uniform(key_tile.sums) < 0) {
        store_gradient<Traits::head_dim>(gradients.values, dV, 1, first, end, parameters.accumulate);
        store_gradient<Traits::head_dim>(gradients.keys, dK, parameters.scale, first, end, parameters.accumulate);
        return;
      }
      float* sums = parameters.key_sums + (int64_t{key_tile.sums} * 4 + consumer) * (64 * Traits::head_dim);
      int32_t* order = parameters.key_order == nullptr ? nullptr : parameters.key_order + 4 * key_tile.sums + consumer;
      add_ordered<0, Traits::head_dim / 2>(sums, dV, order, key_tile.part, key_tile.part + 1);
      add_ordered<0, Traits::head_dim / 2>(sums + 128 * Traits::head_dim, dK, order == nullptr ? nullptr : order + 2,
                                           key_tile.part, key_tile.part + 1);
    };
    if (ptx::uniform(key_tile.empty)) {
      __syncwarp();
      release(shared.keys_free);
#pragma unroll
      for (int i = 0; i < Traits::head_dim / 2; ++i) dK[i] = dV[i] = 0;
      store();
      continue;
    }
    if (ptx::uniform(key_tile.keys) < kTile) clear_missing_keys(shared, key_tile.keys);
    // Query tiles of this item so far, and the stage of the previous one.
    int done = 0;
    uint32_t previous_stage = stage;
    shared.query_full[stage].wait(phase);
    ptx::keep_in_place(S);
    ptx::matrix_fence();
    issue_scores<Traits>(S, K, ptx::advance(Q, stage * Traits::query_bytes));
    ptx::matrix_commit();
    ptx::matrix_wait<0>();
    ptx::keep_in_place(S);

    // One query tile, and S of the next one unless this is the last. dK lags one tile behind, to keep the tensor cores busy
    // during the exponentials. No product stays unfinished from one tile to the next: the assembler would then wait after
    // every product.
    const auto step = [&](auto last) __attribute__((always_inline)) {
      const BackwardQueryTile query_tile = shared.query_tiles[stage];
      const uint64_t dO_tile = ptx::advance(dO, stage * Traits::query_bytes);
      const float4* row_terms = reinterpret_cast<const float4*>(shared.row_terms[stage]) + lane % 4;
      shared.gradient_full[stage].wait(phase);
      ptx::keep_in_place(dP);
      ptx::keep_in_place(dK);
      ptx::matrix_fence();
      issue_scores<Traits>(dP, V, dO_tile);
      ptx::matrix_commit();
      // There is no dS yet on the first tile: the result is overwritten by the next tile's.
      issue_dk<Traits>(dK, ptx::advance(dS_rows, (buffer ^ 1) * Traits::score_bytes),
                       ptx::advance(Q, previous_stage * Traits::query_bytes), done > 1);
      ptx::matrix_commit();
      recompute_p<Traits>(S, row_terms, scale_log2);
      if (ptx::uniform(query_tile.distance) < kTile) mask_causal_transposed(S, thread_key, query_tile.distance, lane);
      pack_operand<Element>(P, S);
      ptx::keep_in_place(P);
      ptx::keep_in_place(dV);
      ptx::matrix_fence();
      issue_dv<Traits>(dV, P, dO_tile, done > 0);
      ptx::matrix_commit();

      ptx::matrix_wait<2>();
      ptx::keep_in_place(dP);
      const uint32_t row = dS_row + buffer * Traits::score_bytes;
#pragma unroll
      for (int i = 0; i < rows / 16; ++i) {
        uint32_t dS[4];
        pack_ds<Traits>(dS, S, dP, row_terms, i);
        ptx::store_matrices(row + ((i * 2 + second_half) ^ swizzle) * 16, dS);
      }
      ptx::fence_shared_for_async();
      ptx::named_barrier_sync(ds_stored, 256);
      ptx::matrix_wait<1>();
      ptx::keep_in_place(dK);
      if (done > 0) release(shared.tile_free[previous_stage]);
      ptx::keep_in_place(dQ);
      ptx::matrix_fence();
      issue_dq<Traits>(dQ, ptx::advance(dS_columns, buffer * Traits::score_bytes), K_columns);
      ptx::matrix_commit();
      ++done;
      buffer ^= 1;
      previous_stage = stage;
      if (++stage == Traits::stages) {
        stage = 0;
        phase ^= 1;
      }
      if constexpr (!last.value) {
        shared.query_full[stage].wait(phase);
        ptx::keep_in_place(S);
        ptx::matrix_fence();
        issue_scores<Traits>(S, K, ptx::advance(Q, stage * Traits::query_bytes));
        ptx::matrix_commit();
        ptx::matrix_wait<1>();
      } else {
        ptx::keep_in_place(dK);
        ptx::matrix_fence();
        issue_dk<Traits>(dK, ptx::advance(dS_rows, (buffer ^ 1) * Traits::score_bytes),
                         ptx::advance(Q, previous_stage * Traits::query_bytes), done > 1);
        ptx::matrix_commit();
        ptx::matrix_wait<1>();
      }
      ptx::keep_in_place(dQ);
      ptx::keep_in_place(dV);
      add_dq<Traits>(parameters, dQ, query_tile, key_tile.key_tile, consumer);
      ptx::matrix_wait<0>();
      if constexpr (last.value) {
        ptx::keep_in_place(dK);
        release(shared.tile_free[previous_stage]);
      } else {
        ptx::keep_in_place(S);
      }
    };
    while (!ptx::uniform(shared.query_tiles[stage].last)) step(std::false_type{});
    step(std::true_type{});
    release(shared.keys_free);
    store();
  }
}

#endif

}  // namespace elastic
