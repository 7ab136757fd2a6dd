// Which sequences decode together, in tables at fixed places: calls that were recorded once read from here what changes.
#pragma once
#include "addon/attention_call.h"

namespace elastic {

/** The tables of a `DecodeBatch`, and the pages that they speak of. */
struct DecodeTables {
  /** [slots]: tokens of each sequence, the one of this step included; 0 for an empty slot. */
  const int32_t* lengths;
  int64_t slots;
  /** [slots][layers][heads][entry_numbers]: the four numbers of a pattern first, those of a store last; see `headEntry` of TypeScript. */
  const int32_t* entries;
  int64_t entry_numbers;
  /** [rows, headDim]; how many rows there are changes between calls. */
  Matrix keys;
  Matrix values;
  PageTable pages;
  int64_t num_layers;
  int64_t num_heads;

  static DecodeTables read(Call& call);
  /** @throws std::range_error for a head that chooses what it reads by its queries */
  HeadPattern pattern(int64_t slot, int64_t layer, int64_t head) const;
  HeadStore store(int64_t slot, int64_t layer, int64_t head) const;

 private:
  const int32_t* entry(int64_t slot, int64_t layer, int64_t head) const { return entries + ((slot * num_layers + layer) * num_heads + head) * entry_numbers; }
};

}  // namespace elastic
