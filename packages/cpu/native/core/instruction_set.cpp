#include "core/instruction_set.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif
#if defined(__x86_64__) && defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#elif defined(__aarch64__) && defined(__APPLE__)
#include <sys/sysctl.h>
#endif

namespace elastic {
namespace {

#if defined(__x86_64__)
/** Linux alone is asked: elsewhere the tile registers stay unused. */
bool amx_granted() {
#if defined(ELASTIC_ATTENTION_EMULATE_AMX)
  return true;
#elif defined(__linux__)
  unsigned a, b, c, d;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return false;
  const bool present = (d & (1u << 22)) != 0 && (d & (1u << 24)) != 0;  // AMX-BF16, AMX-TILE
  // The tile registers belong to a thread's state only after the process has asked: ARCH_REQ_XCOMP_PERM, XTILEDATA.
  return present && syscall(SYS_arch_prctl, 0x1023, 18) == 0;
#else
  return false;
#endif
}

bool avx_vnni() {
  unsigned a, b, c, d;
  return __get_cpuid_count(7, 1, &a, &b, &c, &d) != 0 && (a & (1u << 4)) != 0;
}

InstructionSet detect() {
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
  if (!avx2) return InstructionSet::Plain;
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  if (!avx512) return avx_vnni() ? InstructionSet::AvxVnni : InstructionSet::Avx2;
  if (!__builtin_cpu_supports("avx512bf16")) return InstructionSet::Avx512;
  return amx_granted() ? InstructionSet::Amx : InstructionSet::Avx512Bf16;
}
#elif defined(__aarch64__) && defined(__linux__)
InstructionSet detect() {
  constexpr unsigned long kDotProducts = 1ul << 20, kBf16 = 1ul << 14;  // HWCAP_ASIMDDP, HWCAP2_BF16
  if ((getauxval(AT_HWCAP) & kDotProducts) == 0) return InstructionSet::Plain;
  return (getauxval(AT_HWCAP2) & kBf16) != 0 ? InstructionSet::NeonBf16 : InstructionSet::NeonDot;
}
#elif defined(__aarch64__) && defined(__APPLE__)
bool has(const char* feature) {
  int value = 0;
  size_t size = sizeof value;
  return sysctlbyname(feature, &value, &size, nullptr, 0) == 0 && value != 0;
}

InstructionSet detect() {
  if (!has("hw.optional.arm.FEAT_DotProd")) return InstructionSet::Plain;
  return has("hw.optional.arm.FEAT_BF16") ? InstructionSet::NeonBf16 : InstructionSet::NeonDot;
}
#else
InstructionSet detect() { return InstructionSet::Plain; }
#endif

}  // namespace

InstructionSet detected_instruction_set() {
  static const InstructionSet level = detect();
  return level;
}

bool amx_multiplies_bytes() {
#if defined(ELASTIC_ATTENTION_EMULATE_AMX)
  return detected_instruction_set() == InstructionSet::Amx;
#elif defined(__x86_64__)
  unsigned a, b, c, d;
  if (detected_instruction_set() != InstructionSet::Amx || !__get_cpuid_count(7, 0, &a, &b, &c, &d)) return false;
  return (d & (1u << 25)) != 0;
#else
  return false;
#endif
}

bool has_instruction_set(InstructionSet level) {
#if defined(__x86_64__)
  if (level == InstructionSet::AvxVnni && !avx_vnni()) return false;
#endif
  return level <= detected_instruction_set();
}

}  // namespace elastic
