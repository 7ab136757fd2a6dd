#pragma once
// Attention over rows of keys and values as they lie in the cache, for few queries: every row is read once for a group
// of query heads. bf16 rows are widened 32 elements at a time into the even and the odd ones; queries and results use
// the same order at every level (see split order in attention/decode.cpp).
#include "core/scratch.h"
#include "floats/kernel_table.h"
#include "floats/rounded_rows.h"
#include "floats/vector.h"

namespace elastic {
namespace {

/** Elements of one step of a row, and the vectors that hold them: first the even ones, then the odd ones. */
constexpr int64_t kRowStep = 32;
constexpr int kRowVectors = static_cast<int>(kRowStep / kLanes);

/** The two vectors that come from the same part of a step; the second belongs `kRowStep / 2` elements behind the first. */
template <DType dtype>
ELASTIC_INLINE void load_row(const char* row, int64_t index, int part, Vector* first, Vector* second) {
  if constexpr (dtype == DType::F32) {
    *first = load<DType::F32>(row, index + part * kLanes);
    *second = load<DType::F32>(row, index + part * kLanes + kRowStep / 2);
  } else {
    const BitVector pairs = *reinterpret_cast<const UnalignedBits*>(row + 2 * index + 4 * part * kLanes);
    *first = bits_as_floats(pairs << 16);
    *second = bits_as_floats(pairs & 0xffff0000u);
  }
}

/** Where a lane of a merged vector comes from, first and then `width` behind: lanes with bit `width` from the second vector. */
template <int width>
constexpr int merged_lane(int lane) {
  return (lane & width) == 0 ? lane : static_cast<int>(kLanes) + lane - width;
}
template <int width>
constexpr int merged_lane_behind(int lane) {
  return merged_lane<width>(lane) + width;
}

/** One round of `sums_of`: neighbouring vectors merge into one of half-finished sums. */
template <int width>
ELASTIC_INLINE void merge_sums(Vector* v, int count) {
#pragma GCC unroll 8
  for (int i = 0; i < count; ++i) {
    const Vector a = v[2 * i], b = v[2 * i + 1];
    v[i] = ELASTIC_SHUFFLE(a, b, merged_lane<width>) + ELASTIC_SHUFFLE(a, b, merged_lane_behind<width>);
  }
}

/** Sums of kLanes vectors, one a lane, in rounds that each merge two vectors into one of half-finished sums. */
ELASTIC_INLINE Vector sums_of(Vector* v) {
  constexpr int kCount = static_cast<int>(kLanes);
  merge_sums<1>(v, kCount / 2);
  merge_sums<2>(v, kCount / 4);
  if constexpr (kLanes >= 8) merge_sums<4>(v, kCount / 8);
  if constexpr (kLanes >= 16) merge_sums<8>(v, kCount / 16);
  return v[0];
}

/** Rows whose sums and addresses stay in registers. */
constexpr int kScoredRows = kLanes < 8 ? 4 : 8;

/** sums[row] += lanes of q · row, for rows from `first` on; those behind the last are that row again. */
template <DType dtype>
ELASTIC_INLINE void score_group(const char* q, const char* keys, int64_t stride, int64_t first, int64_t last, int64_t head_dim,
                                Vector* sums) {
  const char* rows[kScoredRows];
#pragma GCC unroll 8
  for (int row = 0; row < kScoredRows; ++row) rows[row] = keys + (first + row < last ? first + row : last) * stride;
#pragma GCC unroll 8
  for (int row = 0; row < kScoredRows; ++row) sums[row] = Vector{};
#pragma GCC unroll 1
  for (int64_t i = 0; i < head_dim; i += kRowStep) {
#pragma GCC unroll 1
    for (int part = 0; part < kRowVectors / 2; ++part) {
      const Vector q0 = load<DType::F32>(q, i + part * kLanes), q1 = load<DType::F32>(q, i + part * kLanes + kRowStep / 2);
#pragma GCC unroll 8
      for (int row = 0; row < kScoredRows; ++row) {
        Vector even, odd;
        load_row<dtype>(rows[row], i, part, &even, &odd);
        sums[row] += even * q0;
        sums[row] += odd * q1;
      }
    }
  }
}

template <DType dtype>
static void score_typed(const float* query, int64_t heads, const char* keys, int64_t stride, int64_t n, int64_t head_dim,
                        float* scores, int64_t score_stride) {
  for (int64_t j = 0; j < n; j += kLanes) {
    const int64_t count = n - j < kLanes ? n - j : kLanes;
    for (int64_t head = 0; head < heads; ++head) {
      const char* q = reinterpret_cast<const char*>(query + head * head_dim);
      Vector sums[kLanes];
#pragma GCC unroll 2
      for (int first = 0; first < kLanes; first += kScoredRows) {
        score_group<dtype>(q, keys, stride, j + first, n - 1, head_dim, sums + first);
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

/** Rows of a rounded cache that are widened together, for all heads that read them: they stay in the first-level cache. */
constexpr int64_t kWidenedRows = 16;

/** Calls use(floats, first, rows) for n rounded rows, widened to floats a few at a time. */
template <typename Use>
ELASTIC_INLINE void for_widened(const char* rows, int64_t stride, DType dtype, int64_t n, int64_t head_dim, const Use& use) {
  Scratch scratch;
  char* tile = scratch.take<char>(kWidenedRows * head_dim * 4);
  for (int64_t first = 0; first < n; first += kWidenedRows) {
    const int64_t count = n - first < kWidenedRows ? n - first : kWidenedRows;
    for (int64_t row = 0; row < count; ++row) widen_row(rows + (first + row) * stride, dtype, tile + row * head_dim * 4, DType::F32, head_dim);
    use(tile, first, count);
  }
}

static void score_rows(const float* query, int64_t heads, const char* keys, int64_t stride, DType dtype, int64_t n,
                       int64_t head_dim, float* scores, int64_t score_stride) {
  if (is_rounded(dtype)) {
    for_widened(keys, stride, dtype, n, head_dim, [&](const char* tile, int64_t first, int64_t count) {
      score_typed<DType::F32>(query, heads, tile, head_dim * 4, count, head_dim, scores + first, score_stride);
    });
  } else if (dtype == DType::F32) {
    score_typed<DType::F32>(query, heads, keys, stride, n, head_dim, scores, score_stride);
  } else {
    score_typed<DType::BF16>(query, heads, keys, stride, n, head_dim, scores, score_stride);
  }
}

template <DType dtype, int heads>
ELASTIC_INLINE void mix_heads(const float* weights, int64_t weight_stride, const char* values, int64_t stride, int64_t n,
                              int64_t head_dim, float* out) {
  // Two vectors of a row for `heads` heads fit in the registers.
  for (int64_t i = 0; i < head_dim; i += kRowStep) {
    for (int part = 0; part < kRowVectors / 2; ++part) {
      const int64_t at = i + part * kLanes;
      Vector first_sum[heads], second_sum[heads];
#pragma GCC unroll 8
      for (int head = 0; head < heads; ++head) {
        const char* o = reinterpret_cast<const char*>(out + head * head_dim);
        first_sum[head] = load<DType::F32>(o, at);
        second_sum[head] = load<DType::F32>(o, at + kRowStep / 2);
      }
#pragma GCC unroll 1
      for (int64_t j = 0; j < n; ++j) {
        Vector first, second;
        load_row<dtype>(values + j * stride, i, part, &first, &second);
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
        store<DType::F32>(o, at, first_sum[head]);
        store<DType::F32>(o, at + kRowStep / 2, second_sum[head]);
      }
    }
  }
}

template <int count>
struct Count {
  static constexpr int value = count;
};

template <DType dtype>
static void mix_typed(const float* weights, int64_t heads, int64_t weight_stride, const char* values, int64_t stride,
                      int64_t n, int64_t head_dim, float* out) {
  const auto mix = [&](auto count, int64_t head) __attribute__((always_inline)) {
    mix_heads<dtype, decltype(count)::value>(weights + head * weight_stride, weight_stride, values, stride, n, head_dim, out + head * head_dim);
  };
  int64_t head = 0;
  for (; head + 4 <= heads; head += 4) mix(Count<4>{}, head);
  // Values are widened once for all that are left.
  if (heads - head == 3) {
    mix(Count<3>{}, head);
  } else if (heads - head == 2) {
    mix(Count<2>{}, head);
  } else if (heads - head == 1) {
    mix(Count<1>{}, head);
  }
}

static void mix_rows(const float* weights, int64_t heads, int64_t weight_stride, const char* values, int64_t stride,
                     DType dtype, int64_t n, int64_t head_dim, float* out) {
  if (is_rounded(dtype)) {
    for_widened(values, stride, dtype, n, head_dim, [&](const char* tile, int64_t first, int64_t count) {
      mix_typed<DType::F32>(weights + first, heads, weight_stride, tile, head_dim * 4, count, head_dim, out);
    });
  } else if (dtype == DType::F32) {
    mix_typed<DType::F32>(weights, heads, weight_stride, values, stride, n, head_dim, out);
  } else {
    mix_typed<DType::BF16>(weights, heads, weight_stride, values, stride, n, head_dim, out);
  }
}

}  // namespace
}  // namespace elastic
