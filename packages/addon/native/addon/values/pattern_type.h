#pragma once
#include <cstdint>

namespace elastic {

/** How a head chooses the keys it reads, by the codes that `patternNumbers` gives in TypeScript. */
enum class PatternType : int32_t { Full = 0, Streaming = 1, Selected = 2, Sliding = 3, Pages = 4, Threshold = 5 };
/** Whether an attention call may have it. Pages are chosen by the kernels of a captured decode step alone; a call gets them as a mask. */
constexpr bool is_call_pattern(int64_t code) { return code >= 0 && code <= 5 && code != static_cast<int64_t>(PatternType::Pages); }

}  // namespace elastic
