// Which levels this build contains: CMakeLists.txt defines one of the names below for each level of x86-64 that is compiled.
#include <cstdlib>

#include "core/instruction_set.h"

#if defined(__x86_64__)
#include "attention/prefill/prefill.h"
#include "blocks/block_layout.h"
#include "floats/elements/element_table.h"
#include "floats/gradients/gradient_table.h"
#include "floats/kernel_table.h"
#include "gemm/multiply.h"
#include "gemm/panel_product.h"
#include "training/attention_backward.h"
#endif

namespace elastic {

namespace {

#if defined(__x86_64__)
#if defined(ELASTIC_ATTENTION_AVX2)
constexpr bool kAvx2 = true;
#else
constexpr bool kAvx2 = false;
#endif

bool built(InstructionSet level) {
  switch (level) {
    case InstructionSet::Plain:
      return true;
    case InstructionSet::Avx2:
      return kAvx2;
    case InstructionSet::AvxVnni:
#if defined(ELASTIC_ATTENTION_AVX_VNNI)
      return true;
#else
      return false;
#endif
    default:
      break;
  }
  if (!kAvx2 && !avx512_multiplies_bytes()) return false;
#if defined(ELASTIC_ATTENTION_AVX512)
  if (level == InstructionSet::Avx512) return true;
#endif
#if defined(ELASTIC_ATTENTION_AVX512_BF16)
  if (level == InstructionSet::Avx512Bf16) return true;
#endif
#if defined(ELASTIC_ATTENTION_AMX)
  if (level == InstructionSet::Amx) return true;
#endif
  return false;
}

/** No call runs at a level that is not built. */
[[noreturn, maybe_unused]] void left_out() { std::abort(); }
#else
/** Other processors have few kernels by level: every build contains them all. */
bool built(InstructionSet) { return true; }
#endif

}  // namespace

bool has_instruction_set(InstructionSet level) { return built(level) && processor_has(level); }

InstructionSet detected_instruction_set() {
  int level = static_cast<int>(processor_instruction_set());
  while (!has_instruction_set(static_cast<InstructionSet>(level))) --level;
  return static_cast<InstructionSet>(level);
}

// What a level's files would define, so that those that choose between levels need not know which are built.
#if defined(__x86_64__)
#if !defined(ELASTIC_ATTENTION_AVX2)
const FloatKernels& float_kernels_avx2() { left_out(); }
const GradientKernels& gradient_kernels_avx2() { left_out(); }
const ElementKernels& element_kernels_avx2() { left_out(); }
void multiply_blocks_avx2(const RoundedRows&, int64_t, const char*, BlockFormat, float*) { left_out(); }
#endif
#if !defined(ELASTIC_ATTENTION_AVX_VNNI)
void multiply_blocks_avx_vnni(const RoundedRows&, int64_t, const char*, BlockFormat, float*) { left_out(); }
#endif
#if !defined(ELASTIC_ATTENTION_AVX512)
const FloatKernels& float_kernels_avx512() { left_out(); }
const GradientKernels& gradient_kernels_avx512() { left_out(); }
const ElementKernels& element_kernels_avx512() { left_out(); }
void multiply_blocks_avx512_vnni(const RoundedRows&, int64_t, const char*, BlockFormat, float*) { left_out(); }
#endif
#if !defined(ELASTIC_ATTENTION_AVX512_BF16)
const PrefillKernel& bf16_prefill_kernel() { left_out(); }
const BackwardKernel& bf16_backward_kernel() { left_out(); }
void multiply_bf16(const Product&) { left_out(); }
void multiply_panel_dot(const uint16_t*, int64_t, int64_t, const uint16_t*, int64_t, float*, int64_t, bool) { left_out(); }
#endif
#if !defined(ELASTIC_ATTENTION_AMX)
void multiply_blocks_amx(const RoundedRows&, int64_t, const char*, BlockFormat, float*) { left_out(); }
void multiply_amx(const Product&) { left_out(); }
void multiply_panel_tiles(const uint16_t*, int64_t, int64_t, const uint16_t*, int64_t, float*, int64_t, bool) { left_out(); }
#endif
#endif

}  // namespace elastic
