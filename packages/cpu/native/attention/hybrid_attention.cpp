#include "attention/hybrid_attention.h"

#include "attention/attention_call.h"
#include "attention/decode.h"
#include "attention/prefill.h"

namespace elastic {

void hybrid_attention(Call& call) {
  const AttentionCall attention = AttentionCall::read(call);
  std::vector<const AttentionSequence*> few;
  for (const AttentionSequence& sequence : attention.sequences) {
    if (sequence.length == 0) continue;
    if (decode_serves(attention, sequence)) {
      few.push_back(&sequence);
    } else {
      prefill_attention(attention, sequence);
    }
  }
  if (!few.empty()) decode_attention(attention, few);
}

}  // namespace elastic
