// What a call runs with.
#pragma once
#include "addon/call_context.h"
#include "core/instruction_set.h"

namespace elastic {

struct FloatKernels;
struct GradientKernels;

/** Threads and instruction set of one backend: its calls run with them, whatever other backends of the process use. */
struct Execution final : CallContext {
  Execution(int threads, InstructionSet level);
  void enter() const override;

  /** Including the caller's. */
  const int threads;
  const InstructionSet level;
  const FloatKernels& float_kernels;
  const GradientKernels& gradient_kernels;
};

/** The execution of so many threads and at most this level; lives as long as the process. */
const Execution& execution_of(int threads, InstructionSet most);
/** All threads and the best level of this machine. */
const Execution& default_execution();
/** Of the call that this thread works for. */
const Execution& current_execution();

}  // namespace elastic
