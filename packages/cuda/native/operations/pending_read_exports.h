#pragma once
#include <napi.h>

namespace elastic {

/** Functions that queue a copy to the host, wait for it and give its memory back. */
void export_pending_reads(Napi::Env env, Napi::Object exports);

}  // namespace elastic
