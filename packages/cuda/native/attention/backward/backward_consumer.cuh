// A consumer warp group of the Hopper backward: dK and dV of 64 keys, and half of every tile of dQ. S and dP are computed
// transposed, [keys, queries], so that P and dS go from registers straight into dV and dK; dS also goes through shared memory,
// where dQ is computed from the keys of both warp groups.
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
  constexpr int rows = Traits::rows, stages = Traits::stages;
  const int consumer = ptx::uniform(threadIdx.x / 128) - 1;
  const int thread = threadIdx.x % 128, lane = threadIdx.x % 32;
  const int thread_key = consumer * 64 + thread / 32 * 16 + lane / 4;
  using Tile = SharedTile<Traits>;
  const Tile K(shared.keys, ptx::uniform(consumer * 64 * Traits::row_bytes));
  const Tile V(shared.values, ptx::uniform(consumer * 64 * Traits::row_bytes));
  const Tile K_columns(shared.keys, ptx::uniform(consumer * Traits::second_column / Traits::columns * Traits::key_part_bytes),
                       Traits::key_part_bytes);
  const auto stage_of = [](const void* tiles, uint32_t stage) {
    return Tile(tiles, ptx::uniform(stage * Traits::query_bytes), Traits::query_part_bytes);
  };
  // Where this lane stores its row of four 8 x 8 matrices of dS; the place in the row depends on the step.
  const uint32_t dS_row =
      ptx::shared_address(shared.score_gradients[0]) + (consumer * 64 + thread / 32 * 16 + lane / 8 % 2 * 8 + lane % 8) * 128;
  const uint32_t swizzle = lane % 8, second_half = lane / 16;
  const auto release = [&](ptx::Barrier& barrier) {
    if (lane == 0) barrier.arrive();
  };

  float dK[Traits::head_dim / 2], dV[Traits::head_dim / 2], S[rows / 2];
  const float scale_log2 = parameters.scale * 1.44269504088896341f;
  // Query tiles of all items so far: stages and phases follow from it.
  uint32_t count = 0, key_phase = 0;
  const auto issue_s = [&] {
    shared.query_full[count % stages].wait(count / stages & 1);
    ptx::keep_in_place(S);
    ptx::matrix_fence();
    issue_scores<Traits>(S, K, stage_of(shared.queries, count % stages));
    ptx::matrix_commit();
  };
  for (;;) {
    shared.keys_full.wait(key_phase);
    key_phase ^= 1;
    if (ptx::uniform(shared.key_tile.done)) break;
#pragma unroll
    for (int i = 0; i < Traits::head_dim / 2; ++i) dK[i] = dV[i] = 0;
    if (!ptx::uniform(shared.key_tile.empty)) {
      if (ptx::uniform(shared.key_tile.keys) < kTile) clear_missing_keys(shared, shared.key_tile.keys);
      ptx::keep_in_place(dK);
      ptx::keep_in_place(dV);
      issue_s();
      ptx::matrix_wait<0>();
      // dQ lags one tile behind, so that the warp groups need not keep step.
      bool begun = false;
      const auto issue_dq_of_previous = [&](float (&dQ)[32]) {
        const uint32_t before = count - 1;
        shared.scores_full[before % 2].wait(before / 2 & 1);
        ptx::keep_in_place(dQ);
        ptx::matrix_fence();
        const uint32_t offset = before % 2 * Traits::score_bytes + (Traits::splits_rows ? consumer * Traits::score_part_bytes : 0);
        issue_dq<Traits>(dQ, ScoreTile(shared.score_gradients, ptx::uniform(offset)), K_columns);
        ptx::matrix_commit();
      };
      // One query tile, and S of the next one unless this is the last. No product stays unfinished from one tile to the next:
      // the assembler would then wait after every product.
      const auto step = [&](auto last) __attribute__((always_inline)) {
        const uint32_t stage = count % stages;
        const float4* row_terms = reinterpret_cast<const float4*>(shared.row_terms[stage]) + lane % 4;
        // Declared here: across tiles they would hold registers.
        float dP[rows / 2], dQ[32];
        uint32_t P[rows / 16][4], dS[rows / 16][4];
        shared.gradient_full[stage].wait(count / stages & 1);
        ptx::keep_in_place(dP);
        ptx::matrix_fence();
        const Tile dO = stage_of(shared.output_gradients, stage);
        issue_scores<Traits>(dP, V, dO);
        ptx::matrix_commit();
        ptx::keep_in_place(S);
        recompute_p<Traits>(S, row_terms, scale_log2);
        const int distance = ptx::uniform(shared.query_tiles[stage].distance);
        if (distance < kTile) mask_causal_transposed(S, thread_key, distance, lane);
        pack_operand<Element>(P, S);
        ptx::keep_in_place(P);
        ptx::keep_in_place(dV);
        ptx::matrix_fence();
        issue_gradient<Traits>(dV, P, dO);
        ptx::matrix_commit();
        if (thread == 0) {
          const BackwardQueryTile& tile = shared.query_tiles[stage];
          shared.query_gradients[consumer][count % 4] = {tile.index, tile.expected, tile.next};
        }

        ptx::matrix_wait<1>();
        ptx::keep_in_place(dP);
        shared.scores_free[count % 2].wait((count / 2 & 1) ^ 1);
        const uint32_t row = dS_row + count % 2 * Traits::score_bytes;
#pragma unroll
        for (int i = 0; i < rows / 16; ++i) {
          pack_ds<Traits>(dS[i], P[i], dP, row_terms, i);
          ptx::store_matrices(row + i / 4 * Traits::score_part_bytes + ((i % 4 * 2 + second_half) ^ swizzle) * 16, dS[i]);
        }
        ptx::fence_shared_for_async();
        __syncwarp();
        release(shared.scores_full[count % 2]);
        issue_dq_of_previous(dQ);
        ptx::matrix_wait<1>();
        ptx::keep_in_place(dV);
        ptx::keep_in_place(P);
        release(shared.gradient_free[stage]);
        ptx::keep_in_place(dS);
        ptx::keep_in_place(dK);
        ptx::matrix_fence();
        issue_gradient<Traits>(dK, dS, stage_of(shared.queries, stage));
        ptx::matrix_commit();
        ++count;
        if constexpr (!last.value) {
          issue_s();
          ptx::matrix_wait<2>();
        } else {
          ptx::matrix_wait<1>();
        }
        ptx::keep_in_place(dQ);
        // Before the first tile there was none: its dQ is of what lay there, and dropped.
        if (begun) {
          release(shared.scores_free[count % 2]);
          store_dq<Traits>(shared, dQ, consumer, count & 1);
        }
        begun = true;
        ptx::matrix_wait<0>();
        ptx::keep_in_place(dK);
        ptx::keep_in_place(dS);
        release(shared.query_free[stage]);
      };
      while (!ptx::uniform(shared.query_tiles[count % stages].last)) step(std::false_type{});
      step(std::true_type{});
      float dQ[32];
      issue_dq_of_previous(dQ);
      ptx::matrix_wait<0>();
      ptx::keep_in_place(dQ);
      release(shared.scores_free[(count - 1) % 2]);
      store_dq<Traits>(shared, dQ, consumer, (count & 1) ^ 1);
    }
    // The producer describes the next key tile as soon as this one is released.
    const BackwardKeyTile key_tile = shared.key_tile;
    __syncwarp();
    release(shared.keys_free);
    const BackwardSequence& gradients = parameters.gradients[key_tile.sequence];
    if (ptx::uniform(key_tile.sums) < 0) {
      const int first = key_tile.slot + thread_key, end = key_tile.slot + key_tile.keys;
      store_gradient<Traits::head_dim>(gradients.values, dV, 1, first, end, parameters.accumulate);
      store_gradient<Traits::head_dim>(gradients.keys, dK, parameters.scale, first, end, parameters.accumulate);
    } else {
      float* sums = parameters.key_sums + (int64_t{key_tile.sums} * 4 + consumer) * (64 * Traits::head_dim);
      int32_t* order = parameters.key_order == nullptr ? nullptr : parameters.key_order + 4 * key_tile.sums + consumer;
      add_ordered(sums, dV, order, key_tile.part);
      add_ordered(sums + 128 * Traits::head_dim, dK, order == nullptr ? nullptr : order + 2, key_tile.part);
    }
  }
  end_query_gradients<Traits>(shared, consumer, count);
}

#endif

}  // namespace elastic
