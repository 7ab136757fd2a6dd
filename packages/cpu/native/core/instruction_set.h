#pragma once

namespace elastic {

/** What kernels may use; each level of a family of processors includes the ones before it. */
enum class InstructionSet : int {
  Plain = 0,
  Avx2 = 1,
  // Not part of the levels above it: few processors with AVX-512 have it.
  AvxVnni = 2,
  Avx512 = 3,
  Avx512Bf16 = 4,
  Amx = 5,
  // 64-bit ARM, where every processor has NEON and plain kernels are compiled to it: dot products of int8, then of bf16 too.
  NeonDot = 1,
  NeonBf16 = 2,
};

/** The best level of this machine (AMX only when the system grants the tile registers). */
InstructionSet detected_instruction_set();
/** Whether this machine has a level. */
bool has_instruction_set(InstructionSet level);
/** Whether the tiles of level Amx multiply int8 too. */
bool amx_multiplies_bytes();
/** The level of the call that this thread works for. */
InstructionSet instruction_set();

}  // namespace elastic
