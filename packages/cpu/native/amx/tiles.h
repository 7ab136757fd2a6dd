#pragma once
// The eight tile registers. Only for files compiled with AMX.
#include <immintrin.h>

#include <cstdint>

#include "amx/tile_shape.h"
#if defined(ELASTIC_ATTENTION_EMULATE_AMX)
#include "amx/emulation.h"
#endif

namespace elastic {
namespace {

struct alignas(64) TileConfig {
  uint8_t palette = 1;
  uint8_t start_row = 0;
  uint8_t reserved[14] = {};
  uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};

/** Tiles 0 to 3 are sums, 4 and 5 rows of inputs, 6 and 7 weights. */
static inline TileConfig config_of(TileShape shape) {
  TileConfig config;
  if (shape == TileShape::Whole) return config;
  const uint8_t inputs = shape == TileShape::Block ? 32 : 16;
  for (int tile = 4; tile < 6; ++tile) config.row_bytes[tile] = inputs;
  for (int tile = 6; tile < 8; ++tile) config.rows[tile] = inputs / 4;
  return config;
}

/** Configures the tiles of this thread, unless they are so already. */
static inline void configure_tiles(TileShape shape) {
  TileShape& configured = configured_tiles();
  if (configured == shape) return;
  const TileConfig config = config_of(shape);
#if defined(ELASTIC_ATTENTION_EMULATE_AMX)
  emulated_tiles.configure(config.rows, config.row_bytes);
#else
  // The intrinsic of GCC 12 declares too small an operand; the stores above would be dropped.
  asm volatile("ldtilecfg %0" ::"m"(config));
#endif
  configured = shape;
}

/** Stores to memory that tiles are loaded from must not sink below this: tile loads do not tell what they read. */
static inline void packed_for_tiles() { asm volatile("" ::: "memory"); }

}  // namespace
}  // namespace elastic
