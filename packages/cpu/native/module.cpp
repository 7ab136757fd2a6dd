// What JavaScript sees of the addon.
#include <napi.h>

#include "addon/call.h"
#include "addon/exports.h"
#include "addon/reserved_buffers.h"
#include "core/execution.h"
#include "core/instruction_set.h"
#include "core/thread_pool.h"
#include "operations/block_operations.h"
#include "operations/decode_operations.h"
#include "training/training_attention.h"
#include "training/training_operations.h"

namespace elastic {
namespace {

void export_all(Napi::Env env, Napi::Object exports, const Execution& execution) {
  export_operations(env, exports, &execution);
  export_reserved_buffers(env, exports, &execution);
  export_training_operations(env, exports, &execution);
  export_training_attention(env, exports, &execution);
  export_block_operations(env, exports, &execution);
  export_decode_operations(env, exports, &execution);
}

/** A bit for each level that a function says yes to. */
template <bool (*has)(InstructionSet)>
Napi::Value levels_of(const Napi::CallbackInfo& info) {
  int levels = 0;
  for (int level = 0; level <= static_cast<int>(InstructionSet::Amx); ++level) {
    if (has(static_cast<InstructionSet>(level))) levels |= 1 << level;
  }
  return Napi::Number::New(info.Env(), levels);
}

/** (threads, level) -> every function of the addon, run with so many threads and at most this level. */
Napi::Value create_context(const Napi::CallbackInfo& info) {
  return guarded_value(info, [&](Call& call) {
    const int64_t threads = call.integer("threads"), level = call.integer("level");
    call.require(threads >= 1 && threads <= 4096, "threads must be between 1 and 4096");
    call.require(level >= 0 && level <= static_cast<int>(InstructionSet::Amx) && has_instruction_set(static_cast<InstructionSet>(level)),
                 "this processor does not have that instruction set, or this build leaves it out");
    ThreadPool::instance().grow(static_cast<int>(threads));
    Napi::Object functions = Napi::Object::New(info.Env());
    export_all(info.Env(), functions, execution_of(static_cast<int>(threads), static_cast<InstructionSet>(level)));
    return functions;
  });
}

Napi::Object initialize(Napi::Env env, Napi::Object exports) {
  export_all(env, exports, default_execution());
  export_function<levels_of<has_instruction_set>>(env, exports, "availableInstructionSets");
  export_function<levels_of<processor_has>>(env, exports, "processorInstructionSets");
  export_function<create_context>(env, exports, "createContext");
  return exports;
}

}  // namespace

NODE_API_MODULE(elastic_attention_cpu, initialize)

}  // namespace elastic
