#include "amx/tile_shape.h"

namespace elastic {

TileShape& configured_tiles() {
  static thread_local TileShape shape = TileShape::None;
  return shape;
}

}  // namespace elastic
