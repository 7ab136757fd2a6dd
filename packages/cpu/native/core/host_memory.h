// Memory of this machine.
#pragma once
#include <cstddef>

namespace elastic {

constexpr int kScratchSlots = 12;

/** Scratch memory of this thread, 64-byte aligned, kept and grown between calls. `slot` tells users apart. */
char* thread_scratch(int slot, std::size_t bytes);

}  // namespace elastic
