#pragma once
#include <cstdint>
#include <functional>

#include "core/execution.h"

namespace elastic {

/**
 * Worker threads that wait for work spinning for a moment, then asleep: decoding gives them hundreds of small pieces a
 * token. The caller works too. A call wakes as many as its execution has threads, the others sleep on; calls from several
 * JavaScript threads take turns.
 */
class ThreadPool {
 public:
  static ThreadPool& instance();
  /** Starts what calls of so many threads need; else the first one does. @throws std::system_error without threads left */
  void grow(int threads);
  /** See `parallel_for` and `parallel_shares`. */
  void run(int64_t count, bool each_its_own, const std::function<void(int64_t)>& fn);

 private:
  ThreadPool();
  struct State;
  State* state_;
};

/**
 * Runs fn(index) for every index below count, in no fixed order, on the threads of the current execution, and returns when
 * all are done. What fn throws first ends the rest and is thrown here.
 */
void parallel_for(int64_t count, const std::function<void(int64_t)>& fn);
/**
 * The same, but each thread begins with its own run of neighbouring indices, the same in every call: what they read stays in
 * its caches. A thread that is done helps the others.
 */
void parallel_shares(int64_t count, const std::function<void(int64_t)>& fn);
/** Splits `rows` into pieces of at least `grain` and runs fn(start, end) on them. */
void parallel_rows(int64_t rows, int64_t grain, const std::function<void(int64_t, int64_t)>& fn);

}  // namespace elastic
