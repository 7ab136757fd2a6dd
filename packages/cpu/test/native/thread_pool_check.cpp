// Several callers with different numbers of threads share one pool, as worker threads of Node do. Built and run with
// ThreadSanitizer by thread-pool.test.ts; ends with 1 for a wrong result, and ThreadSanitizer's own code for a race.
#include <atomic>
#include <cstdio>
#include <stdexcept>
#include <thread>
#include <vector>

#include "core/thread_pool.h"
#include "floats/gradients/gradient_table.h"
#include "floats/kernel_table.h"

namespace elastic {

// The pool needs no kernels; an execution names some.
const FloatKernels& float_kernels_of(InstructionSet) {
  static const FloatKernels none{};
  return none;
}
const GradientKernels& gradient_kernels_of(InstructionSet) {
  static const GradientKernels none{};
  return none;
}

}  // namespace elastic

using namespace elastic;

namespace {

std::atomic<bool> failed{false};

void expect(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "wrong: %s\n", what);
  failed = true;
}

/** What one backend does in its JavaScript thread. */
void use(int threads, InstructionSet level, int rounds) {
  const Execution& execution = execution_of(threads, level);
  std::vector<int> counts(257);
  for (int round = 0; round < rounds; ++round) {
    execution.enter();
    expect(current_execution().threads == threads, "a call has the threads of another backend");
    std::fill(counts.begin(), counts.end(), 0);
    const auto visit = [&](int64_t index) {
      if (&current_execution() != &execution) expect(false, "a worker has the level of another backend");
      counts[static_cast<std::size_t>(index)] += 1;
      parallel_for(2, [](int64_t) {});
    };
    if (round % 2 == 0) {
      parallel_for(static_cast<int64_t>(counts.size()), visit);
    } else {
      parallel_shares(static_cast<int64_t>(counts.size()), visit);
    }
    for (const int count : counts) expect(count == 1, "an index was visited another number of times than once");
    if (round % 10 != 0) continue;
    bool thrown = false;
    try {
      parallel_for(100, [](int64_t index) {
        if (index == 50) throw std::runtime_error("task");
      });
    } catch (const std::runtime_error&) {
      thrown = true;
    }
    expect(thrown, "what a task throws does not reach the caller");
  }
}

}  // namespace

int main() {
  std::vector<std::thread> callers;
  // Numbers that grow make the pool grow while others use it.
  for (int threads = 1; threads <= 6; ++threads) {
    callers.emplace_back([threads] { use(threads, threads % 2 == 0 ? InstructionSet::Plain : InstructionSet::Amx, 200); });
  }
  for (std::thread& caller : callers) caller.join();
  return failed ? 1 : 0;
}
