// Both sides of a training step's attention: in one pass where one side is full attention and the Hopper kernel takes the
// sequence, as two hybrid calls otherwise.
#include <algorithm>
#include <stdexcept>

#include "addon/operations.h"
#include "attention/tables/attention_entries.h"
#include "attention/forward/forward_call.h"
#include "attention/tables/tile_requirements.h"
#include "core/device/device.h"
#include "core/memory/staging.h"
#include "training/training_attention.h"

namespace elastic {
namespace {

bool one_pass_serves(const DualAttention& dual, size_t index) {
  const AttentionSequence& full = dual.full.sequences[index];
  const auto reads_all = [](const HeadPattern& pattern) { return pattern.type == HeadPattern::Type::Full; };
  return full.length >= kTileRows && std::all_of(full.patterns.begin(), full.patterns.end(), reads_all) &&
         tiles_serve_sequence(dual.sparse, dual.sparse.sequences[index]);
}

/**
 * `output` gets full attention, `sparse_output` that of the sequences' patterns: of sequences from `first` on, of as many as
 * one launch takes; the first that it does not take.
 */
size_t run_one_pass(const DualAttention& dual, const std::vector<const AttentionSequence*>& sequences, size_t first) {
  const AttentionCall &full = dual.full, &sparse = dual.sparse;
  ForwardCall forward{full.query.data,
                      full.query.row_stride,
                      full.query.rows,
                      full.output.data,
                      full.output.row_stride,
                      reinterpret_cast<float*>(full.log_sum_exp.data),
                      sparse.output.data,
                      reinterpret_cast<float*>(sparse.log_sum_exp.data),
                      static_cast<int>(full.num_query_heads),
                      static_cast<int>(sequences[first]->patterns.size()),
                      static_cast<int>(full.head_dim),
                      full.query.dtype == DType::BF16 ? HalfType::BFloat16 : HalfType::Float16,
                      score_terms(full),
                      {},
                      {},
                      {},
                      {}};
  size_t next = first;
  for (; next < sequences.size() && forward.add(sequence_entry(*sequences[next])); ++next) {
    append_head_entries(*sequences[next], forward.heads);
  }
  if (next == first) throw std::range_error("attention has too many heads for one launch");
  const Device& device = Device::instance();
  const Scratch workspace(forward_workspace_bytes(forward));
  std::vector<char> tables(forward_table_bytes(forward));
  write_forward_tables(forward, tables.data());
  upload_small(workspace.data(), tables.data(), tables.size(), device.stream);
  run_forward(forward, workspace.data(), device.capability, device.multiprocessors, device.stream);
  return next;
}

}  // namespace

void backend::dual_attention(const DualAttention& dual) {
  // Outputs of one pass have one row stride. One pass knows no soft caps and no sinks.
  const bool tiles = !score_terms(dual.full).any() && tiles_serve_call(dual.full) && tiles_serve_call(dual.sparse) &&
                     dual.full.output.row_stride == dual.sparse.output.row_stride;
  DualAttention rest = dual;
  rest.full.sequences.clear();
  rest.sparse.sequences.clear();
  std::vector<const AttentionSequence*> together;
  for (size_t i = 0; i < dual.sparse.sequences.size(); ++i) {
    if (tiles && one_pass_serves(dual, i)) {
      together.push_back(&dual.sparse.sequences[i]);
    } else {
      rest.full.sequences.push_back(dual.full.sequences[i]);
      rest.sparse.sequences.push_back(dual.sparse.sequences[i]);
    }
  }
  for (size_t next = 0; next < together.size();) next = run_one_pass(dual, together, next);
  backend::hybrid_attention(rest.full);
  backend::hybrid_attention(rest.sparse);
}

}  // namespace elastic
