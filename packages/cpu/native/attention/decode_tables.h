// Which sequences decode together, in tables at fixed places: calls that were recorded once read from here what changes.
#pragma once
#include "addon/attention_call.h"

namespace elastic {

/** A head of a sequence in the table; mirrors `headEntry` of TypeScript. */
struct HeadEntry {
  int32_t pattern;
  int32_t sink_blocks;
  int32_t local_blocks;
  int32_t block_size;
  int32_t first_slot;
  int32_t num_slots;
  int32_t sink_tokens;
  int32_t ring_tokens;
};

/** The tables of a `DecodeBatch`, and the pages that they speak of. */
struct DecodeTables {
  /** [slots]: tokens of each sequence, the one of this step included; 0 for an empty slot. */
  const int32_t* lengths;
  int64_t slots;
  /** [slots][layers][heads]. */
  const HeadEntry* entries;
  /** [rows, headDim]; how many rows there are changes between calls. */
  Matrix keys;
  Matrix values;
  PageTable pages;
  int64_t num_layers;
  int64_t num_heads;

  static DecodeTables read(Call& call);
  HeadPattern pattern(int64_t slot, int64_t layer, int64_t head) const;
  HeadStore store(int64_t slot, int64_t layer, int64_t head) const;

 private:
  const HeadEntry& entry(int64_t slot, int64_t layer, int64_t head) const { return entries[(slot * num_layers + layer) * num_heads + head]; }
};

}  // namespace elastic
