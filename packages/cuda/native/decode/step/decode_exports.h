#pragma once
#include <napi.h>

namespace elastic {

/** Exports the operations of a captured decode step, captures, and memory that grows in place. */
void export_decode(Napi::Env env, Napi::Object exports);

}  // namespace elastic
