// A consumer warp group of wide query tiles: 64 of 192 rows. The warp groups take turns at the tensor cores, so that the
// products of one run whole while the others are in their softmax; together they would all finish late and then all compete
// for the exponentials.
#pragma once
#include "attention/forward/forward_products.cuh"
#include "attention/forward/wide/score_again.cuh"
#include "attention/forward/unseen_values.cuh"
#include "attention/softmax/causal_mask.cuh"
#include "attention/softmax/deferred_softmax.cuh"
#include "attention/softmax/output_tile.cuh"

namespace elastic {

#ifdef ELASTIC_HOPPER

template <typename Traits>
class WideConsumer {
 public:
  using Element = typename Traits::Element;

  __device__ WideConsumer(const ForwardParameters& parameters, ForwardShared<Traits>& shared)
      : parameters_(parameters), shared_(shared), softmax_(parameters.scale_log2) {
    consumer_ = ptx::uniform(threadIdx.x / 128) - 1;
    thread_row_ = consumer_ * 64 + threadIdx.x % 128 / 32 * 16 + threadIdx.x % 32 / 4;
  }

  /** Attends query tile after query tile until the producer has no more. */
  __device__ void run() {
    if (consumer_ == Traits::consumers - 1) pass_turn();
    for (uint32_t parity = 0;; parity ^= 1) {
      shared_.query_full.wait(parity);
      query_tile_ = &shared_.query_tiles[parity];
      if (ptx::uniform(query_tile_->done)) return;
      const int position = query_tile_->first_position + 64 * consumer_;
      flags_shift_ = position / kTile > query_tile_->first_position / kTile ? kLaterShift : 0;
      if (ptx::uniform(query_tile_->empty) || !skip_absent()) {
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

  /** Named barriers from 7 on, one for the turn of each consumer. Every consumer takes a turn for each key tile but the first. */
  __device__ void take_turn() const { ptx::named_barrier_sync(7 + consumer_, 256); }
  __device__ void pass_turn() const { ptx::named_barrier_arrive(7 + (consumer_ + 1) % Traits::consumers, 256); }

  /** One lane arrives for its warp. */
  __device__ void release(ptx::Barrier& barrier) const {
    if (lane() == 0) barrier.arrive();
  }
  /** The whole warp has read its description of the query tile. */
  __device__ void release_q() const {
    __syncwarp();
    release(shared_.query_free);
  }
  __device__ void release_k(uint32_t tile, int flags) const {
    release(shared_.keys_free[stage_of(tile)]);
    if (flags & kLast) release_q();
  }

  __device__ OutputTile<Element> target() const {
    return {static_cast<Element*>(parameters_.output), parameters_.output_stride, parameters_.log_sum_exp,
            parameters_.num_query_heads, query_tile_->query_head, query_tile_->first_row, query_tile_->begin,
            query_tile_->end, thread_row_};
  }

  /** What the producer says of a tile to the block of these rows. */
  __device__ int flags_of(uint32_t stage) const { return ptx::uniform(shared_.flags[stage] >> flags_shift_); }

  /** Leaves out the tiles that these rows do not begin with; returns whether there is any for them. */
  __device__ bool skip_absent() {
    for (;;) {
      const uint32_t stage = stage_of(tile_);
      shared_.keys_full[stage].wait(phase_of(tile_));
      const int flags = flags_of(stage);
      if (!(flags & kAbsent)) return true;
      // A stage is released in the phase that it was filled in.
      shared_.values_full[stage].wait(phase_of(tile_));
      release(shared_.keys_free[stage]);
      release(shared_.values_free[stage]);
      ++tile_;
      if (flags & kLast) return false;
      take_turn();
      pass_turn();
    }
  }

  /** One query tile against its key tiles, from the first that these rows read on. */
  __device__ __forceinline__ void attend() {
#pragma unroll
    for (float& value : O_) value = 0;
    Scores S;
    int flags = issue_qk(S, tile_);
    ptx::matrix_wait<0>();
    ptx::keep_in_place(S);
    if (flags & kDiagonal) mask_diagonal(S);
    release_k(tile_, flags);
    softmax_.first_step(S, P_);
    while (!(flags & kLast)) flags = step(S);
    issue_pv();
    ptx::matrix_wait<0>();
    release_v();
    softmax_.correct(O_);
    target().template store<Traits::head_dim>(O_, softmax_);
  }

  /** One key tile on: S = QKᵀ of the next tile and O += PV of this one, then P of the next with nothing in flight. */
  __device__ __forceinline__ int step(Scores& S) {
    take_turn();
    const int flags = issue_qk(S, tile_ + 1);
    issue_pv();
    pass_turn();
    ptx::matrix_wait<0>();
    ptx::keep_in_place(S);
    release_v();
    if (flags & kAbsent) hide(S);
    softmax_step(S, flags);
    return flags;
  }

  __device__ __forceinline__ void softmax_step(Scores& S, int flags) {
    float added[2];
    softmax_.exponentiate(S, P_, added);
    if (!softmax_.dominated(added)) {
      finish_softmax(added, flags);
      return;
    }
    if (softmax_.outgrown(added)) {
      float rescale[2];
      score_again<Traits>(S, shared_.queries, shared_.keys[stage_of(tile_)], thread_row_);
      softmax_.raise(S, rescale);
      softmax_.exponentiate(S, P_, added);
#pragma unroll
      for (int i = 0; i < Traits::head_dim / 2; ++i) O_[i] *= rescale[i / 2 % 2];
    }
    softmax_.take_rounding(P_, added);
    finish_softmax(added, flags);
  }

  __device__ __forceinline__ void finish_softmax(const float (&added)[2], int flags) {
    softmax_.sum[0] += added[0], softmax_.sum[1] += added[1];
    release_k(tile_, flags);
  }

  /** A tile that the pattern of these rows does not read; volatile, or every tile would have a selection for each score. */
  __device__ static void hide(Scores& S) {
#pragma unroll
    for (float& score : S) asm volatile("mov.b32 %0, 0xff800000;" : "=f"(score));
  }

  /** Masks keys after the query, and clears rows of V past the last key. */
  __device__ __forceinline__ void mask_diagonal(Scores& S) {
    const int position = query_tile_->first_position + thread_row_;
    mask_causal(S, position % kTile, lane());
    const int keys = query_tile_->key_length - position / kTile * kTile;
    if (keys >= kTile) return;
    shared_.values_full[stage_of(tile_)].wait(phase_of(tile_));
    clear_value_rows<Traits>(shared_.values[stage_of(tile_)], keys, kTile);
  }

  /** Issues S = QKᵀ for a tile once its keys have landed; returns the tile's flags. */
  __device__ __forceinline__ int issue_qk(Scores& S, uint32_t tile) {
    const uint32_t stage = stage_of(tile);
    shared_.keys_full[stage].wait(phase_of(tile));
    const int flags = flags_of(stage);
    multiply_qk<Traits>(S, {shared_.queries, ptx::uniform(consumer_) * 64u * Traits::row_bytes},
                        {shared_.keys, ptx::uniform(stage) * Traits::tile_bytes});
    return flags;
  }

  /** Issues O += PV for the current tile once its values have landed. */
  __device__ __forceinline__ void issue_pv() {
    const uint32_t stage = stage_of(tile_);
    shared_.values_full[stage].wait(phase_of(tile_));
    multiply_pv<Traits>(O_, P_, {shared_.values, ptx::uniform(stage) * Traits::tile_bytes, Traits::part_bytes});
  }

  /** O includes the current tile: its values may be overwritten. */
  __device__ __forceinline__ void release_v() {
    ptx::keep_in_place(O_);
    release(shared_.values_free[stage_of(tile_)]);
    ++tile_;
  }

  const ForwardParameters& parameters_;
  ForwardShared<Traits>& shared_;
  const ForwardQueryTile* query_tile_ = nullptr;
  int consumer_;
  int thread_row_;
  /** Where the flags for the block of these rows are. */
  int flags_shift_ = 0;
  /** Key tiles that this warp group has finished, over all query tiles. */
  uint32_t tile_ = 0;
  DeferredSoftmax<Element> softmax_;
  float O_[Traits::head_dim / 2];
  uint32_t P_[kTile / 16][4];
};

#endif

}  // namespace elastic
