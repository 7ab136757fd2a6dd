// Values that are the same in all lanes of a warp.
#pragma once

namespace elastic::ptx {

/** Tells the compiler that all lanes hold the same value, so that a branch on it does not split the warp. */
__device__ inline int uniform(int value) { return __shfl_sync(0xffffffffu, value, 0); }

}  // namespace elastic::ptx
