// Points in the order of work that the host can ask for without waiting.
#pragma once
#include <cstdint>

namespace elastic {

/** Marks the end of all work issued so far. @returns its number, which grows by one with every fence. */
int64_t record_fence();
/** Whether the work before a fence is done; a fence 256 fences back is answered by the one that took its place. */
bool fence_reached(int64_t fence);

}  // namespace elastic
