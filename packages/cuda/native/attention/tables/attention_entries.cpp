#include "attention/tables/attention_entries.h"

#include <stdexcept>

namespace elastic {
namespace {

int32_t narrow(int64_t value) {
  if (value > INT32_MAX) throw std::range_error("a sequence or a cache has more than 2^31 rows");
  return static_cast<int32_t>(value);
}

PatternEntry pattern_entry(const HeadPattern& pattern) {
  return {pattern.type, narrow(pattern.sink_blocks), narrow(pattern.local_blocks), narrow(pattern.block_size)};
}

}  // namespace

SequenceEntry sequence_entry(const AttentionSequence& sequence) {
  return {sequence.keys.data,
          sequence.values.data,
          reinterpret_cast<const uint8_t*>(sequence.mask.data),
          narrow(sequence.start),
          narrow(sequence.length),
          narrow(sequence.cache_length),
          narrow(sequence.mask_query_blocks),
          narrow(sequence.mask.columns),
          narrow(sequence.keys.rows),
          sequence.pages.shift,
          0,
          sequence.pages.entries,
          reinterpret_cast<int32_t*>(sequence.tile_counts.data)};
}

void append_head_entries(const AttentionSequence& sequence, std::vector<HeadEntry>& heads) {
  for (size_t head = 0; head < sequence.patterns.size(); ++head) {
    const HeadStore& store = sequence.stores[head];
    heads.push_back({pattern_entry(sequence.patterns[head]), narrow(store.first_slot), narrow(store.num_slots),
                     narrow(store.sink_tokens), narrow(store.ring_tokens)});
  }
}

DecisionEntry decision_entry(const AttentionSequence& sequence, size_t first_head) {
  DecisionEntry entry{reinterpret_cast<const uint8_t*>(sequence.decision.data), narrow(static_cast<int64_t>(first_head)),
                      static_cast<int32_t>(sequence.choices.size()), {}};
  static_assert(DecisionEntry::kMostChoices == AttentionSequence::kMostChoices);
  for (size_t i = 0; i < sequence.choices.size(); ++i) entry.choices[i] = pattern_entry(sequence.choices[i]);
  return entry;
}

ScoreTerms score_terms(const AttentionCall& call) {
  return score_terms(call.scale, call.soft_cap, reinterpret_cast<const float*>(call.sink_logits.data));
}

bool aligned_rows(const Matrix& matrix) {
  return reinterpret_cast<uintptr_t>(matrix.data) % 16 == 0 && matrix.row_stride * byte_size(matrix.dtype) % 16 == 0;
}

}  // namespace elastic
