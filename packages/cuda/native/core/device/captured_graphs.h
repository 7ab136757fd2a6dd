// Work that is recorded once and asked for again as a whole.
#pragma once
#include <cstdint>

namespace elastic {

/** From here on work is recorded, not done. @throws CudaError */
void begin_capture();
/** Ends the recording; the number of the graph. @throws CudaError */
int64_t end_capture();
/** Ends the recording and forgets it. */
void abandon_capture();
/** @throws std::range_error for an unknown graph */
void replay_graph(int64_t graph);
/** False when there is no such graph. */
bool release_graph(int64_t graph);

}  // namespace elastic
