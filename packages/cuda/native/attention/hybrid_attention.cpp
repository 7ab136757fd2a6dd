// The hybrid attention call: long sequences go to a kernel of tiles, single rows to the decode kernel, everything else
// to the row kernel.
#include <algorithm>
#include <climits>
#include <list>
#include <stdexcept>

#include "addon/operations.h"
#include "attention/tables/attention_entries.h"
#include "attention/forward/forward_call.h"
#include "attention/forward/forward_mma.h"
#include "attention/rows/row_attention.h"
#include "attention/tables/tile_requirements.h"
#include "core/device/check.h"
#include "core/device/device.h"
#include "core/memory/staging.h"
#include "decode/step/decode_call.h"

namespace elastic {
namespace {

/** Whether a kernel of tiles takes this sequence. */
bool tiles_serve(const AttentionCall& call, const AttentionSequence& sequence) {
  const bool half = call.query.dtype == DType::BF16 || call.query.dtype == DType::F16;
  const auto head_dim = static_cast<int>(call.head_dim);
  const bool hopper = Device::instance().capability == 90;
  if (!half || !(hopper ? forward_sm90_has(head_dim) : forward_mma_has(head_dim) && !score_terms(call).any())) return false;
  return call.output.dtype == call.query.dtype && aligned_rows(call.query) && aligned_rows(call.output) &&
         sequence.length >= kTileRows && tiles_serve_sequence(call, sequence, hopper);
}

/** Attention of sequences from `first` on, of as many as one launch takes; the first that it does not take. */
size_t run_tiles(const AttentionCall& call, const std::vector<const AttentionSequence*>& sequences, size_t first) {
  const Device& device = Device::instance();
  ForwardCall forward{call.query.data, call.query.row_stride, call.query.rows, call.output.data,
                      call.output.row_stride, reinterpret_cast<float*>(call.log_sum_exp.data), nullptr, nullptr,
                      static_cast<int>(call.num_query_heads), static_cast<int>(sequences[first]->patterns.size()),
                      static_cast<int>(call.head_dim),
                      call.query.dtype == DType::BF16 ? HalfType::BFloat16 : HalfType::Float16, score_terms(call), {}, {}, {}, {}};
  size_t next = first;
  for (; next < sequences.size() && forward.add(sequence_entry(*sequences[next])); ++next) {
    forward.row_patterns = forward.row_patterns || has_row_patterns(*sequences[next]);
    if (sequences[next]->decision.data != nullptr) forward.decisions.push_back(decision_entry(*sequences[next], forward.heads.size()));
    append_head_entries(*sequences[next], forward.heads);
  }
  if (next == first) throw std::range_error("attention has too many heads for one launch");
  const Scratch workspace(forward_workspace_bytes(forward));
  std::vector<char> tables(forward_table_bytes(forward));
  write_forward_tables(forward, tables.data());
  upload_small(workspace.data(), tables.data(), tables.size(), Device::instance().stream);
  run_forward(forward, workspace.data(), device.capability, device.multiprocessors, device.stream);
  return next;
}

/** Keys that a head's rows read at most. */
int64_t keys_read(const HeadPattern& pattern, int64_t length) {
  if (pattern.type != HeadPattern::Type::Streaming && pattern.type != HeadPattern::Type::Sliding) return length;
  return std::min(length, (pattern.sink_blocks + pattern.local_blocks) * pattern.block_size);
}

/** Parts of the longest head, so that all parts of all heads are about equal and fill the device a few times over. */
int splits_for(const RowAttention& call, const std::vector<const AttentionSequence*>& sequences, int multiprocessors) {
  const int group = call.num_query_heads / call.num_key_value_heads, rows = rows_per_block(group);
  int64_t all = 0, longest = 0;
  for (const AttentionSequence* sequence : sequences) {
    const int64_t tiles = (sequence->length + rows - 1) / rows * ((group + 15) / 16);
    for (const HeadPattern& pattern : sequence->patterns) {
      const int64_t keys = keys_read(pattern, sequence->cache_length);
      all += keys * tiles;
      longest = std::max(longest, keys);
    }
  }
  constexpr int64_t parts = 6, least_keys = 256, most_splits = 512;
  const int64_t part = std::max(least_keys, all / (parts * multiprocessors));
  return static_cast<int>(std::clamp<int64_t>((longest + part - 1) / part, 1, most_splits));
}

void run_rows(const AttentionCall& call, const std::vector<const AttentionSequence*>& sequences) {
  const Device& device = Device::instance();
  std::vector<SequenceEntry> entries;
  std::vector<HeadEntry> heads;
  int64_t most_rows = 0;
  for (const AttentionSequence* sequence : sequences) {
    entries.push_back(sequence_entry(*sequence));
    append_head_entries(*sequence, heads);
    most_rows = std::max(most_rows, sequence->length);
  }
  const size_t sequence_bytes = entries.size() * sizeof(SequenceEntry), head_bytes = heads.size() * sizeof(HeadEntry);
  RowAttention rows{};
  rows.query = call.query.data;
  rows.query_stride = call.query.row_stride;
  rows.output = call.output.data;
  rows.output_stride = call.output.row_stride;
  rows.log_sum_exp = reinterpret_cast<float*>(call.log_sum_exp.data);
  rows.num_sequences = static_cast<int>(entries.size());
  rows.num_query_heads = static_cast<int>(call.num_query_heads);
  rows.num_key_value_heads = static_cast<int>(sequences.front()->patterns.size());
  rows.head_dim = static_cast<int>(call.head_dim);
  rows.most_rows = static_cast<int>(most_rows);
  rows.query_dtype = call.query.dtype;
  rows.cache_dtype = sequences.front()->keys.dtype;
  rows.output_dtype = call.output.dtype;
  rows.scores = score_terms(call);
  rows.tokens = call.query.rows;
  rows.splits = row_attention_uses_tensor_cores(rows) ? splits_for(rows, sequences, device.multiprocessors) : 1;
  const size_t partial = rows.splits == 1 ? 0
                                          : static_cast<size_t>(rows.splits) * static_cast<size_t>(rows.tokens) *
                                                static_cast<size_t>(rows.num_query_heads) *
                                                static_cast<size_t>(rows.head_dim + 2) * sizeof(float);
  const Scratch workspace(sequence_bytes + head_bytes + partial);
  std::vector<char> tables(sequence_bytes + head_bytes);
  std::copy_n(reinterpret_cast<const char*>(entries.data()), sequence_bytes, tables.data());
  std::copy_n(reinterpret_cast<const char*>(heads.data()), head_bytes, tables.data() + sequence_bytes);
  upload_small(workspace.data(), tables.data(), tables.size(), Device::instance().stream);
  rows.sequences = reinterpret_cast<const SequenceEntry*>(workspace.data());
  rows.heads = reinterpret_cast<const HeadEntry*>(workspace.data() + sequence_bytes);
  rows.partial = reinterpret_cast<float*>(workspace.data() + sequence_bytes + head_bytes);
  launch_row_attention(rows, device.stream);
}

}  // namespace

void backend::hybrid_attention(const AttentionCall& call) {
  std::vector<const AttentionSequence*> tiles, steps, rows;
  std::list<AttentionSequence> known;
  for (const AttentionSequence& given : call.sequences) {
    if (given.length == 0) continue;
    const AttentionSequence* sequence = &given;
    bool by_tiles = tiles_serve(call, given);
    if (!by_tiles && given.decision.data != nullptr) {
      // Every choice must suit the tiles while it is open; once known, the kernel is the one of known patterns.
      sequence = &known.emplace_back(given.decided());
      by_tiles = tiles_serve(call, *sequence);
    }
    (by_tiles ? tiles : decode_serves(call, *sequence) ? steps : rows).push_back(sequence);
  }
  if (!steps.empty()) run_decode(call, steps);
  for (size_t next = 0; next < tiles.size();) next = run_tiles(call, tiles, next);
  // Sequences of one launch share types; batches of one model always do.
  while (!rows.empty()) {
    const DType dtype = rows.front()->keys.dtype;
    std::vector<const AttentionSequence*> same, others;
    for (const AttentionSequence* sequence : rows) (sequence->keys.dtype == dtype ? same : others).push_back(sequence);
    run_rows(call, same);
    rows = std::move(others);
  }
}

}  // namespace elastic
