#include "floats/kernel_table.h"

#include "floats/gradients/gradient_table.h"

namespace elastic {

const FloatKernels& float_kernels_of([[maybe_unused]] InstructionSet level) {
#if defined(__x86_64__)
  if (level >= InstructionSet::Avx512) return float_kernels_avx512();
  if (level >= InstructionSet::Avx2) return float_kernels_avx2();
#endif
  return float_kernels_plain();
}

const GradientKernels& gradient_kernels_of([[maybe_unused]] InstructionSet level) {
#if defined(__x86_64__)
  if (level >= InstructionSet::Avx512) return gradient_kernels_avx512();
  if (level >= InstructionSet::Avx2) return gradient_kernels_avx2();
#endif
  return gradient_kernels_plain();
}

}  // namespace elastic
