#pragma once
#include <napi.h>

namespace elastic {

/** Exports packing of, and products with, weights that take less than 16 bits. */
void export_weights(Napi::Env env, Napi::Object exports);

}  // namespace elastic
