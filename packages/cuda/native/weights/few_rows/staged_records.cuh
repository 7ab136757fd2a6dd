// Records on their way through shared memory to the matrix units.
#pragma once
#include "ptx/warp_matrix.cuh"
#include "weights/records/record_formats.cuh"

namespace elastic::weights {

/** Chunks that a warp has under way: about 7 KB of them, so that three thread blocks fit beside each other. */
constexpr int stages_for(int bytes) { return 7680 / bytes < 2 ? 2 : 7680 / bytes > 8 ? 8 : 7680 / bytes; }

/** Adds the product of 16 inputs: `step` of two of a group's. */
template <typename Codes, int tiles>
__device__ inline void multiply_step(float (&part)[tiles][4], const Codes& codes, const uint32_t (&inputs)[tiles][4][4], int group, int step) {
  const uint32_t weights[4] = {codes.pair(0, group, 2 * step), codes.pair(1, group, 2 * step), codes.pair(0, group, 2 * step + 1),
                               codes.pair(1, group, 2 * step + 1)};
#pragma unroll
  for (int tile = 0; tile < tiles; ++tile) {
    ptx::multiply_accumulate<__nv_bfloat16>(part[tile], weights, inputs[tile][group][2 * step], inputs[tile][group][2 * step + 1]);
  }
}

/** sums += scale · part, with a scale for each of a lane's two outputs. */
template <int tiles>
__device__ inline void add_scaled(float (&sums)[tiles][4], const float (&part)[tiles][4], float first, float second) {
#pragma unroll
  for (int tile = 0; tile < tiles; ++tile) {
    sums[tile][0] += first * part[tile][0];
    sums[tile][1] += first * part[tile][1];
    sums[tile][2] += second * part[tile][2];
    sums[tile][3] += second * part[tile][3];
  }
}

/** sums -= minimum · the sum of the activations of a group, which the matrix units make, too. */
template <int tiles>
__device__ inline void subtract_minimums(float (&sums)[tiles][4], const uint32_t (&inputs)[tiles][4][4], int group, float first, float second) {
  const uint32_t ones[4] = {0x3f803f80u, 0x3f803f80u, 0x3f803f80u, 0x3f803f80u};
#pragma unroll
  for (int tile = 0; tile < tiles; ++tile) {
    float totals[4] = {};
    ptx::multiply_accumulate<__nv_bfloat16>(totals, ones, inputs[tile][group][0], inputs[tile][group][1]);
    ptx::multiply_accumulate<__nv_bfloat16>(totals, ones, inputs[tile][group][2], inputs[tile][group][3]);
    sums[tile][0] -= first * totals[0];
    sums[tile][1] -= first * totals[1];
    sums[tile][2] -= second * totals[0];
    sums[tile][3] -= second * totals[1];
  }
}

/** The 16 outputs of a tile, chunk by chunk; see `multiply_rows`. */
template <typename Format>
struct StagedRecords {
  static constexpr int kBytes = Format::kBytes, kStages = stages_for(kBytes);
  static constexpr bool kBy16 = Format::Scales::kBy16;
  const char* records;
  int lane;

  __device__ StagedRecords(const WeightSegment& segment, int64_t tile, int lane)
      : records(segment.data + tile * segment.chunks() * kBytes), lane(lane) {}

  __device__ void copy(char* target, int chunk) const {
    constexpr int kLines = kBytes / 16;
    const uint32_t to = ptx::shared_address(target);
    const char* from = records + static_cast<int64_t>(chunk) * kBytes;
#pragma unroll
    for (int first = 0; first < kLines; first += 32) {
      const int line = first + lane;
      if (first + 32 <= kLines || line < kLines) ptx::copy_line(to + line * 16, from + line * 16, true);
    }
  }

  template <int tiles>
  __device__ void multiply(float (&sums)[tiles][4], const char* record, const uint32_t (&inputs)[tiles][4][4], int) const {
    using Scales = typename Format::Scales;
    const typename Format::Codes codes(record, lane);
    const Scales scales(record + Format::Codes::kBytes, lane / 4);
    if constexpr (tiles == 1 && !Scales::kBy16) {
      // Two groups at a time: the first product of one is done by the time that its second needs it.
#pragma unroll
      for (int pair = 0; pair < 4; pair += 2) {
        float parts[2][tiles][4] = {};
#pragma unroll
        for (int step = 0; step < 2; ++step) {
#pragma unroll
          for (int i = 0; i < 2; ++i) multiply_step(parts[i], codes, inputs, pair + i, step);
        }
#pragma unroll
        for (int i = 0; i < 2; ++i) {
          const int group = pair + i;
          add_scaled(sums, parts[i], scales.scale(0, group), scales.scale(1, group));
          if constexpr (Scales::kMinimums) subtract_minimums(sums, inputs, group, scales.minimum(0, group), scales.minimum(1, group));
        }
      }
    } else {
#pragma unroll
      for (int group = 0; group < 4; ++group) {
        if constexpr (Scales::kBy16) {
#pragma unroll
          for (int step = 0; step < 2; ++step) {
            float part[tiles][4] = {};
            multiply_step(part, codes, inputs, group, step);
            add_scaled(sums, part, scales.scale(0, 2 * group + step), scales.scale(1, 2 * group + step));
          }
        } else {
          float part[tiles][4] = {};
          multiply_step(part, codes, inputs, group, 0);
          multiply_step(part, codes, inputs, group, 1);
          add_scaled(sums, part, scales.scale(0, group), scales.scale(1, group));
          if constexpr (Scales::kMinimums) subtract_minimums(sums, inputs, group, scales.minimum(0, group), scales.minimum(1, group));
        }
      }
    }
  }
};

}  // namespace elastic::weights
