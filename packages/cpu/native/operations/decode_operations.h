#pragma once
#include <napi.h>

#include "addon/call_context.h"

namespace elastic {

/** Exports `prepareDecode` and `decodeAttention`. */
void export_decode_operations(Napi::Env env, Napi::Object exports, const CallContext* context);

}  // namespace elastic
