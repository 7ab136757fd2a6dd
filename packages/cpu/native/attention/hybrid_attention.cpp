#include "addon/operations.h"
#include "attention/decode.h"
#include "attention/prefill.h"

namespace elastic::backend {

void hybrid_attention(const AttentionCall& attention) {
  std::vector<const AttentionSequence*> few;
  for (const AttentionSequence& sequence : attention.sequences) {
    if (sequence.length == 0) continue;
    if (decode_serves(attention, sequence)) {
      few.push_back(&sequence);
    } else {
      prefill_attention({{&attention, &sequence}});
    }
  }
  if (!few.empty()) decode_attention(attention, few);
}

}  // namespace elastic::backend
