#include "core/instruction_set.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace elastic {
namespace {

#if defined(__x86_64__)
bool amx_granted() {
  unsigned a, b, c, d;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return false;
  const bool present = (d & (1u << 22)) != 0 && (d & (1u << 24)) != 0;  // AMX-BF16, AMX-TILE
  // The tile registers belong to a thread's state only after the process has asked: ARCH_REQ_XCOMP_PERM, XTILEDATA.
  return present && syscall(SYS_arch_prctl, 0x1023, 18) == 0;
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
#else
bool avx_vnni() { return false; }
InstructionSet detect() { return InstructionSet::Plain; }
#endif

}  // namespace

InstructionSet detected_instruction_set() {
  static const InstructionSet level = detect();
  return level;
}

bool has_instruction_set(InstructionSet level) {
  return level <= detected_instruction_set() && (level != InstructionSet::AvxVnni || avx_vnni());
}

}  // namespace elastic
