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
InstructionSet processor_instruction_set();
/** Whether this machine has a level. */
bool processor_has(InstructionSet level);
/** Whether kernels can run at a level: this machine has it, and this build contains it. */
bool has_instruction_set(InstructionSet level);
/** The best of these levels. */
InstructionSet detected_instruction_set();
/** Whether the tiles of level Amx multiply int8 too. */
bool amx_multiplies_bytes();
/** Whether the levels of AVX-512 multiply int8 (VNNI); AVX2's products stand in for them elsewhere. */
bool avx512_multiplies_bytes();
/** The level of the call that this thread works for. */
InstructionSet instruction_set();

}  // namespace elastic
