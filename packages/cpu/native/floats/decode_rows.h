#pragma once
// Attention over rows of keys and values as they lie in the cache, for few queries: every row is read once for a group
// of query heads. bf16 rows are widened 32 elements at a time into the even and the odd ones; queries and results use
// the same order (see split order in attention/decode.cpp).
#include "floats/kernel_table.h"
#include "floats/vector.h"

namespace elastic {
namespace {

template <DType dtype>
ELASTIC_INLINE void load_row(const char* row, int64_t index, Vector* first, Vector* second) {
  if constexpr (dtype == DType::F32) {
    *first = load<DType::F32>(row, index);
    *second = load<DType::F32>(row, index + kLanes);
  } else {
    const BitVector pairs = *reinterpret_cast<const UnalignedBits*>(row + 2 * index);
    *first = bits_as_floats(pairs << 16);
    *second = bits_as_floats(pairs & 0xffff0000u);
  }
}

/** Sums of 16 vectors, one a lane: four rounds that each merge two vectors into one of half-finished sums. */
ELASTIC_INLINE Vector sums_of(Vector* v) {
  const IntVector low1 = {0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30};
  const IntVector high1 = low1 + 1;
  const IntVector low2 = {0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29};
  const IntVector high2 = low2 + 2;
  const IntVector low4 = {0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27};
  const IntVector high4 = low4 + 4;
  const IntVector low8 = {0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23};
  const IntVector high8 = low8 + 8;
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) {
    v[i] = __builtin_shuffle(v[2 * i], v[2 * i + 1], low1) + __builtin_shuffle(v[2 * i], v[2 * i + 1], high1);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    v[i] = __builtin_shuffle(v[2 * i], v[2 * i + 1], low2) + __builtin_shuffle(v[2 * i], v[2 * i + 1], high2);
  }
#pragma GCC unroll 2
  for (int i = 0; i < 2; ++i) {
    v[i] = __builtin_shuffle(v[2 * i], v[2 * i + 1], low4) + __builtin_shuffle(v[2 * i], v[2 * i + 1], high4);
  }
  return __builtin_shuffle(v[0], v[1], low8) + __builtin_shuffle(v[0], v[1], high8);
}

template <DType dtype>
static void score_typed(const float* query, int64_t heads, const char* keys, int64_t stride, int64_t n, int64_t head_dim,
                        float* scores, int64_t score_stride) {
  for (int64_t j = 0; j < n; j += kLanes) {
    const int64_t count = n - j < kLanes ? n - j : kLanes;
    for (int64_t head = 0; head < heads; ++head) {
      const char* q = reinterpret_cast<const char*>(query + head * head_dim);
      Vector sums[kLanes] = {};
      for (int64_t i = 0; i < head_dim; i += 2 * kLanes) {
        const Vector q0 = load<DType::F32>(q, i), q1 = load<DType::F32>(q, i + kLanes);
        for (int64_t row = 0; row < count; ++row) {
          Vector first, second;
          load_row<dtype>(keys + (j + row) * stride, i, &first, &second);
          sums[row] += first * q0 + second * q1;
        }
      }
      char* out = reinterpret_cast<char*>(scores + head * score_stride);
      if (count == kLanes) {
        store<DType::F32>(out, j, sums_of(sums));
      } else {
        store_first<DType::F32>(out, j, count, sums_of(sums));
      }
    }
  }
}

static void score_rows(const float* query, int64_t heads, const char* keys, int64_t stride, DType dtype, int64_t n,
                       int64_t head_dim, float* scores, int64_t score_stride) {
  if (dtype == DType::F32) {
    score_typed<DType::F32>(query, heads, keys, stride, n, head_dim, scores, score_stride);
  } else {
    score_typed<DType::BF16>(query, heads, keys, stride, n, head_dim, scores, score_stride);
  }
}

template <DType dtype, int heads>
ELASTIC_INLINE void mix_heads(const float* weights, int64_t weight_stride, const char* values, int64_t stride, int64_t n,
                              int64_t head_dim, float* out) {
  // 64 elements of a row for `heads` heads fit in the registers.
  for (int64_t i = 0; i < head_dim; i += 2 * kLanes) {
    Vector first_sum[heads], second_sum[heads];
#pragma GCC unroll 8
    for (int head = 0; head < heads; ++head) {
      const char* o = reinterpret_cast<const char*>(out + head * head_dim);
      first_sum[head] = load<DType::F32>(o, i);
      second_sum[head] = load<DType::F32>(o, i + kLanes);
    }
    for (int64_t j = 0; j < n; ++j) {
      Vector first, second;
      load_row<dtype>(values + j * stride, i, &first, &second);
#pragma GCC unroll 8
      for (int head = 0; head < heads; ++head) {
        const float weight = weights[head * weight_stride + j];
        first_sum[head] += first * weight;
        second_sum[head] += second * weight;
      }
    }
#pragma GCC unroll 8
    for (int head = 0; head < heads; ++head) {
      char* o = reinterpret_cast<char*>(out + head * head_dim);
      store<DType::F32>(o, i, first_sum[head]);
      store<DType::F32>(o, i + kLanes, second_sum[head]);
    }
  }
}

template <DType dtype>
static void mix_typed(const float* weights, int64_t heads, int64_t weight_stride, const char* values, int64_t stride,
                      int64_t n, int64_t head_dim, float* out) {
  int64_t head = 0;
  for (; head + 4 <= heads; head += 4) {
    mix_heads<dtype, 4>(weights + head * weight_stride, weight_stride, values, stride, n, head_dim, out + head * head_dim);
  }
  for (; head + 2 <= heads; head += 2) {
    mix_heads<dtype, 2>(weights + head * weight_stride, weight_stride, values, stride, n, head_dim, out + head * head_dim);
  }
  for (; head < heads; ++head) {
    mix_heads<dtype, 1>(weights + head * weight_stride, weight_stride, values, stride, n, head_dim, out + head * head_dim);
  }
}

static void mix_rows(const float* weights, int64_t heads, int64_t weight_stride, const char* values, int64_t stride,
                     DType dtype, int64_t n, int64_t head_dim, float* out) {
  if (dtype == DType::F32) {
    mix_typed<DType::F32>(weights, heads, weight_stride, values, stride, n, head_dim, out);
  } else {
    mix_typed<DType::BF16>(weights, heads, weight_stride, values, stride, n, head_dim, out);
  }
}

}  // namespace
}  // namespace elastic
