#pragma once
// One step of the online softmax for a row of scores, straight to bf16 weights. For sources compiled for AVX512_BF16 only.
#include <immintrin.h>

#include <cstdint>

namespace elastic {
namespace {

/** 2^x in float32, relative error below 2e-7; 0 below the smallest normal number, for -infinity too. */
static inline __attribute__((always_inline)) __m512 power_of_two(__m512 x) {
  // The part of x behind its floor, 0 to 1; scaling by 2^floor(x) is one instruction.
  const __m512 f = _mm512_reduce_ps(x, 0x01);
  // A fit on [0, 1] with the least relative error, exact at 0.
  __m512 p = _mm512_fmadd_ps(_mm512_set1_ps(0.00186713f), f, _mm512_set1_ps(0.009017031f));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(0.055799913f));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(0.24016444f));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(0.6931513f));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(1.0f));
  return _mm512_scalef_ps(p, x);
}

/** Lanes of the vector from column `i` on that lie in [low, high). */
static inline __mmask16 lanes_within(int64_t i, int64_t low, int64_t high) {
  const int64_t first = low > i ? low - i : 0, last = high - i < 16 ? high - i : 16;
  if (first >= last) return 0;
  return static_cast<__mmask16>((0xffffu >> (16 - last)) & (0xffffu << first));
}

/**
 * bf16 weights of `n` scores, of which those in [low, high) count: 2^(score · factor - maximum). Returns the new maximum,
 * which is at least `previous`; `sum` becomes that of all weights so far, and `rescale` what earlier ones are multiplied by.
 */
static inline float softmax_weights(const float* scores, int64_t n, int64_t low, int64_t high, float factor, float previous,
                                    float* sum, float* rescale, uint16_t* weights) {
  const __m512 nothing = _mm512_set1_ps(-__builtin_inff());
  const bool partial = low > 0 || high < n;
  const auto score = [&](int64_t i) {
    return partial ? _mm512_mask_load_ps(nothing, lanes_within(i, low, high), scores + i) : _mm512_load_ps(scores + i);
  };
  __m512 largest = nothing;
  for (int64_t i = 0; i < n; i += 16) largest = _mm512_max_ps(score(i), largest);
  const float block = _mm512_reduce_max_ps(largest) * factor;
  const float top = block > previous ? block : previous;
  // A row that has seen nothing yet has -infinity as maximum: subtract 0 then, all weights are 0.
  const float shift = top == -__builtin_inff() ? 0.0f : top;
  __m512 total = _mm512_setzero_ps();
  for (int64_t i = 0; i < n; i += 16) {
    const __m512 weight = power_of_two(_mm512_fmsub_ps(score(i), _mm512_set1_ps(factor), _mm512_set1_ps(shift)));
    total = _mm512_add_ps(total, weight);
    const __m256bh halves = _mm512_cvtneps_pbh(weight);
    __builtin_memcpy(weights + i, &halves, 32);
  }
  *rescale = previous == top ? 1.0f : _mm512_cvtss_f32(power_of_two(_mm512_set1_ps(previous - shift)));
  *sum = *sum * *rescale + _mm512_reduce_add_ps(total);
  return top;
}

}  // namespace
}  // namespace elastic
