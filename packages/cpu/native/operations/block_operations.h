#pragma once
#include <napi.h>

#include "addon/call_context.h"

namespace elastic {

/** Exports `blockWeightBytes`, `packBlocks` and `linearBlocks`. */
void export_block_operations(Napi::Env env, Napi::Object exports, const CallContext* context);

}  // namespace elastic
