// Weights in blocks by rounded rows on any processor.
#include "blocks/block_product.h"

namespace elastic {
namespace {

/** Four outputs; plain loops that compilers turn into vectors of four. */
struct PlainLanes {
  static constexpr int64_t kCount = 4;
  static constexpr int kVectors = 1;
  static constexpr bool kSignedBytes = false;
  typedef int32_t Integers __attribute__((vector_size(16)));
  typedef float Floats __attribute__((vector_size(16)));
  typedef float UnalignedFloats __attribute__((vector_size(16), aligned(4), may_alias));
  typedef uint32_t Words __attribute__((vector_size(16)));
  typedef uint32_t UnalignedWords __attribute__((vector_size(16), aligned(4), may_alias));

  static Floats floats(float value) { return Floats{} + value; }
  static Integers integers(int32_t value) { return Integers{} + value; }
  static const int8_t* four(const int8_t* values) { return values; }
  static Integers add_words(Integers sums, Words words, uint32_t mask, const int8_t* values) {
    for (int j = 0; j < 4; ++j) sums += reinterpret_cast<Integers>((words >> (8 * j)) & mask) * static_cast<int32_t>(values[j]);
    return sums;
  }
  static Integers add_bytes(Integers sums, const char* at, const int8_t* values) {
    return add_words(sums, *reinterpret_cast<const UnalignedWords*>(at), 255, values);
  }
  static Integers add_nibbles(Integers sums, const char* at, bool high, const int8_t* values) {
    return add_words(sums, *reinterpret_cast<const UnalignedWords*>(at) >> (high ? 4 : 0), 15, values);
  }
  static Floats scaled(const float* scales, float scale) { return *reinterpret_cast<const UnalignedFloats*>(scales) * scale; }
  static Floats add_scaled(Floats total, Floats scales, Integers products) {
    return total + scales * __builtin_convertvector(products, Floats);
  }
  static Floats subtract(Floats total, const float* lowest, float factor) {
    return total - *reinterpret_cast<const UnalignedFloats*>(lowest) * factor;
  }
  static void store(float* out, Floats value) { *reinterpret_cast<UnalignedFloats*>(out) = value; }
};

}  // namespace

void multiply_blocks_plain(const RoundedRow& row, const char* panel, const BlockLayout& layout, int64_t blocks, float* sums) {
  multiply_panel_blocks<PlainLanes>(row, panel, layout, blocks, sums);
}

}  // namespace elastic
