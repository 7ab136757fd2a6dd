#pragma once
#include <napi.h>

namespace elastic {

/** Exports what a cache in e4m3 is written and read by, besides decode steps. */
void export_rounded_cache(Napi::Env env, Napi::Object exports);

}  // namespace elastic
