#include "floats/kernel_table.h"

#include "core/instruction_set.h"
#include "floats/gradient_table.h"

namespace elastic {

const FloatKernels& float_kernels() {
#if defined(__x86_64__)
  const InstructionSet level = instruction_set();
  if (level >= InstructionSet::Avx512) return float_kernels_avx512();
  if (level >= InstructionSet::Avx2) return float_kernels_avx2();
#endif
  return float_kernels_plain();
}

const GradientKernels& gradient_kernels() {
#if defined(__x86_64__)
  const InstructionSet level = instruction_set();
  if (level >= InstructionSet::Avx512) return gradient_kernels_avx512();
  if (level >= InstructionSet::Avx2) return gradient_kernels_avx2();
#endif
  return gradient_kernels_plain();
}

}  // namespace elastic
