#pragma once
// Vectors of 16 outputs by AVX-512 VNNI. Only for files compiled with it.
#include <immintrin.h>

#include <cstdint>

namespace elastic {
namespace {

/** 16 outputs: unsigned weights, signed activations, sums of four products in 32 bits. */
struct Avx512VnniLanes {
  static constexpr int64_t kCount = 16;
  static constexpr int kRows = 6;
  static constexpr int vectors(int) { return 2; }
  static constexpr int kBias = 0;
  typedef uint32_t Words __attribute__((vector_size(64)));
  typedef int32_t Integers __attribute__((vector_size(64)));
  typedef float Floats __attribute__((vector_size(64)));

  static Integers integers(int32_t value) { return reinterpret_cast<Integers>(_mm512_set1_epi32(value)); }
  static Words words(const char* at) { return reinterpret_cast<Words>(_mm512_loadu_si512(at)); }
  static Words biased(Words words) { return words; }
  static constexpr bool sums_whole(int) { return true; }
  static __m512i four(const void* values) {
    int32_t word;
    __builtin_memcpy(&word, values, 4);
    return _mm512_set1_epi32(word);
  }

  template <int>
  static Integers add(Integers sums, Words weights, __m512i values) {
    return reinterpret_cast<Integers>(_mm512_dpbusd_epi32(reinterpret_cast<__m512i>(sums), reinterpret_cast<__m512i>(weights), values));
  }
  template <int>
  static Integers whole(Integers sums) {
    return sums;
  }
  static Floats as_floats(Integers integers) { return __builtin_convertvector(integers, Floats); }
  static Floats halves(const char* at) { return _mm512_maskz_cvtph_ps(0xffff, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at))); }
  static Floats unsigned_bytes(const char* at) {
    return as_floats(reinterpret_cast<Integers>(_mm512_maskz_cvtepu8_epi32(0xffff, _mm_loadu_si128(reinterpret_cast<const __m128i*>(at)))));
  }
  static Floats signed_bytes(const char* at) {
    return as_floats(reinterpret_cast<Integers>(_mm512_maskz_cvtepi8_epi32(0xffff, _mm_loadu_si128(reinterpret_cast<const __m128i*>(at)))));
  }
  static void store(float* out, Floats value) { _mm512_storeu_ps(out, value); }
};

}  // namespace
}  // namespace elastic
