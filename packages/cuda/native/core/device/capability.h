// Which generation of kernels is used.
#pragma once
#include <algorithm>
#include <cstdlib>

namespace elastic {

/**
 * The compute capability to choose kernels by: ELASTIC_ATTENTION_CUDA_CAPABILITY lowers it, so that the kernels of older
 * devices can be tested on newer ones.
 */
inline int limited_capability(int capability) {
  const char* limit = std::getenv("ELASTIC_ATTENTION_CUDA_CAPABILITY");
  return limit == nullptr || std::atoi(limit) < 80 ? capability : std::min(capability, std::atoi(limit));
}

}  // namespace elastic
