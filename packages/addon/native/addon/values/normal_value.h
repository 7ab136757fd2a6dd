// Normal values from a counter: the same on every backend.
#pragma once
#include <cmath>
#include <cstdint>

#ifdef __CUDACC__
#define ELASTIC_EVERYWHERE __host__ __device__
#else
#define ELASTIC_EVERYWHERE
#endif

namespace elastic {

/** A hash of 32 bits whose every input bit moves every output bit. */
ELASTIC_EVERYWHERE inline uint32_t mix_bits(uint32_t x) {
  x = (x ^ (x >> 16)) * 0x7feb352du;
  x = (x ^ (x >> 15)) * 0x846ca68bu;
  return x ^ (x >> 16);
}

/** Element `index` of the sequence with that seed, of standard deviation 1 (Box and Muller). */
ELASTIC_EVERYWHERE inline float normal_value(uint32_t seed, uint32_t index) {
  const uint32_t first = mix_bits(seed ^ (index * 0x9e3779b1u));
  const uint32_t second = mix_bits((seed + 0x7f4a7c15u) ^ (index * 0x85ebca6bu));
  const float radius = sqrtf(-2.0f * logf((static_cast<float>(first) + 0.5f) * 0x1p-32f));
  return radius * cosf(6.283185307f * (static_cast<float>(second) * 0x1p-32f));
}

}  // namespace elastic
