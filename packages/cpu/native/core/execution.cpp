#include "core/execution.h"

#include <algorithm>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

#include "floats/gradients/gradient_table.h"
#include "floats/kernel_table.h"

namespace elastic {
namespace {

thread_local const Execution* current = nullptr;

}  // namespace

Execution::Execution(int threads, InstructionSet level)
    : threads(threads),
      level(level),
      float_kernels(float_kernels_of(level)),
      gradient_kernels(gradient_kernels_of(level)) {}

void Execution::enter() const { current = this; }

const Execution& execution_of(int threads, InstructionSet most) {
  // Never destroyed: JavaScript may keep functions that point to an execution until the process ends.
  static auto& executions = *new std::map<std::pair<int, InstructionSet>, std::unique_ptr<Execution>>;
  static std::mutex mutex;
  InstructionSet level = most;
  while (!has_instruction_set(level)) level = static_cast<InstructionSet>(static_cast<int>(level) - 1);
  std::lock_guard lock(mutex);
  std::unique_ptr<Execution>& execution = executions[{threads, level}];
  if (execution == nullptr) execution = std::make_unique<Execution>(threads, level);
  return *execution;
}

const Execution& default_execution() {
  static const Execution& execution =
      execution_of(std::max(1, static_cast<int>(std::thread::hardware_concurrency())), detected_instruction_set());
  return execution;
}

const Execution& current_execution() {
  if (current == nullptr) current = &default_execution();
  return *current;
}

InstructionSet instruction_set() { return current_execution().level; }
const FloatKernels& float_kernels() { return current_execution().float_kernels; }
const GradientKernels& gradient_kernels() { return current_execution().gradient_kernels; }

}  // namespace elastic
