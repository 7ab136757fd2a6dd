#include <list>

#include "addon/operations.h"
#include "attention/decode.h"
#include "attention/prefill/prefill.h"

namespace elastic::backend {

void hybrid_attention(const AttentionCall& attention) {
  std::vector<const AttentionSequence*> few;
  std::list<AttentionSequence> known;
  for (const AttentionSequence& given : attention.sequences) {
    if (given.length == 0) continue;
    const AttentionSequence& sequence = given.decision.data == nullptr ? given : known.emplace_back(given.decided());
    if (decode_serves(attention, sequence)) {
      few.push_back(&sequence);
    } else {
      prefill_attention({{&attention, &sequence}});
    }
  }
  if (!few.empty()) decode_attention(attention, few);
}

}  // namespace elastic::backend
