#pragma once
#include <cstdint>

namespace elastic {

/** How a head chooses the blocks it reads, by the codes that `patternNumbers` gives in TypeScript. */
enum class PatternType : int32_t { Full = 0, Streaming = 1, Selected = 2 };
constexpr int64_t kPatternTypes = 3;

}  // namespace elastic
