// The shape of the tiles that attention kernels work on, and the 16-bit types they are made for.
#pragma once

namespace elastic {

/** Query rows, and keys, of a tile. */
constexpr int kTile = 128;

enum class HalfType : int { BFloat16 = 0, Float16 = 1 };

/** Columns of a tensor-map box: a row of shared memory under its swizzle. */
constexpr int box_columns(int head_dim) { return head_dim % 64 == 0 ? 64 : 32; }

}  // namespace elastic
