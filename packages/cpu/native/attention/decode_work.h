// The work of a decode step: keys are read in pieces, each for the query heads that share them.
#pragma once
#include <cstdint>
#include <vector>

#include "addon/attention_call.h"
#include "attention/visited_ranges.h"

namespace elastic {

/** Keys of one piece. */
constexpr int64_t kPieceKeys = 256;
/** Keys of a tile that a head with a threshold may skip; they lie in consecutive rows. */
constexpr int64_t kSkipKeys = 128;
constexpr int64_t kPieceTiles = kPieceKeys / kSkipKeys;

/** Query heads that read the same keys of one row: a whole group, or one head whose blocks differ from its neighbours'. */
struct DecodeUnit {
  const AttentionSequence* sequence;
  int64_t row;
  int64_t head;
  int64_t first_query_head;
  int64_t num_query_heads;
  std::size_t first_piece;
  std::size_t last_piece;
};

struct DecodePiece {
  std::size_t unit;
  std::vector<Range> ranges;
  /** Start of this piece's results: for each head `head_dim` sums, the maximum, the sum of weights. */
  std::size_t results;
  /** Of a head with a threshold: start of its scores [heads][kPieceKeys], which are all there before any is exponentiated. */
  std::size_t scores = kNoScores;
  static constexpr std::size_t kNoScores = SIZE_MAX;

  /** Start of its tiles [heads][kPieceTiles]. */
  std::size_t tiles() const { return scores / static_cast<std::size_t>(kSkipKeys); }
};

struct DecodeWork {
  std::vector<DecodeUnit> units;
  /** Unit after unit. */
  std::vector<DecodePiece> pieces;
  /** Pieces of the same keys after each other: several tokens of a sequence find them in the caches. */
  std::vector<std::size_t> order;
  std::size_t results = 0;
  /** Of pieces with a threshold: scores, as the kernels of floats want them aligned. */
  std::size_t num_scores = 0;
  float* scores = nullptr;
  /** The largest score of each tile, in units of log2. */
  std::vector<float> tops;
  std::vector<char> skipped;
};

/** Shares the keys of each token's heads out: pieces of a fixed number of keys, whatever else is in the call. */
DecodeWork decode_work(const AttentionCall& call, const std::vector<const AttentionSequence*>& sequences);

}  // namespace elastic
