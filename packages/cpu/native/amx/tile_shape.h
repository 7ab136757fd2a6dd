// What the tile registers of a thread are configured for.
#pragma once

namespace elastic {

enum class TileShape : unsigned char {
  None,
  /** All of 16 rows of 64 bytes: products of bf16. */
  Whole,
  /** Products of int8 over a block of 32 inputs, and over half of one. */
  Block,
  HalfBlock,
};

/** The shape that this thread's tiles have: files that use them differently share it. */
TileShape& configured_tiles();

}  // namespace elastic
