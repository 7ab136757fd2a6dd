// Notices ranks whose processes have ended.
#pragma once

namespace elastic::shared {

struct Control;

/**
 * Starts a thread that looks at the other ranks' processes a few times a second until this rank has left. When one has ended
 * without leaving, it says which and ends this process: whatever waits for that rank would wait forever, on a GPU too.
 */
void watch_ranks(Control* control, int rank);

/** Whether a process is there and can run: one that has ended and was not waited for cannot. */
bool is_running(long process);

}  // namespace elastic::shared
