#include "core/thread_pool.h"

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
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

/** Indices that one thread takes first; when they are gone it takes those of others. */
struct alignas(64) Share {
  std::atomic<int64_t> next{0};
  int64_t end = 0;
};

struct ThreadPool::State {
  std::mutex turn;  // one parallel_for at a time
  std::mutex sleep;
  std::condition_variable wake;
  std::vector<std::thread> workers;
  std::atomic<uint64_t> generation{0};
  std::atomic<bool> stop{false};
  std::atomic<int> active{0};
  /** One for all threads, or one for each. */
  std::unique_ptr<Share[]> shares;
  int share_count = 1;
  const std::function<void(int64_t)>* work = nullptr;

  void drain(int thread) {
    inside = true;
    for (int i = 0; i < share_count; ++i) {
      Share& share = shares[(thread + i) % share_count];
      for (int64_t index = share.next.fetch_add(1); index < share.end; index = share.next.fetch_add(1)) (*work)(index);
    }
    inside = false;
  }

  void run(int thread, uint64_t seen) {
    for (;;) {
      for (int spin = 0; spin < kSpins && generation.load(std::memory_order_acquire) == seen; ++spin) ELASTIC_PAUSE();
      if (generation.load(std::memory_order_acquire) == seen) {
        std::unique_lock lock(sleep);
        wake.wait(lock, [&] { return generation.load() != seen; });
      }
      seen = generation.load(std::memory_order_acquire);
      if (stop.load()) return;
      drain(thread);
      active.fetch_sub(1, std::memory_order_release);
    }
  }

  void signal() {
    {
      std::lock_guard lock(sleep);
      generation.fetch_add(1, std::memory_order_release);
    }
    wake.notify_all();
  }
};

ThreadPool::ThreadPool() : state_(new State) { resize(static_cast<int>(std::thread::hardware_concurrency())); }

ThreadPool& ThreadPool::instance() {
  // Never destroyed: worker threads may outlive static destructors.
  static ThreadPool* pool = new ThreadPool;
  return *pool;
}

int ThreadPool::size() const { return static_cast<int>(state_->workers.size()) + 1; }

void ThreadPool::resize(int threads) {
  std::lock_guard lock(state_->turn);
  const std::size_t wanted = threads < 1 ? 0 : static_cast<std::size_t>(threads - 1);
  if (wanted == state_->workers.size()) return;
  state_->stop = true;
  state_->signal();
  for (std::thread& worker : state_->workers) worker.join();
  state_->workers.clear();
  state_->stop = false;
  const uint64_t seen = state_->generation.load();
  state_->shares = std::make_unique<Share[]>(wanted + 1);
  for (std::size_t i = 1; i <= wanted; ++i) {
    state_->workers.emplace_back([state = state_, thread = static_cast<int>(i), seen] { state->run(thread, seen); });
  }
}

void ThreadPool::parallel_for(int64_t count, const std::function<void(int64_t)>& fn) { share_out(count, false, fn); }

void ThreadPool::parallel_shares(int64_t count, const std::function<void(int64_t)>& fn) { share_out(count, true, fn); }

void ThreadPool::share_out(int64_t count, bool each_its_own, const std::function<void(int64_t)>& fn) {
  if (count <= 0) return;
  if (inside || count == 1 || state_->workers.empty()) {
    for (int64_t index = 0; index < count; ++index) fn(index);
    return;
  }
  std::lock_guard turn(state_->turn);
  state_->work = &fn;
  const int shares = each_its_own ? size() : 1;
  state_->share_count = shares;
  for (int64_t i = 0; i < shares; ++i) {
    state_->shares[static_cast<std::size_t>(i)].next.store(count * i / shares);
    state_->shares[static_cast<std::size_t>(i)].end = count * (i + 1) / shares;
  }
  state_->active.store(static_cast<int>(state_->workers.size()), std::memory_order_release);
  state_->signal();
  state_->drain(0);
  while (state_->active.load(std::memory_order_acquire) != 0) ELASTIC_PAUSE();
}

}  // namespace elastic
