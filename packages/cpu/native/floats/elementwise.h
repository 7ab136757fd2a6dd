#pragma once
// Row-wise and element-wise kernels; included once for each instruction set.
#include "floats/kernel_table.h"
#include "floats/rounded_rows.h"
#include "floats/vector.h"

namespace elastic {
namespace {

template <DType from, DType to>
static void convert_all(const char* x, char* out, int64_t n) {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) store<to>(out, i, load<from>(x, i));
  if (i < n) store_first<to>(out, i, n - i, load_first<from>(x, i, n - i));
}

static void convert(const char* x, DType from, char* out, DType to, int64_t n) {
  if (from == to) {
    std::memmove(out, x, static_cast<std::size_t>(row_elements(from, n) * byte_size(from)));
    return;
  }
  if (is_rounded(to)) return round_row(x, from, out, to, n);
  if (is_rounded(from)) return widen_row(x, from, out, to, n);
  using Function = void (*)(const char*, char*, int64_t);
  static constexpr Function table[3][3] = {
      {nullptr, convert_all<DType::F32, DType::BF16>, convert_all<DType::F32, DType::F16>},
      {convert_all<DType::BF16, DType::F32>, nullptr, convert_all<DType::BF16, DType::F16>},
      {convert_all<DType::F16, DType::F32>, convert_all<DType::F16, DType::BF16>, nullptr},
  };
  table[static_cast<int>(from)][static_cast<int>(to)](x, out, n);
}

static void rms_norm(const char* x, DType from, const float* weight, float epsilon, char* out, DType to, int64_t n) {
  ELASTIC_WITH_DTYPE(from, kFrom, {
    Vector squares = {}, more = {};
    int64_t i = 0;
    for (; i + 2 * kLanes <= n; i += 2 * kLanes) {
      const Vector a = load<kFrom>(x, i), b = load<kFrom>(x, i + kLanes);
      squares += a * a;
      more += b * b;
    }
    for (; i < n; i += kLanes) {
      const Vector a = i + kLanes <= n ? load<kFrom>(x, i) : load_first<kFrom>(x, i, n - i);
      squares += a * a;
    }
    const float scale = 1.0f / __builtin_sqrtf(sum_of(squares + more) / static_cast<float>(n) + epsilon);
    const char* w = reinterpret_cast<const char*>(weight);
    ELASTIC_WITH_DTYPE(to, kTo, {
      int64_t j = 0;
      for (; j + kLanes <= n; j += kLanes) store<kTo>(out, j, load<kFrom>(x, j) * scale * load<DType::F32>(w, j));
      if (j < n) {
        const Vector value = load_first<kFrom>(x, j, n - j) * scale * load_first<DType::F32>(w, j, n - j);
        store_first<kTo>(out, j, n - j, value);
      }
    })
  })
}

static void add_into(const char* x, DType from, char* sum, DType to, int64_t n) {
  ELASTIC_WITH_DTYPE(from, kFrom, {
    ELASTIC_WITH_DTYPE(to, kTo, {
      int64_t i = 0;
      for (; i + kLanes <= n; i += kLanes) store<kTo>(sum, i, load<kTo>(sum, i) + load<kFrom>(x, i));
      if (i < n) {
        store_first<kTo>(sum, i, n - i, load_first<kTo>(sum, i, n - i) + load_first<kFrom>(x, i, n - i));
      }
    })
  })
}

static void add(const char* a, const char* b, char* out, DType dtype, int64_t n) {
  ELASTIC_WITH_DTYPE(dtype, kType, {
    int64_t i = 0;
    for (; i + kLanes <= n; i += kLanes) store<kType>(out, i, load<kType>(a, i) + load<kType>(b, i));
    if (i < n) store_first<kType>(out, i, n - i, load_first<kType>(a, i, n - i) + load_first<kType>(b, i, n - i));
  })
}

static void rotate(char* x, DType dtype, const float* cosine, const float* sine, float direction, int64_t half) {
  const char* c = reinterpret_cast<const char*>(cosine);
  const char* s = reinterpret_cast<const char*>(sine);
  ELASTIC_WITH_DTYPE(dtype, kType, {
    for (int64_t i = 0; i < half; i += kLanes) {
      const int64_t n = half - i;
      if (n >= kLanes) {
        const Vector a = load<kType>(x, i), b = load<kType>(x, half + i);
        const Vector cos = load<DType::F32>(c, i), sin = load<DType::F32>(s, i) * direction;
        store<kType>(x, i, a * cos - b * sin);
        store<kType>(x, half + i, b * cos + a * sin);
      } else {
        const Vector a = load_first<kType>(x, i, n), b = load_first<kType>(x, half + i, n);
        const Vector cos = load_first<DType::F32>(c, i, n), sin = load_first<DType::F32>(s, i, n) * direction;
        store_first<kType>(x, i, n, a * cos - b * sin);
        store_first<kType>(x, half + i, n, b * cos + a * sin);
      }
    }
  })
}

static float dot(const float* a, const float* b, int64_t n) {
  const char* x = reinterpret_cast<const char*>(a);
  const char* y = reinterpret_cast<const char*>(b);
  Vector sums[4] = {};
  int64_t i = 0;
  for (; i + 4 * kLanes <= n; i += 4 * kLanes) {
    for (int64_t part = 0; part < 4; ++part) {
      sums[part] += load<DType::F32>(x, i + part * kLanes) * load<DType::F32>(y, i + part * kLanes);
    }
  }
  for (; i < n; i += kLanes) {
    const int64_t left = n - i < kLanes ? n - i : kLanes;
    sums[0] += load_first<DType::F32>(x, i, left) * load_first<DType::F32>(y, i, left);
  }
  return sum_of((sums[0] + sums[1]) + (sums[2] + sums[3]));
}

static void scale(float* x, float factor, int64_t n) {
  for (int64_t i = 0; i < n; ++i) x[i] *= factor;
}

}  // namespace
}  // namespace elastic
