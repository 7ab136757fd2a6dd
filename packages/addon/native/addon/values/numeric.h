#pragma once
#include <cstdint>
#include <cstring>

namespace elastic {

/**
 * Fp8 and Q8_0 are rows of a key-value cache: a byte an element, and behind a row's elements what these are multiplied by, a float
 * for the row or a bf16 for each 32 elements. Columns of such a matrix are elements, its stride is that of whole rows.
 */
enum class DType : int { F32 = 0, BF16 = 1, F16 = 2, I32 = 3, U8 = 4, Fp8 = 5, Q8_0 = 6 };
constexpr int kDTypes = 7;

static inline int64_t byte_size(DType dtype) {
  switch (dtype) {
    case DType::F32:
    case DType::I32:
      return 4;
    case DType::BF16:
    case DType::F16:
      return 2;
    case DType::U8:
    case DType::Fp8:
    case DType::Q8_0:
      return 1;
  }
  return 0;
}

static inline bool is_rounded(DType dtype) { return dtype == DType::Fp8 || dtype == DType::Q8_0; }

/** Elements that share a scale in a row of Q8_0. */
constexpr int64_t kScaledElements = 32;

/** Elements from one row to the next where rows of so many columns lie one after another, scales included. */
static inline int64_t row_elements(DType dtype, int64_t columns) {
  if (dtype == DType::Fp8) return columns + 4;
  if (dtype == DType::Q8_0) return columns + 2 * ((columns + kScaledElements - 1) / kScaledElements);
  return columns;
}

static inline float bf16_to_float(uint16_t pattern) {
  const uint32_t bits = static_cast<uint32_t>(pattern) << 16;
  float value;
  std::memcpy(&value, &bits, 4);
  return value;
}

/** Rounds to nearest even; NaN stays NaN. */
static inline uint16_t float_to_bf16(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return static_cast<uint16_t>((bits >> 16) | 0x40u);
  return static_cast<uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

/** Rows of a tensor: dense inside a row, `row_stride` elements apart. */
struct Matrix {
  char* data = nullptr;
  int64_t rows = 0;
  int64_t columns = 0;
  int64_t row_stride = 0;
  DType dtype = DType::F32;

  char* row(int64_t index) const { return data + index * row_stride * byte_size(dtype); }
  float* floats(int64_t index) const { return reinterpret_cast<float*>(row(index)); }
  uint16_t* halves(int64_t index) const { return reinterpret_cast<uint16_t*>(row(index)); }
  int32_t* integers(int64_t index) const { return reinterpret_cast<int32_t*>(row(index)); }
};

}  // namespace elastic
