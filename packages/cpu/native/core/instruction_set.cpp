#include "core/instruction_set.h"

#if defined(__x86_64__)
#include <cpuid.h>

#include <initializer_list>
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
/**
 * Registers of a leaf of CPUID, zeros where there is no such leaf. The processor is asked itself: what compilers offer for it is
 * not in every one's runtime library.
 */
struct Leaf {
  unsigned a = 0, b = 0, c = 0, d = 0;

  explicit Leaf(unsigned number, unsigned part = 0) {
    if (__get_cpuid_count(number, part, &a, &b, &c, &d) == 0) a = b = c = d = 0;
  }
};

constexpr bool has_all(unsigned word, std::initializer_list<int> bits) {
  for (const int bit : bits) {
    if ((word >> bit & 1) == 0) return false;
  }
  return true;
}

/** Which registers the system keeps for a thread: bits 1 and 2 for 256-bit vectors, 5 to 7 for those of AVX-512. */
unsigned kept_registers() {
  if (!has_all(Leaf(1).c, {27})) return 0;  // OSXSAVE
  unsigned low, high;
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
}

/** Linux alone is asked: elsewhere the tile registers stay unused. */
bool amx_granted() {
#if defined(ELASTIC_ATTENTION_EMULATE_AMX)
  return true;
#elif defined(__linux__)
  const bool present = has_all(Leaf(7).d, {22, 24});  // AMX-BF16, AMX-TILE
  // The tile registers belong to a thread's state only after the process has asked: ARCH_REQ_XCOMP_PERM, XTILEDATA.
  return present && syscall(SYS_arch_prctl, 0x1023, 18) == 0;
#else
  return false;
#endif
}

bool avx_vnni() { return has_all(Leaf(7, 1).a, {4}); }

InstructionSet detect() {
  const unsigned kept = kept_registers();
  // AVX2, FMA and F16C.
  if (!has_all(kept, {1, 2}) || !has_all(Leaf(7).b, {5}) || !has_all(Leaf(1).c, {12, 29})) return InstructionSet::Plain;
  // AVX-512 F, DQ, BW and VL.
  if (!has_all(kept, {5, 6, 7}) || !has_all(Leaf(7).b, {16, 17, 30, 31})) return avx_vnni() ? InstructionSet::AvxVnni : InstructionSet::Avx2;
  if (!has_all(Leaf(7, 1).a, {5})) return InstructionSet::Avx512;  // AVX512_BF16
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

InstructionSet processor_instruction_set() {
  static const InstructionSet level = detect();
  return level;
}

bool amx_multiplies_bytes() {
#if defined(ELASTIC_ATTENTION_EMULATE_AMX)
  return processor_instruction_set() == InstructionSet::Amx;
#elif defined(__x86_64__)
  return processor_instruction_set() == InstructionSet::Amx && has_all(Leaf(7).d, {25});  // AMX-INT8
#else
  return false;
#endif
}

bool avx512_multiplies_bytes() {
#if defined(__x86_64__)
  return processor_instruction_set() >= InstructionSet::Avx512 && has_all(Leaf(7).c, {11});  // AVX512_VNNI
#else
  return false;
#endif
}

bool processor_has(InstructionSet level) {
#if defined(__x86_64__)
  if (level == InstructionSet::AvxVnni && !avx_vnni()) return false;
#endif
  return level <= processor_instruction_set();
}

}  // namespace elastic
