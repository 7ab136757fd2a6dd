// What a model does to attention scores beyond their scale.
#pragma once

namespace elastic {

/** Mirrors `AttentionScores`, as kernels take it. */
struct ScoreTerms {
  /** Brings scores to units of log2: products q · k, or under a soft cap the capped scores. */
  float scale_log2 = 0;
  /** A soft cap turns q · k into cap · tanh(q · k · cap_input); 0 for none. */
  float cap_input = 0;
  float cap = 0;
  /** F32 [numQueryHeads]: a logit of each head's softmax that has no value; or null. */
  const float* sink_logits = nullptr;

  /** Whether there is anything but a scale. */
  bool any() const { return cap_input != 0 || sink_logits != nullptr; }
};

/** `soft_cap` is 0 for none, `sink_logits` null. */
inline ScoreTerms score_terms(float scale, float soft_cap, const float* sink_logits) {
  constexpr float log2_e = 1.44269504088896341f;
  if (soft_cap > 0) return {log2_e, scale / soft_cap, soft_cap, sink_logits};
  return {scale * log2_e, 0, 0, sink_logits};
}

}  // namespace elastic
