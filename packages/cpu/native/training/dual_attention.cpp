// Both sides of an attention layer: keys and values are packed once, and query tiles that read the same keys on both sides
// (all of a short sequence, the first window of a long one) are computed once.
#include <algorithm>
#include <cstring>

#include "attention/decode.h"
#include "attention/prefill/prefill.h"
#include "training/training_attention.h"

namespace elastic {

void backend::dual_attention(const DualAttention& dual) {
  std::vector<const AttentionSequence*> full, sparse;
  for (std::size_t i = 0; i < dual.full.sequences.size(); ++i) {
    if (dual.full.sequences[i].length == 0) continue;
    if (decode_serves(dual.full, dual.full.sequences[i])) {
      full.push_back(&dual.full.sequences[i]);
      sparse.push_back(&dual.sparse.sequences[i]);
    } else {
      prefill_attention({{&dual.full, &dual.full.sequences[i]}, {&dual.sparse, &dual.sparse.sequences[i]}});
    }
  }
  if (!full.empty()) decode_attention(dual.full, full);
  if (!sparse.empty()) decode_attention(dual.sparse, sparse);
}

}  // namespace elastic
