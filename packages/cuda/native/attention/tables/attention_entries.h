// The tables of an attention call, out of its checked arguments.
#pragma once
#include <vector>

#include "addon/attention_call.h"
#include "attention/softmax/score_terms.h"
#include "attention/tables/attention_tables.h"

namespace elastic {

/** @throws std::range_error beyond 32 bits */
SequenceEntry sequence_entry(const AttentionSequence& sequence);
/** Appends one entry for each key-value head. */
void append_head_entries(const AttentionSequence& sequence, std::vector<HeadEntry>& heads);
/** For a sequence with a decision, whose heads begin at `first_head` of the table. */
DecisionEntry decision_entry(const AttentionSequence& sequence, size_t first_head);
/** How the call turns products into logits. */
ScoreTerms score_terms(const AttentionCall& call);
/** Whether rows can be read 16 bytes at a time. */
bool aligned_rows(const Matrix& matrix);

}  // namespace elastic
