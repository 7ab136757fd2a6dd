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

/** Heads for each thread from which on none waits long for the last. */
constexpr int kHeadsPerThread = 4;

/** Short sequences, one head of one a task, the longest first: sharing out the few tiles of each head costs more than it gives. */
void attend_short(const AttentionCall& attention, std::vector<const AttentionSequence*>& sequences) {
  struct Task {
    std::vector<PrefillSide> side;
    int64_t head;
  };
  std::vector<Task> tasks;
  const auto cost = [](const AttentionSequence* sequence) { return sequence->length * sequence->cache_length; };
  std::stable_sort(sequences.begin(), sequences.end(),
                   [&](const AttentionSequence* a, const AttentionSequence* b) { return cost(a) > cost(b); });
  for (const AttentionSequence* sequence : sequences) {
    const auto heads = static_cast<int64_t>(sequence->patterns.size());
    for (int64_t head = 0; head < heads; ++head) tasks.push_back({{{&attention, sequence}}, head});
  }
  const auto attend = [&](int64_t index) {
    const Task& task = tasks[static_cast<std::size_t>(index)];
    prefill_head(task.side, task.head);
  };
  const auto count = static_cast<int64_t>(tasks.size());
  if (count >= kHeadsPerThread * current_execution().threads) {
    parallel_for(count, attend);
  } else {
    for (int64_t index = 0; index < count; ++index) attend(index);
  }
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
