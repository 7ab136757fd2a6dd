// Prints the levels of kernels that this machine needs, for builds that are used nowhere else.
#include <cstdio>

#include "core/instruction_set.cpp"

int main() {
#if defined(__x86_64__)
  using elastic::InstructionSet;
  const InstructionSet best = elastic::processor_instruction_set();
  const bool vnni = elastic::avx512_multiplies_bytes();
  std::printf("plain");
  if (best == InstructionSet::Avx2 || best == InstructionSet::AvxVnni || (best >= InstructionSet::Avx512 && !vnni)) std::printf(";avx2");
  if (best == InstructionSet::AvxVnni) std::printf(";avx-vnni");
  if (best >= InstructionSet::Avx512) std::printf(";avx512");
  if (best >= InstructionSet::Avx512Bf16) std::printf(";avx512-bf16");
  if (best >= InstructionSet::Amx) std::printf(";amx");
#endif
}
