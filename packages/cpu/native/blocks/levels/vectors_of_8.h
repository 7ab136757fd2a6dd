#pragma once
// What products with weights in blocks share in vectors of 256 bits. Only for files compiled with AVX2, FMA and F16C.
#include <immintrin.h>

#include <cstdint>

namespace elastic {
namespace {

/** Eight outputs. */
struct VectorsOf8 {
  static constexpr int64_t kCount = 8;
  typedef uint32_t Words __attribute__((vector_size(32)));
  typedef int32_t Integers __attribute__((vector_size(32)));
  typedef float Floats __attribute__((vector_size(32)));

  static Integers integers(int32_t value) { return reinterpret_cast<Integers>(_mm256_set1_epi32(value)); }
  static Words words(const char* at) { return reinterpret_cast<Words>(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(at))); }
  static __m256i four(const void* values) {
    int32_t word;
    __builtin_memcpy(&word, values, 4);
    return _mm256_set1_epi32(word);
  }
  static Floats as_floats(Integers integers) { return __builtin_convertvector(integers, Floats); }
  static Floats halves(const char* at) { return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(at))); }
  static Floats unsigned_bytes(const char* at) { return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(at)))); }
  static Floats signed_bytes(const char* at) { return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(at)))); }
  static void store(float* out, Floats value) { _mm256_storeu_ps(out, value); }
};

}  // namespace
}  // namespace elastic
