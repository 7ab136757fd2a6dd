#pragma once
#include <cstdint>
#include <vector>

#include "blocks/block_layout.h"

namespace elastic {

/** Outputs of one format: panels behind each other, missing outputs of the last one with scale 0. */
struct BlockPart {
  BlockFormat format;
  int64_t outputs;
  int64_t inputs;
  /** Of the weight's outputs, the first that is in this part. */
  int64_t first_output;
  char* data;

  int64_t panels() const { return (outputs + kPanel - 1) / kPanel; }
  int64_t panel_bytes() const {
    const BlockLayout layout = layout_of(format);
    return inputs / kBlock / layout.blocks_of_group() * layout.group_bytes();
  }
  int64_t bytes() const { return panels() * panel_bytes(); }
  char* panel(int64_t index) const { return data + index * panel_bytes(); }
};

/** Format and outputs of a part, as the buffer of a weight begins with them. */
struct PartEntry {
  int64_t format;
  int64_t outputs;
};

/**
 * A weight [outputs, inputs] whose outputs lie in parts, each in its own format. Its buffer holds the number of parts, an entry
 * for each, zeros up to a whole cache line, then the parts.
 */
struct BlockWeight {
  int64_t outputs = 0;
  int64_t inputs = 0;
  std::vector<BlockPart> parts;

  /** The weight of these parts in a buffer, which may be null where only its size is asked for. Neighbours of one format join. */
  static BlockWeight of(const std::vector<PartEntry>& entries, int64_t inputs, char* buffer);
  /** The weight that a buffer holds. @throws std::range_error for a buffer that holds none of this shape */
  static BlockWeight in(char* buffer, int64_t bytes, int64_t outputs, int64_t inputs);

  /** Of the buffer. */
  int64_t bytes() const;
  void write_entries(char* buffer) const;
  /** Of all parts. */
  int64_t panels() const;
};

}  // namespace elastic
