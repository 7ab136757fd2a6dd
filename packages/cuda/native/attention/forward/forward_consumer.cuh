// A consumer warp group of the Hopper forward: 64 rows of each query tile. The warp groups of a thread block are not
// synchronised with each other, so that one issues products while the other is in its softmax.
#pragma once
#include "attention/forward/forward_products.cuh"
#include "attention/forward/skipped_tiles.cuh"
#include "attention/forward/unseen_values.cuh"
#include "attention/softmax/causal_mask.cuh"
#include "attention/softmax/output_tile.cuh"
#include "attention/softmax/score_terms.cuh"
#include "ptx/uniform.cuh"

namespace elastic {

#ifdef ELASTIC_HOPPER

template <typename Traits>
class ForwardConsumer {
 public:
  using Element = typename Traits::Element;

  __device__ ForwardConsumer(const ForwardParameters& parameters, ForwardShared<Traits>& shared)
      : parameters_(parameters), shared_(shared), softmax_(parameters.scale_log2) {
    consumer_ = threadIdx.x / 128 - 1;
    thread_row_ = consumer_ * 64 + threadIdx.x % 128 / 32 * 16 + threadIdx.x % 32 / 4;
  }

  /** Attends query tile after query tile until the producer has no more. */
  __device__ void run() {
    for (uint32_t parity = 0;; parity ^= 1) {
      shared_.query_full.wait(parity);
      query_tile_ = &shared_.query_tiles[parity];
      if (ptx::uniform(query_tile_->done)) return;
      if (Traits::dual && query_tile_->sparse_empty) sparse_target().template store_zeros<Traits::head_dim>();
      if (ptx::uniform(query_tile_->empty)) {
        target().template store_zeros<Traits::head_dim>();
        release_q();
      } else {
        attend();
      }
    }
  }

 private:
  using Scores = float[kTile / 2];

  __device__ static uint32_t stage_of(uint32_t tile) { return tile % Traits::stages; }
  __device__ static uint32_t phase_of(uint32_t tile) { return tile / Traits::stages & 1; }
  __device__ static int lane() { return threadIdx.x % 32; }

  /** One lane arrives for its warp. */
  __device__ void release(ptx::Barrier& barrier) const {
    if (lane() == 0) barrier.arrive();
  }
  /** The whole warp has read its description of the query tile. */
  __device__ void release_q() const {
    __syncwarp();
    release(shared_.query_free);
  }

  __device__ OutputTile<Element> target() const {
    return {static_cast<Element*>(parameters_.output), parameters_.output_stride, parameters_.log_sum_exp,
            parameters_.num_query_heads, query_tile_->query_head, query_tile_->first_row, query_tile_->begin,
            query_tile_->end, thread_row_};
  }
  __device__ OutputTile<Element> sparse_target() const {
    OutputTile<Element> tile = target();
    tile.output = static_cast<Element*>(parameters_.sparse_output);
    tile.log_sum_exp = parameters_.sparse_log_sum_exp;
    return tile;
  }

  /** One query tile against all of its key tiles. */
  __device__ __forceinline__ void attend() {
#pragma unroll
    for (float& value : O_) value = 0;
    if constexpr (Traits::terms) skipped_.begin(*query_tile_, thread_row_, softmax_.scale_log2);
    Scores S;
    int flags = issue_qk(S, tile_);
    ptx::matrix_wait<0>();
    release_k(S, tile_, flags);
    apply_cap(S);
    if (flags & kDiagonal) mask_diagonal(S, tile_);
    if (Traits::terms && (flags & kEdge)) mask_edge(S, tile_, flags);
    softmax_.first_step_lazy(S);
    pack_operand<Element>(P_, S);
    if constexpr (Traits::two_score_tiles) {
      if (!(flags & kLast)) flags = run_overlapped(S, flags);
    } else {
      while (!(flags & kLast)) flags = step(S, flags);
    }
    issue_pv(tile_);
    ptx::matrix_wait<0>();
    release_v();
    if constexpr (Traits::terms) {
      skipped_.count(*query_tile_, parameters_.num_query_heads);
      target().template store<Traits::head_dim, true>(O_, softmax_, parameters_.scores.sink_logits);
    } else {
      target().template store<Traits::head_dim>(O_, softmax_);
    }
    if (Traits::dual && (flags & kSnapshot)) sparse_target().template store<Traits::head_dim>(O_, softmax_);
  }

  /** One key tile on, with one tile of S: issues S = QKᵀ of the next tile, then O += PV of this one. */
  __device__ __forceinline__ int step(Scores& S, int flags) {
    const int next_flags = issue_qk(S, tile_ + 1);
    issue_pv(tile_);
    ptx::matrix_wait<1>();
    release_k(S, tile_ + 1, next_flags);
    softmax_step<0>(S, flags, next_flags);
    return next_flags;
  }

  /**
   * All key tiles after the first, with two tiles of S: one in its softmax, one in the tensor cores. A warp that issues a
   * product stalls until the products before it have started, so it is the other tile that keeps the tensor cores busy.
   */
  __device__ __forceinline__ int run_overlapped(Scores& free_S, int flags) {
    Scores S;
    int next_flags = issue_qk(S, tile_ + 1);
    for (;;) {
      if (next_flags & kLast) return last_step(S, flags, next_flags);
      step_overlapped(S, free_S, flags, next_flags);
      if (next_flags & kLast) return last_step(free_S, flags, next_flags);
      step_overlapped(free_S, S, flags, next_flags);
    }
  }

  /** `S` of the next tile is already issued; issues that of the tile after it into `free_S`. */
  __device__ __forceinline__ void step_overlapped(Scores& S, Scores& free_S, int& flags, int& next_flags) {
    issue_pv(tile_);
    const int following_flags = issue_qk(free_S, tile_ + 2);
    ptx::matrix_wait<2>();
    release_k(S, tile_ + 1, next_flags);
    softmax_step<1>(S, flags, next_flags);
    flags = next_flags;
    next_flags = following_flags;
  }

  /** The last tile: there is no further S to issue. */
  __device__ __forceinline__ int last_step(Scores& S, int flags, int next_flags) {
    issue_pv(tile_);
    ptx::matrix_wait<1>();
    release_k(S, tile_ + 1, next_flags);
    softmax_step<0>(S, flags, next_flags);
    return next_flags;
  }

  /** P of the next tile while O += PV of this one completes; `pending` later products may stay unfinished. */
  template <int pending>
  __device__ __forceinline__ void softmax_step(Scores& S, int flags, int next_flags) {
    if (Traits::dual && (flags & kSnapshot)) {
      ptx::matrix_wait<0>();
      ptx::keep_in_place(O_);
      sparse_target().template store<Traits::head_dim>(O_, softmax_);
    }
    // The diagonal is the first tile, unless a selection of blocks left it to the complement.
    if (Traits::dual && (next_flags & kDiagonal)) mask_diagonal(S, tile_ + 1);
    apply_cap(S);
    if (Traits::terms && (next_flags & kEdge)) mask_edge(S, tile_ + 1, next_flags);
    if constexpr (Traits::terms) {
      if (ptx::uniform(skipped_.active) && ptx::uniform(skipped_.decide(S, softmax_.maximum))) {
        ptx::matrix_wait<pending>();
        release_v();
        return;
      }
    }
    float rescale[2];
    const bool rescaled = softmax_.rescale_lazily(S, rescale);
    softmax_.exponentiate(S);
    // Otherwise the compiler moves the wait above the exponentials.
    ptx::keep_in_place(S);
    ptx::matrix_wait<pending>();
    release_v();
    pack_operand<Element>(P_, S);
    if (!rescaled) return;
#pragma unroll
    for (int i = 0; i < Traits::head_dim / 2; ++i) O_[i] *= rescale[i / 2 % 2];
  }

  /** Issues S = QKᵀ for a tile once its keys have landed; returns the tile's flags. */
  __device__ __forceinline__ int issue_qk(Scores& S, uint32_t tile) {
    const uint32_t stage = stage_of(tile);
    shared_.keys_full[stage].wait(phase_of(tile));
    const int flags = ptx::uniform(shared_.flags[stage]);
    multiply_qk<Traits>(S, {shared_.queries, ptx::uniform(consumer_) * 64u * Traits::row_bytes},
                        {shared_.keys, ptx::uniform(stage) * Traits::tile_bytes});
    return flags;
  }

  /** S of a tile is complete: its keys may be overwritten. */
  __device__ __forceinline__ void release_k(Scores& S, uint32_t tile, int flags) {
    ptx::keep_in_place(S);
    release(shared_.keys_free[stage_of(tile)]);
    if (flags & kLast) release_q();
  }

  /** Issues O += PV for a tile once its values have landed. */
  __device__ __forceinline__ void issue_pv(uint32_t tile) {
    const uint32_t stage = stage_of(tile);
    shared_.values_full[stage].wait(phase_of(tile));
    if constexpr (Traits::terms) {
      if (ptx::uniform(skipped_.skips)) {
        // An empty group in place of the product: those who wait count groups.
        ptx::matrix_commit();
        return;
      }
    }
    multiply_pv<Traits>(O_, P_, {shared_.values, ptx::uniform(stage) * Traits::tile_bytes, Traits::part_bytes});
  }

  /** O includes the current tile: its values may be overwritten. */
  __device__ __forceinline__ void release_v() {
    ptx::keep_in_place(O_);
    release(shared_.values_free[stage_of(tile_)]);
    ++tile_;
  }

  /** The soft cap, ahead of the masks: it would bring what they hide back. */
  __device__ __forceinline__ void apply_cap(Scores& S) const {
    if constexpr (Traits::terms) {
      if (parameters_.scores.cap_input != 0) cap_scores(S, parameters_.scores);
    }
  }

  /** The tile on the diagonal: masks keys after the query, and clears rows of V past the last key. */
  __device__ __forceinline__ void mask_diagonal(Scores& S, uint32_t tile) {
    const int position = query_tile_->first_position + thread_row_;
    mask_causal(S, position % kTile, lane());
    const int keys = query_tile_->key_length - position / kTile * kTile;
    if (keys < kTile) clear_values(tile, keys, kTile);
  }

  /** A tile on the edge of a sliding window: masks keys before the window of their row, and clears those that none sees. */
  __device__ __forceinline__ void mask_edge(Scores& S, uint32_t tile, int flags) {
    const int edge = window_edge(flags), unseen = min(kTile, query_tile_->begin + edge + 1);
    mask_window(S, thread_row_ + edge, lane());
    if (unseen > 0) clear_values(tile, 0, unseen);
  }

  __device__ __forceinline__ void clear_values(uint32_t tile, int begin, int end) {
    shared_.values_full[stage_of(tile)].wait(phase_of(tile));
    clear_value_rows<Traits>(shared_.values[stage_of(tile)], begin, end);
  }

  const ForwardParameters& parameters_;
  ForwardShared<Traits>& shared_;
  const ForwardQueryTile* query_tile_ = nullptr;
  int consumer_;
  int thread_row_;
  /** Key tiles that this warp group has finished, over all query tiles. */
  uint32_t tile_ = 0;
  OnlineSoftmax softmax_;
  /** Of the variant with terms. */
  SkippedTiles skipped_;
  float O_[Traits::head_dim / 2];
  uint32_t P_[kTile / 16][4];
};

#endif

}  // namespace elastic
