// Sums over ranks for JavaScript.
#pragma once
#include <napi.h>

namespace elastic {

void export_peers(Napi::Env env, Napi::Object exports);

}  // namespace elastic
