// A warp group of the Hopper kernel: attention of 64 rows of each query tile. The two of a block run on their own: what
// one leaves of the matrix units and of the exponentials, the other takes.
#pragma once
#include "attention/forward_sm90.h"
#include "attention/forward_tiles.cuh"
#include "attention/softmax_rows.cuh"

namespace elastic {

#ifdef ELASTIC_HOPPER

/** Tells the compiler that all lanes hold the same value, so that a branch on it does not split the warp. */
__device__ inline int uniform(int value) { return __shfl_sync(0xffffffffu, value, 0); }

template <typename Traits>
class ForwardConsumer {
 public:
  using Element = typename Traits::Element;

  __device__ ForwardConsumer(const ForwardParameters& parameters, ForwardShared<Traits>& shared)
      : parameters_(parameters), shared_(shared), rows_(parameters.scale_log2) {
    const int consumer = threadIdx.x / 128 - 1;
    thread_row_ = consumer * 64 + threadIdx.x % 128 / 32 * 16 + threadIdx.x % 32 / 4;
    constexpr int eight_rows = 8 * Traits::row_bytes;
    query_ = ptx::matrix_descriptor<Traits::swizzle>(shared.query + consumer * 64 * Traits::row_bytes, 0, eight_rows);
    keys_ = ptx::matrix_descriptor<Traits::swizzle>(shared.keys[0], 0, eight_rows);
    values_ = ptx::matrix_descriptor<Traits::swizzle>(shared.values[0], Traits::part_bytes, eight_rows);
  }

  /** Takes query tiles until there are no more. */
  __device__ void run() {
    for (uint32_t parity = 0;; parity ^= 1) {
      shared_.query_full.wait(parity);
      work_ = &shared_.work[parity];
      if (uniform(work_->done)) return;
      if (Traits::dual && work_->sparse_empty) sparse_target().template store_nothing<Traits::head_dim>();
      if (uniform(work_->empty)) {
        target().template store_nothing<Traits::head_dim>();
        release_query();
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
  /** What the warp read of the work before is behind it. */
  __device__ void release_query() const {
    __syncwarp();
    release(shared_.query_free);
  }

  __device__ OutputTile<Element> target() const {
    return {static_cast<Element*>(parameters_.output), parameters_.output_stride, parameters_.log_sum_exp,
            parameters_.num_query_heads, work_->query_head, work_->first_row, work_->begin, work_->end, thread_row_};
  }
  __device__ OutputTile<Element> sparse_target() const {
    OutputTile<Element> tile = target();
    tile.output = static_cast<Element*>(parameters_.sparse_output);
    tile.log_sum_exp = parameters_.sparse_log_sum_exp;
    return tile;
  }

  /** One query tile: all of its key tiles. */
  __device__ __forceinline__ void attend() {
#pragma unroll
    for (float& value : output_) value = 0;
    Scores scores;
    int flags = start_scores(scores, tile_);
    ptx::matrix_wait<0>();
    take_scores(scores, tile_, flags);
    if (flags & kDiagonal) hide_future(scores, tile_);
    rows_.start(scores);
    pack_probabilities<Element>(probabilities_, scores);
    if constexpr (Traits::ahead) {
      if (!(flags & kLast)) flags = follow_ahead(scores, flags);
    } else {
      while (!(flags & kLast)) flags = follow(scores, flags);
    }
    start_values(tile_);
    ptx::matrix_wait<0>();
    take_values();
    target().template store<Traits::head_dim>(output_, rows_);
    if (Traits::dual && (flags & kSnapshot)) sparse_target().template store<Traits::head_dim>(output_, rows_);
  }

  /** To the next tile: its scores, and behind them the values of this one. */
  __device__ __forceinline__ int follow(Scores& scores, int flags) {
    const int next_flags = start_scores(scores, tile_ + 1);
    start_values(tile_);
    ptx::matrix_wait<1>();
    take_scores(scores, tile_ + 1, next_flags);
    turn<0>(scores, flags, next_flags);
    return next_flags;
  }

  /**
   * Through all tiles after the first, with two sets of scores: one in softmax, one on its way. A warp waits where it
   * issues products until those before them have begun, so it is the other set that keeps the matrix units busy.
   */
  __device__ __forceinline__ int follow_ahead(Scores& free_scores, int flags) {
    Scores scores;
    int next_flags = start_scores(scores, tile_ + 1);
    for (;;) {
      if (next_flags & kLast) return finish(scores, flags, next_flags);
      step_ahead(scores, free_scores, flags, next_flags);
      if (next_flags & kLast) return finish(free_scores, flags, next_flags);
      step_ahead(free_scores, scores, flags, next_flags);
    }
  }

  /** `scores` of the next tile are on their way, and those of the tile after it are sent for. */
  __device__ __forceinline__ void step_ahead(Scores& scores, Scores& free_scores, int& flags, int& next_flags) {
    start_values(tile_);
    const int following = start_scores(free_scores, tile_ + 2);
    ptx::matrix_wait<2>();
    take_scores(scores, tile_ + 1, next_flags);
    turn<1>(scores, flags, next_flags);
    flags = next_flags;
    next_flags = following;
  }

  /** The last tile: nothing is to be sent for. */
  __device__ __forceinline__ int finish(Scores& scores, int flags, int next_flags) {
    start_values(tile_);
    ptx::matrix_wait<1>();
    take_scores(scores, tile_ + 1, next_flags);
    turn<0>(scores, flags, next_flags);
    return next_flags;
  }

  /** From one tile to the next: its softmax, while the values of this one arrive; `in_flight` products may go on. */
  template <int in_flight>
  __device__ __forceinline__ void turn(Scores& scores, int flags, int next_flags) {
    if (Traits::dual && (flags & kSnapshot)) {
      ptx::matrix_wait<0>();
      ptx::keep_in_place(output_);
      sparse_target().template store<Traits::head_dim>(output_, rows_);
    }
    // The diagonal comes first, or among the tiles that a selection of blocks left out.
    if (Traits::dual && (next_flags & kDiagonal)) hide_future(scores, tile_ + 1);
    float rescale[2];
    const bool grown = rows_.follow(scores, rescale);
    rows_.exponentiate(scores);
    // Or else the compiler waits first.
    ptx::keep_in_place(scores);
    ptx::matrix_wait<in_flight>();
    take_values();
    pack_probabilities<Element>(probabilities_, scores);
    if (!grown) return;
#pragma unroll
    for (int i = 0; i < Traits::head_dim / 2; ++i) output_[i] *= rescale[i / 2 % 2];
  }

  /** Sends for the scores of a tile, when its keys are there; returns its flags. */
  __device__ __forceinline__ int start_scores(Scores& scores, uint32_t tile) {
    using Product = ptx::MatrixProduct<Element, kTile>;
    const uint32_t stage = stage_of(tile);
    shared_.keys_full[stage].wait(phase_of(tile));
    const int flags = uniform(shared_.flags[stage]);
    const uint64_t keys = ptx::advance(keys_, stage * Traits::tile_bytes);
    ptx::keep_in_place(scores);
    ptx::matrix_fence();
#pragma unroll
    for (int part = 0; part < Traits::parts; ++part) {
#pragma unroll
      for (int step = 0; step < Traits::columns / 16; ++step) {
        const int bytes = part * Traits::part_bytes + step * 32;
        Product::shared(scores, ptx::advance(query_, bytes), ptx::advance(keys, bytes), part + step > 0);
      }
    }
    ptx::matrix_commit();
    return flags;
  }

  /** The scores of a tile are there: its keys are needed no more. */
  __device__ __forceinline__ void take_scores(Scores& scores, uint32_t tile, int flags) {
    ptx::keep_in_place(scores);
    release(shared_.keys_free[stage_of(tile)]);
    if (flags & kLast) release_query();
  }

  /** Sends for probabilities times values of a tile, when they are there. */
  __device__ __forceinline__ void start_values(uint32_t tile) {
    using Product = ptx::MatrixProduct<Element, Traits::head_dim>;
    const uint32_t stage = stage_of(tile);
    shared_.values_full[stage].wait(phase_of(tile));
    const uint64_t values = ptx::advance(values_, stage * Traits::tile_bytes);
    ptx::keep_in_place(output_);
    ptx::keep_in_place(probabilities_);
    ptx::matrix_fence();
#pragma unroll
    for (int step = 0; step < kTile / 16; ++step) {
      const uint64_t rows = ptx::advance(values, step * 16 * Traits::row_bytes);
      Product::template registers<1>(output_, probabilities_[step], rows, 1);
    }
    ptx::matrix_commit();
  }

  /** The values of the tile are in the output: on to the next. */
  __device__ __forceinline__ void take_values() {
    ptx::keep_in_place(output_);
    release(shared_.values_free[stage_of(tile_)]);
    ++tile_;
  }

  /** In the tile on the diagonal: keys after the query, and rows past the last key. */
  __device__ __forceinline__ void hide_future(Scores& scores, uint32_t tile) {
    constexpr int zeroed = 1;  // Id of a named barrier.
    mask_diagonal(scores, thread_row_, lane());
    const int keys = work_->diagonal_keys;
    if (keys == kTile) return;
    // These rows may hold anything, NaN too, and zero times NaN is NaN.
    shared_.values_full[stage_of(tile)].wait(phase_of(tile));
    for (int part = 0; part < Traits::parts; ++part) {
      auto* first = reinterpret_cast<uint4*>(shared_.values[stage_of(tile)] + part * Traits::part_bytes +
                                             keys * Traits::row_bytes);
      const int count = (kTile - keys) * Traits::row_bytes / 16;
      for (int i = threadIdx.x - 128; i < count; i += 256) first[i] = uint4{0, 0, 0, 0};
    }
    ptx::fence_shared_for_async();
    ptx::named_barrier_sync(zeroed, 256);
  }

  const ForwardParameters& parameters_;
  ForwardShared<Traits>& shared_;
  const WorkTile* work_ = nullptr;
  int thread_row_;
  uint64_t query_;
  uint64_t keys_;
  uint64_t values_;
  /** Tiles of keys behind this warp group, of all query tiles. */
  uint32_t tile_ = 0;
  SoftmaxRows rows_;
  float output_[Traits::head_dim / 2];
  uint32_t probabilities_[kTile / 16][4];
};

#endif

}  // namespace elastic
