#pragma once
#include <cstdint>

namespace elastic {

/** How a head chooses the keys it reads, by the codes that `patternNumbers` gives in TypeScript. */
enum class PatternType : int32_t { Full = 0, Streaming = 1, Selected = 2, Sliding = 3, Pages = 4 };
/** Of an attention call. Pages are chosen by the kernels of a captured decode step alone; a call gets them as a mask. */
constexpr int64_t kPatternTypes = 4;

}  // namespace elastic
