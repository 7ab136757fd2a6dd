#include "core/thread_pool.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#define ELASTIC_PAUSE() _mm_pause()
#else
#define ELASTIC_PAUSE() std::this_thread::yield()
#endif

namespace elastic {
namespace {

constexpr int kSpins = 4000;

/** True while this thread runs a piece: a nested call then runs in place. */
thread_local bool inside = false;

}  // namespace

struct ThreadPool::State {
  /** Indices that one thread takes first; when they are gone it takes those of others. */
  struct alignas(64) Share {
    std::atomic<int64_t> next{0};
    int64_t end = 0;
  };

  /** One thread of the pool. Whoever takes it out of Called, it by working or its caller by going on alone, has the call. */
  struct alignas(64) Worker {
    enum State : int { Idle, Called, Working };
    std::atomic<int> state{Idle};
    std::thread thread;

    void call() {
      state.store(Called, std::memory_order_release);
      state.notify_one();
    }
    bool take(State next) {
      int called = Called;
      return state.compare_exchange_strong(called, next, std::memory_order_acquire, std::memory_order_relaxed);
    }
    /** The end of a call: one that has not begun has nothing left to do, whether the system has no core for it or it slept. */
    void finish() {
      if (take(Idle)) return;
      for (int spin = 0; state.load(std::memory_order_acquire) == Working; ++spin) {
        if (spin < kSpins) {
          ELASTIC_PAUSE();
        } else {
          std::this_thread::yield();
        }
      }
    }
  };

  /** Held by the caller for the length of a call: everything below is its own, and the workers' that it has woken. */
  std::mutex turn;
  std::vector<std::unique_ptr<Worker>> workers;
  /** One for each worker and the caller. */
  std::unique_ptr<Share[]> shares = std::make_unique<Share[]>(1);
  int64_t share_count = 1;
  const std::function<void(int64_t)>* work = nullptr;
  const Execution* execution = nullptr;
  std::mutex failing;
  std::exception_ptr failure;

  void grow(std::size_t wanted) {
    if (wanted <= workers.size()) return;
    shares = std::make_unique<Share[]>(wanted + 1);
    workers.reserve(wanted);
    while (workers.size() < wanted) {
      auto worker = std::make_unique<Worker>();
      const auto thread = static_cast<int64_t>(workers.size()) + 1;
      worker->thread = std::thread([this, self = worker.get(), thread] { serve(*self, thread); });
      workers.push_back(std::move(worker));
    }
  }

  void drain(int64_t thread) {
    inside = true;
    try {
      for (int64_t i = 0; i < share_count; ++i) {
        Share& share = shares[static_cast<std::size_t>((thread + i) % share_count)];
        for (int64_t index = share.next.fetch_add(1); index < share.end; index = share.next.fetch_add(1)) (*work)(index);
      }
    } catch (...) {
      for (int64_t i = 0; i < share_count; ++i) shares[static_cast<std::size_t>(i)].next = shares[static_cast<std::size_t>(i)].end;
      std::lock_guard lock(failing);
      if (failure == nullptr) failure = std::current_exception();
    }
    inside = false;
  }

  [[noreturn]] void serve(Worker& worker, int64_t thread) {
    for (;;) {
      for (int spin = 0; spin < kSpins && worker.state.load(std::memory_order_relaxed) != Worker::Called; ++spin) ELASTIC_PAUSE();
      worker.state.wait(Worker::Idle, std::memory_order_relaxed);
      if (!worker.take(Worker::Working)) continue;
      execution->enter();
      drain(thread);
      worker.state.store(Worker::Idle, std::memory_order_release);
    }
  }
};

ThreadPool::ThreadPool() : state_(new State) {}

ThreadPool& ThreadPool::instance() {
  // Never destroyed: worker threads outlive static destructors.
  static ThreadPool* pool = new ThreadPool;
  return *pool;
}

void ThreadPool::grow(int threads) {
  std::lock_guard turn(state_->turn);
  state_->grow(static_cast<std::size_t>(std::max(threads, 1) - 1));
}

void ThreadPool::run(int64_t count, bool each_its_own, const std::function<void(int64_t)>& fn) {
  if (count <= 0) return;
  const Execution& execution = current_execution();
  if (inside || count == 1 || execution.threads == 1) {
    for (int64_t index = 0; index < count; ++index) fn(index);
    return;
  }
  State& state = *state_;
  std::lock_guard turn(state.turn);
  const int64_t threads = execution.threads;
  state.grow(static_cast<std::size_t>(threads - 1));
  state.work = &fn;
  state.execution = &execution;
  state.share_count = each_its_own ? threads : 1;
  for (int64_t i = 0; i < state.share_count; ++i) {
    auto& share = state.shares[static_cast<std::size_t>(i)];
    share.next.store(count * i / state.share_count, std::memory_order_relaxed);
    share.end = count * (i + 1) / state.share_count;
  }
  for (int64_t i = 0; i < threads - 1; ++i) state.workers[static_cast<std::size_t>(i)]->call();
  state.drain(0);
  for (int64_t i = 0; i < threads - 1; ++i) state.workers[static_cast<std::size_t>(i)]->finish();
  if (state.failure != nullptr) std::rethrow_exception(std::exchange(state.failure, nullptr));
}

void parallel_for(int64_t count, const std::function<void(int64_t)>& fn) { ThreadPool::instance().run(count, false, fn); }

void parallel_shares(int64_t count, const std::function<void(int64_t)>& fn) { ThreadPool::instance().run(count, true, fn); }

void parallel_rows(int64_t rows, int64_t grain, const std::function<void(int64_t, int64_t)>& fn) {
  const int64_t pieces = (rows + grain - 1) / grain;
  if (pieces <= 1) {
    if (rows > 0) fn(0, rows);
    return;
  }
  parallel_for(pieces, [&](int64_t piece) {
    const int64_t start = piece * grain;
    fn(start, std::min(start + grain, rows));
  });
}

}  // namespace elastic
