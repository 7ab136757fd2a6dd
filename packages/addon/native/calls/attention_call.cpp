#include "addon/attention_call.h"

#include <algorithm>
#include <cmath>

#include "addon/backend.h"
#include "addon/call.h"

namespace elastic {

PageTable read_page_table(Call& call) {
  const Matrix entries = call.optional_tensor("page table");
  const int64_t tokens = call.integer("tokens of a page");
  PageTable pages;
  if (entries.data == nullptr) return pages;
  call.require_dtype(entries, DType::I32, "page table");
  const bool sensible = entries.columns == 1 && entries.row_stride == 1 && tokens >= 128 && tokens <= (int64_t{1} << 30);
  call.require(sensible && (tokens & (tokens - 1)) == 0, "a page table has impossible pages");
  pages.entries = reinterpret_cast<const int32_t*>(entries.data);
  pages.num_entries = entries.rows;
  while ((int64_t{1} << pages.shift) < tokens) ++pages.shift;
  return pages;
}

HeadStore read_head_store(Call& call, int64_t rows, const PageTable& pages) {
  HeadStore store;
  const int64_t slots = pages.entries == nullptr ? rows : pages.num_entries << pages.shift;
  store.pages = pages;
  store.first_slot = call.integer("first slot");
  store.num_slots = call.integer("slots");
  store.sink_tokens = call.integer("sink tokens");
  store.ring_tokens = call.integer("ring tokens");
  const bool inside = store.first_slot >= 0 && store.num_slots >= 0 && store.first_slot <= slots &&
                      store.num_slots <= slots - store.first_slot;
  call.require(inside && store.sink_tokens >= 0 && store.ring_tokens >= 0, "a head's store leaves the cache");
  const bool ring = store.ring_tokens > 0;
  call.require(!ring || store.sink_tokens <= store.num_slots - store.ring_tokens, "a ring leaves its store");
  const int64_t odd = (int64_t{1} << pages.shift) - 1;
  const bool whole = ((store.first_slot | store.num_slots | store.sink_tokens | store.ring_tokens) & odd) == 0;
  call.require(pages.entries == nullptr || whole, "a paged store is no whole pages");
  return store;
}

namespace {

HeadPattern read_pattern(Call& call, const AttentionSequence& sequence, int64_t num_query_heads) {
  HeadPattern pattern;
  const int64_t type = call.integer("pattern");
  call.require(is_call_pattern(type), "a head has an unknown pattern");
  pattern.type = static_cast<HeadPattern::Type>(type);
  pattern.sink_blocks = call.integer("sink blocks");
  pattern.local_blocks = call.integer("local blocks");
  pattern.block_size = call.integer("block size");
  constexpr int64_t kLargest = int64_t{1} << 31;
  const bool sensible = pattern.block_size > 0 && pattern.block_size < kLargest && pattern.sink_blocks >= 0 &&
                        pattern.sink_blocks < kLargest && pattern.local_blocks >= 0 && pattern.local_blocks < kLargest;
  call.require(sensible, "a pattern has impossible sizes");
  const float factor = pattern.skip_factor();
  call.require(pattern.type != HeadPattern::Type::Threshold || (std::isfinite(factor) && factor > 0 && pattern.block_size == 1),
               "a threshold has an impossible factor");
  const bool slides = pattern.type == HeadPattern::Type::Sliding;
  call.require(!slides || (pattern.block_size == 1 && pattern.sink_blocks == 0 && pattern.local_blocks > 0),
               "a sliding window has impossible sizes");
  if (pattern.type == HeadPattern::Type::Selected) {
    call.require(sequence.mask.data != nullptr, "a \"selected\" pattern needs a mask");
    const int64_t key_blocks = (sequence.cache_length + pattern.block_size - 1) / pattern.block_size;
    const int64_t first_block = (sequence.cache_length - sequence.length) / pattern.block_size;
    call.require(sequence.mask.columns == key_blocks, "the mask has another number of key blocks than the cache");
    call.require(sequence.mask_query_blocks >= key_blocks - first_block, "the mask has too few query blocks");
    call.require(sequence.mask.rows == num_query_heads * sequence.mask_query_blocks, "the mask has other heads");
  }
  return pattern;
}

/** Leaves the sequence's row of the decision of several. */
void take_decision_row(Call& call, AttentionSequence& sequence, int64_t row, int64_t choices, int64_t heads) {
  Matrix& decision = sequence.decision;
  call.require_dtype(decision, DType::U8, "decision");
  const bool fits = decision.columns == heads && row >= 0 && row < decision.rows;
  call.require(fits && choices > 0 && choices <= AttentionSequence::kMostChoices, "a decision does not fit the heads");
  decision.data = decision.row(row);
  decision.rows = 1;
}

/** What the pattern will read must still be in the store. */
void require_retained(const Call& call, const AttentionSequence& sequence, int64_t head) {
  const HeadStore& store = sequence.stores[static_cast<std::size_t>(head)];
  if (store.ring_tokens == 0) {
    call.require(sequence.cache_length <= store.num_slots, "a store holds fewer tokens than the cache has seen");
    return;
  }
  const HeadPattern& pattern = sequence.patterns[static_cast<std::size_t>(head)];
  const int64_t lost_from = store.sink_tokens, lost_to = sequence.cache_length - store.ring_tokens;
  if (lost_from >= lost_to || sequence.length == 0) return;
  bool kept = false;
  if (pattern.type == HeadPattern::Type::Streaming || pattern.type == HeadPattern::Type::Sliding) {
    const int64_t block = sequence.position(0) / pattern.block_size;
    const int64_t local_start = (block - pattern.local_blocks + 1) * pattern.block_size;
    kept = pattern.sink_blocks * pattern.block_size <= lost_from && local_start >= lost_to;
  }
  call.require(kept, "a position that the pattern reads is no longer in its ring");
}

}  // namespace

AttentionSequence AttentionSequence::decided() const {
  AttentionSequence known = *this;
  std::vector<char> choice(patterns.size());
  read_memory(choice.data(), decision.data, choice.size());
  for (std::size_t head = 0; head < choice.size(); ++head) {
    known.patterns[head] = choices[std::min<std::size_t>(static_cast<unsigned char>(choice[head]), choices.size() - 1)];
  }
  known.decision = {};
  known.choices.clear();
  return known;
}

AttentionCall AttentionCall::read(Call& call, bool decisions) {
  AttentionCall result;
  result.query = call.tensor("query");
  result.output = call.tensor("output");
  result.log_sum_exp = call.optional_tensor("logSumExp");
  result.num_query_heads = call.integer("query heads");
  result.head_dim = call.integer("head dimension");
  result.scale = static_cast<float>(call.number("scale"));
  result.soft_cap = static_cast<float>(call.number("soft cap"));
  result.sink_logits = call.optional_tensor("sinkLogits");
  const int64_t num_sequences = call.integer("sequences");
  call.require_float(result.query, "query");
  call.require_float(result.output, "output");
  const int64_t width = result.num_query_heads * result.head_dim;
  call.require(result.num_query_heads > 0 && result.head_dim > 0 && result.query.columns == width &&
                   result.output.columns == width && result.output.rows == result.query.rows,
               "query and output do not fit the heads");
  if (result.log_sum_exp.data != nullptr) {
    call.require_dtype(result.log_sum_exp, DType::F32, "logSumExp");
    call.require(result.log_sum_exp.rows == result.query.rows && result.log_sum_exp.columns == result.num_query_heads,
                 "logSumExp does not fit the heads");
  }
  call.require(std::isfinite(result.scale) && std::isfinite(result.soft_cap) && result.soft_cap >= 0, "impossible scores");
  if (result.sink_logits.data != nullptr) {
    call.require_dtype(result.sink_logits, DType::F32, "sinkLogits");
    call.require(result.sink_logits.rows == 1 && result.sink_logits.columns == result.num_query_heads,
                 "sinkLogits do not fit the heads");
  }
  for (int64_t index = 0; index < num_sequences; ++index) {
    AttentionSequence sequence;
    sequence.start = call.integer("start");
    sequence.length = call.integer("length");
    sequence.cache_length = call.integer("cache length");
    sequence.keys = call.tensor("keys");
    sequence.values = call.tensor("values");
    sequence.pages = read_page_table(call);
    sequence.tile_counts = call.optional_tensor("tile counts");
    if (sequence.tile_counts.data != nullptr) {
      const Matrix& counts = sequence.tile_counts;
      call.require_dtype(counts, DType::I32, "tile counts");
      call.require(counts.rows == 2 && counts.columns == result.num_query_heads && counts.row_stride == counts.columns,
                   "tile counts do not fit the heads");
    }
    sequence.mask = call.optional_tensor("mask");
    sequence.mask_query_blocks = call.integer("mask query blocks");
    sequence.decision = call.optional_tensor("decision");
    const int64_t decision_row = call.integer("row of the decision"), choices = call.integer("choices");
    const int64_t heads = call.integer("key-value heads");
    call.require_cache_rows(sequence.keys, "keys");
    call.require_dtype(sequence.values, sequence.keys.dtype, "values");
    call.require(sequence.start >= 0 && sequence.length >= 0 && sequence.start <= result.query.rows &&
                     sequence.length <= result.query.rows - sequence.start,
                 "a sequence leaves the query");
    call.require(sequence.length <= sequence.cache_length, "more queries than keys in the cache");
    call.require(sequence.keys.columns == result.head_dim && sequence.values.columns == result.head_dim &&
                     sequence.keys.rows == sequence.values.rows,
                 "the cache has another head dimension");
    call.require(heads > 0 && result.num_query_heads % heads == 0, "query heads are no multiple of key-value heads");
    const bool decided = sequence.decision.data != nullptr;
    call.require(decisions || !decided, "patterns must be known here");
    if (decided) take_decision_row(call, sequence, decision_row, choices, heads);
    for (int64_t choice = 0; decided && choice < choices; ++choice) {
      sequence.choices.push_back(read_pattern(call, sequence, result.num_query_heads));
    }
    for (int64_t head = 0; head < heads; ++head) {
      // `decisions` is what tells attention from training, which has no gradient of tiles that were left out.
      sequence.patterns.push_back(decided ? sequence.choices.front() : read_pattern(call, sequence, result.num_query_heads));
      sequence.stores.push_back(read_head_store(call, sequence.keys.rows, sequence.pages));
      require_retained(call, sequence, head);
      call.require(decisions || sequence.patterns.back().type != HeadPattern::Type::Threshold, "a threshold on tiles has no gradient");
      call.require(!decided || sequence.stores.back().ring_tokens == 0, "a head that is yet to be decided has a ring");
    }
    result.sequences.push_back(std::move(sequence));
  }
  return result;
}

}  // namespace elastic
