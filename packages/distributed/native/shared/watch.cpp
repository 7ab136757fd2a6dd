#include "shared/watch.h"

#include <signal.h>
#include <sys/types.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <thread>

#include "shared/control.h"

namespace elastic::shared {
namespace {

constexpr std::chrono::milliseconds interval{200};

[[noreturn]] void end_with(int ended, int size) {
  std::fprintf(stderr, "rank %d of %d has ended, so every rank ends\n", ended, size);
  std::fflush(stderr);
  _exit(1);
}

void watch(Control* control, int rank) {
  for (;;) {
    if (control->ranks[rank].presence.load() != Presence::present) return;
    for (int other = 0; other < control->size; other++) {
      const RankState& state = control->ranks[other];
      if (other == rank || state.presence.load() != Presence::present || is_running(state.process.load())) continue;
      // It may have left in between.
      if (state.presence.load() != Presence::present) continue;
      int32_t nobody = -1;
      control->ended.compare_exchange_strong(nobody, other);
    }
    const int32_t ended = control->ended.load();
    if (ended >= 0 && control->ranks[rank].presence.load() == Presence::present) end_with(ended, control->size);
    std::this_thread::sleep_for(interval);
  }
}

}  // namespace

bool is_running(long process) {
  if (kill(static_cast<pid_t>(process), 0) != 0 && errno == ESRCH) return false;
  char path[64];
  std::snprintf(path, sizeof path, "/proc/%ld/stat", process);
  std::FILE* file = std::fopen(path, "r");
  // Without a /proc the signal is all there is to ask by.
  if (file == nullptr) return true;
  char text[512] = {};
  const size_t length = std::fread(text, 1, sizeof text - 1, file);
  std::fclose(file);
  text[length] = 0;
  // "id (name) state": the name may hold anything.
  const char* end = std::strrchr(text, ')');
  return end == nullptr || (end[1] == ' ' && end[2] != 'Z' && end[2] != 'X');
}

void watch_ranks(Control* control, int rank) { std::thread(watch, control, rank).detach(); }

}  // namespace elastic::shared
