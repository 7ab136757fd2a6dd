#pragma once

namespace elastic {

/** What kernels may use; each level includes the ones before it, but for AVX-VNNI, which few processors with AVX-512 have. */
enum class InstructionSet : int { Plain = 0, Avx2 = 1, AvxVnni = 2, Avx512 = 3, Avx512Bf16 = 4, Amx = 5 };

/** The best level of this machine (AMX only when the system grants the tile registers). */
InstructionSet detected_instruction_set();
/** Whether this machine has a level. */
bool has_instruction_set(InstructionSet level);
/** The level of the call that this thread works for. */
InstructionSet instruction_set();

}  // namespace elastic
