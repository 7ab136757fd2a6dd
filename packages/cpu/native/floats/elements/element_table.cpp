#include "floats/elements/element_table.h"

#include "core/execution.h"

namespace elastic {

const ElementKernels& element_kernels() {
#if defined(__x86_64__)
  const InstructionSet level = current_execution().level;
  if (level >= InstructionSet::Avx512) return element_kernels_avx512();
  if (level >= InstructionSet::Avx2) return element_kernels_avx2();
#endif
  return element_kernels_plain();
}

}  // namespace elastic
