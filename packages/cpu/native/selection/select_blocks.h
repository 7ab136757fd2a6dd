#pragma once
#include <cstdint>

namespace elastic {

/**
 * Chooses key blocks of one query block from their estimated masses: the diagonal always, then the heaviest others while
 * the mass taken one block earlier stays below threshold · row mass (the published code compares one block late), and
 * block 0 at the end, outside of the count. Writes 1 for every chosen block and leaves the others alone.
 */
void select_blocks(const double* mass, int64_t row, double threshold, uint8_t* chosen);

}  // namespace elastic
