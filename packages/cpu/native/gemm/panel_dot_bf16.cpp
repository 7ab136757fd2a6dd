// One panel of 32 outputs by the bf16 dot products of AVX-512: a pair of inputs is broadcast, 16 outputs a vector.
#include "gemm/panel_product.h"

#if defined(__x86_64__)
#include <immintrin.h>

#include "addon/values/numeric.h"

namespace elastic {
namespace {

constexpr int64_t kStep = 32;  // inputs of one tile: 16 pairs, two tiles of 16 outputs each
constexpr int64_t kTileElements = 512;
constexpr int64_t kAhead = 2 * kTileElements;  // few rows ask early: the processor's own prefetcher stops at each page

static inline __attribute__((always_inline)) __m512bh broadcast_pair(const uint16_t* pair) {
  int32_t word;
  __builtin_memcpy(&word, pair, 4);
  return reinterpret_cast<__m512bh>(_mm512_set1_epi32(word));
}

static inline __attribute__((always_inline)) __m512bh outputs(const uint16_t* tile_row) {
  return reinterpret_cast<__m512bh>(_mm512_loadu_si512(tile_row));
}

/**
 * Two sums of each output take turns and hide the latency of the products where there are few rows; so they do where there are
 * many: a prompt gives the same bits wherever it is cut, and a sequence the same alone and in a batch.
 */
template <int rows>
static inline __attribute__((always_inline)) void panel_rows(const uint16_t* a, int64_t a_stride, const uint16_t* panel,
                                                             int64_t depth, float* c, int64_t c_stride, bool accumulate) {
  constexpr int kSets = 2;
  __m512 left[kSets][rows], right[kSets][rows];
#pragma GCC unroll 16
  for (int row = 0; row < rows; ++row) {
    left[0][row] = accumulate ? _mm512_loadu_ps(c + row * c_stride) : _mm512_setzero_ps();
    right[0][row] = accumulate ? _mm512_loadu_ps(c + row * c_stride + 16) : _mm512_setzero_ps();
    left[1][row] = right[1][row] = _mm512_setzero_ps();
  }
  for (int64_t k = 0; k < depth; k += kStep, panel += 2 * kTileElements) {
#pragma GCC unroll 2
    for (int64_t pair = 0; pair < 16; pair += kSets) {
#pragma GCC unroll 2
      for (int set = 0; set < kSets; ++set) {
        const uint16_t* tile_row = panel + (pair + set) * 32;
        const __m512bh b0 = outputs(tile_row), b1 = outputs(tile_row + kTileElements);
        if constexpr (rows <= 4) {
          _mm_prefetch(reinterpret_cast<const char*>(tile_row + kAhead), _MM_HINT_T0);
          _mm_prefetch(reinterpret_cast<const char*>(tile_row + kAhead + kTileElements), _MM_HINT_T0);
        }
#pragma GCC unroll 16
        for (int row = 0; row < rows; ++row) {
          const __m512bh x = broadcast_pair(a + row * a_stride + k + 2 * (pair + set));
          left[set][row] = _mm512_dpbf16_ps(left[set][row], b0, x);
          right[set][row] = _mm512_dpbf16_ps(right[set][row], b1, x);
        }
      }
    }
  }
#pragma GCC unroll 16
  for (int row = 0; row < rows; ++row) {
    _mm512_storeu_ps(c + row * c_stride, _mm512_add_ps(left[0][row], left[1][row]));
    _mm512_storeu_ps(c + row * c_stride + 16, _mm512_add_ps(right[0][row], right[1][row]));
  }
}

}  // namespace

void multiply_panel_dot(const uint16_t* a, int64_t a_stride, int64_t rows, const uint16_t* panel, int64_t depth, float* c,
                        int64_t c_stride, bool accumulate) {
  int64_t row = 0;
  const auto advance = [&](int64_t by) {
    row += by;
    a += by * a_stride;
    c += by * c_stride;
  };
  for (; row + 6 <= rows; advance(6)) panel_rows<6>(a, a_stride, panel, depth, c, c_stride, accumulate);
  for (; row + 4 <= rows; advance(4)) panel_rows<4>(a, a_stride, panel, depth, c, c_stride, accumulate);
  for (; row + 2 <= rows; advance(2)) panel_rows<2>(a, a_stride, panel, depth, c, c_stride, accumulate);
  for (; row < rows; advance(1)) panel_rows<1>(a, a_stride, panel, depth, c, c_stride, accumulate);
}

}  // namespace elastic
#endif
