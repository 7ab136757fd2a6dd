#pragma once
// The eight tile registers, all 16 rows of 64 bytes. Only for files compiled with AMX.
#include <immintrin.h>

#include <cstdint>

namespace elastic {
namespace {

struct alignas(64) TileConfig {
  uint8_t palette = 1;
  uint8_t start_row = 0;
  uint8_t reserved[14] = {};
  uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};

/** Configures the tiles of this thread, once. */
static inline void configure_tiles() {
  static thread_local bool configured = false;
  if (configured) return;
  const TileConfig config;
  // The intrinsic of GCC 12 declares too small an operand; the stores above would be dropped.
  asm volatile("ldtilecfg %0" ::"m"(config));
  configured = true;
}

/** Stores to memory that tiles are loaded from must not sink below this: tile loads do not tell what they read. */
static inline void packed_for_tiles() { asm volatile("" ::: "memory"); }

}  // namespace
}  // namespace elastic
