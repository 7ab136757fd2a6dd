#pragma once

namespace elastic {

/** What kernels may use; each level includes the ones before it. */
enum class InstructionSet : int { Plain = 0, Avx2 = 1, Avx512 = 2, Avx512Bf16 = 3, Amx = 4 };

/** The best level of this machine (AMX only when the system grants the tile registers). */
InstructionSet detected_instruction_set();
/** The level in use: the detected one, or lower when asked for. */
InstructionSet instruction_set();
/** Uses at most this level; returns what is in use then. */
InstructionSet limit_instruction_set(InstructionSet level);

}  // namespace elastic
