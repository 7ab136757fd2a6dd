// Descriptions of tensors for Hopper's copy engine.
#pragma once
#include <cuda.h>

#include <cstdint>

#include "attention/tiles/tile_shape.h"

namespace elastic {

/** Rows of one head: [rows, head_dim], read in boxes of 128 rows. */
CUtensorMap head_rows_map(const void* data, HalfType type, int64_t rows, int head_dim);

/**
 * Heads side by side in a row: [rows, heads, head_dim], rows `row_stride` elements apart, read one head at a time in boxes
 * of `box_rows` rows.
 */
CUtensorMap interleaved_heads_map(const void* data, HalfType type, int64_t rows, int heads, int head_dim,
                                  int64_t row_stride, int box_rows = kTile);

/**
 * Rows of one head in groups of `stride`: [groups, stride, head_dim], read in boxes of one row of each of `box_groups`
 * groups. Groups there are none of arrive as zeros.
 */
CUtensorMap grouped_rows_map(const void* data, HalfType type, int64_t groups, int64_t stride, int head_dim, int box_groups);

/** The same of heads side by side: [groups, stride, heads, head_dim], rows `row_stride` elements apart. */
CUtensorMap grouped_heads_map(const void* data, HalfType type, int64_t groups, int64_t stride, int64_t heads, int head_dim,
                              int64_t row_stride, int box_groups);

}  // namespace elastic
