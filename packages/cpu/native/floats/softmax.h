#pragma once
// Softmax kernels and the table of all float kernels; included last by each kernels_*.cpp.
#include "floats/finish_row.h"
#include "floats/kernel_table.h"

namespace elastic {
namespace {

static void softmax(const char* x, DType from, char* out, DType to, int64_t n) {
  ELASTIC_WITH_DTYPE(from, kFrom, {
    const Vector nothing = broadcast(-__builtin_inff());
    Vector largest = nothing;
    int64_t i = 0;
    for (; i + kLanes <= n; i += kLanes) largest = maximum(load<kFrom>(x, i), largest);
    float top = largest_of(largest);
    for (; i < n; ++i) {
      const float value = load_first<kFrom>(x, i, 1)[0];
      top = value > top ? value : top;
    }
    double sum = 0;
    for (int64_t j = 0; j < n; j += kLanes) {
      const int64_t left = n - j < kLanes ? n - j : kLanes;
      const Vector value = left == kLanes ? load<kFrom>(x, j) : load_first<kFrom>(x, j, left);
      const Vector weight = exp2_up_to_128((value - top) * kLog2E);
      if (left == kLanes) {
        sum += sum_of(weight);
      } else {
        for (int64_t lane = 0; lane < left; ++lane) sum += weight[lane];
      }
    }
    const float inverse = static_cast<float>(1.0 / sum);
    ELASTIC_WITH_DTYPE(to, kTo, {
      for (int64_t j = 0; j < n; j += kLanes) {
        const int64_t left = n - j < kLanes ? n - j : kLanes;
        const Vector value = left == kLanes ? load<kFrom>(x, j) : load_first<kFrom>(x, j, left);
        const Vector weight = exp2_up_to_128((value - top) * kLog2E) * inverse;
        if (left == kLanes) {
          store<kTo>(out, j, weight);
        } else {
          store_first<kTo>(out, j, left, weight);
        }
      }
    })
  })
}

static float softmax_step(float* scores, int64_t n, int64_t low, int64_t high, float factor, float previous, float* sum,
                          float* rescale) {
  const Vector nothing = broadcast(-__builtin_inff());
  const bool partial = low > 0 || high < n;
  if (partial) {
    const IntVector lanes = ELASTIC_LANE_INDICES;
    for (int64_t i = 0; i < n; i += kLanes) {
      if (i >= low && i + kLanes <= high) continue;
      const IntVector column = lanes + static_cast<int32_t>(i);
      Vector* score = reinterpret_cast<Vector*>(scores + i);
      const Vector kept = column < static_cast<int32_t>(high) ? *score : nothing;
      *score = column >= static_cast<int32_t>(low) ? kept : nothing;
    }
  }
  Vector largest = nothing;
  for (int64_t i = 0; i < n; i += kLanes) largest = maximum(*reinterpret_cast<Vector*>(scores + i), largest);
  const float block = largest_of(largest) * factor;
  const float top = block > previous ? block : previous;
  // A row that has seen nothing yet has -infinity as maximum: subtract 0 then, all weights are 0.
  const float shift = top == -__builtin_inff() ? 0.0f : top;
  Vector total = {};
  for (int64_t i = 0; i < n; i += kLanes) {
    Vector* score = reinterpret_cast<Vector*>(scores + i);
    const Vector weight = exp2_up_to_128(*score * factor - shift);
    *score = weight;
    total += weight;
  }
  *rescale = previous == top ? 1.0f : exp2_of(broadcast(previous - shift))[0];
  *sum = *sum * *rescale + sum_of(total);
  return top;
}

static bool all_below(const float* scores, int64_t low, int64_t high, float factor, float bound) {
  int64_t i = low;
  // Most tiles that stay are told by their first scores.
  for (; i + kLanes <= high; i += kLanes) {
    const IntVector below = load<DType::F32>(reinterpret_cast<const char*>(scores), i) * factor < broadcast(bound);
    int32_t all = -1;
    for (int lane = 0; lane < kLanes; ++lane) all &= below[lane];
    if (all == 0) return false;
  }
  for (; i < high; ++i) {
    if (!(scores[i] * factor < bound)) return false;
  }
  return true;
}

static void cap_scores(float* x, int64_t n, float scale, float cap) {
  const float inner = scale / cap;
  for (int64_t i = 0; i < n; i += kLanes) {
    Vector* score = reinterpret_cast<Vector*>(x + i);
    *score = tanh_of(*score * inner) * cap;
  }
}

}  // namespace

#define ELASTIC_DEFINE_FLOAT_KERNELS(function, label)                                                            \
  namespace elastic {                                                                                            \
  const FloatKernels& function() {                                                                               \
    static constexpr FloatKernels kernels = {                                                                    \
        label,   convert,    rms_norm,     add,          rotate,     softmax,         dot, multiply_panel_f32,   \
        multiply_panels_bf16, kWideningRows, widen_panel_bf16, widen_blocks_bf16, round_blocks,                  \
        finish_row, softmax_step, all_below, cap_scores, scale, score_rows, mix_rows};                               \
    return kernels;                                                                                              \
  }                                                                                                              \
  }

}  // namespace elastic
