#include <algorithm>
#include <list>

#include "addon/operations.h"
#include "attention/decode.h"
#include "attention/prefill/prefill.h"
#include "core/thread_pool.h"

namespace elastic::backend {
namespace {

/** Query rows up to which a sequence is one task among others: of more the threads share each head's tiles. */
constexpr int64_t kShortRows = 1024;

/** Sequences for each thread from which on none waits long for the last. */
constexpr int kSequencesPerThread = 4;

/** Many short sequences, one a task, the longest first: sharing out the few tiles of each of their heads costs more than it gives. */
void attend_short(const AttentionCall& attention, std::vector<const AttentionSequence*>& sequences) {
  const int64_t count = static_cast<int64_t>(sequences.size());
  const auto attend = [&](int64_t index) { prefill_attention({{&attention, sequences[static_cast<std::size_t>(index)]}}); };
  if (count < kSequencesPerThread * current_execution().threads) {
    for (int64_t index = 0; index < count; ++index) attend(index);
    return;
  }
  const auto cost = [](const AttentionSequence* sequence) { return sequence->length * sequence->cache_length; };
  std::stable_sort(sequences.begin(), sequences.end(),
                   [&](const AttentionSequence* a, const AttentionSequence* b) { return cost(a) > cost(b); });
  parallel_for(count, attend);
}

}  // namespace

void hybrid_attention(const AttentionCall& attention) {
  std::vector<const AttentionSequence*> few, short_ones;
  std::list<AttentionSequence> known;
  for (const AttentionSequence& given : attention.sequences) {
    if (given.length == 0) continue;
    const AttentionSequence& sequence = given.decision.data == nullptr ? given : known.emplace_back(given.decided());
    if (decode_serves(attention, sequence)) {
      few.push_back(&sequence);
    } else if (sequence.length <= kShortRows) {
      short_ones.push_back(&sequence);
    } else {
      prefill_attention({{&attention, &sequence}});
    }
  }
  attend_short(attention, short_ones);
  if (!few.empty()) decode_attention(attention, few);
}

}  // namespace elastic::backend
