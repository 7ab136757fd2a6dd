#pragma once
#include <cstdint>

namespace elastic {

/** How `rotary` turns heads; the tables' width says how many elements of each. */
struct Rotation {
  int64_t head_dim;
  /** Rotates backwards. */
  bool inverse;
  /** Elements 2i and 2i + 1 turn together; else i and i + half of what is turned. */
  bool neighbours;
};

}  // namespace elastic
