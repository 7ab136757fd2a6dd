#pragma once
#include <cstdint>
#include <functional>

namespace elastic {

/**
 * Worker threads that wait for work spinning for a moment, then asleep: decoding gives them hundreds of small pieces a
 * token. The caller works too. Calls from several JavaScript threads take turns.
 */
class ThreadPool {
 public:
  static ThreadPool& instance();
  /** Threads including the caller, at least 1. */
  void resize(int threads);
  int size() const;
  /** Runs fn(index) for every index below count, in no fixed order, and returns when all are done. Must not throw. */
  void parallel_for(int64_t count, const std::function<void(int64_t)>& fn);
  /**
   * The same, but each thread begins with its own run of neighbouring indices, the same in every call: what they read stays
   * in its caches. A thread that is done helps the others.
   */
  void parallel_shares(int64_t count, const std::function<void(int64_t)>& fn);

 private:
  ThreadPool();
  void share_out(int64_t count, bool each_its_own, const std::function<void(int64_t)>& fn);
  struct State;
  State* state_;
};

/** Convenience for kernels. */
inline void parallel_for(int64_t count, const std::function<void(int64_t)>& fn) {
  ThreadPool::instance().parallel_for(count, fn);
}

/** Splits `rows` into pieces of at least `grain` and runs fn(start, end) on them. */
inline void parallel_rows(int64_t rows, int64_t grain, const std::function<void(int64_t, int64_t)>& fn) {
  const int64_t pieces = (rows + grain - 1) / grain;
  if (pieces <= 1) {
    if (rows > 0) fn(0, rows);
    return;
  }
  parallel_for(pieces, [&](int64_t piece) {
    const int64_t start = piece * grain;
    fn(start, start + grain < rows ? start + grain : rows);
  });
}

}  // namespace elastic
