// Attention's backward: sequences go to the Hopper kernel where it takes them, to the plain kernels otherwise.
#include <algorithm>
#include <cstring>

#include "attention/tables/attention_entries.h"
#include "attention/backward/backward_call.h"
#include "attention/backward/plain_backward.h"
#include "attention/tables/tile_requirements.h"
#include "core/device/device.h"
#include "core/memory/staging.h"
#include "training/training_attention.h"

namespace elastic {
namespace {

/** A sequence with the gradients of its cache. */
struct Part {
  const AttentionSequence* sequence;
  const CacheGradients* gradients;
};

/** Whether two neighbouring elements can be written at once. */
bool aligned_pairs(const Matrix& matrix) {
  return reinterpret_cast<uintptr_t>(matrix.data) % static_cast<uintptr_t>(2 * byte_size(matrix.dtype)) == 0 &&
         matrix.row_stride % 2 == 0;
}

bool tiles_serve(const AttentionBackward& backward, const Part& part) {
  const AttentionCall& call = backward.forward;
  return call.soft_cap == 0 && tiles_serve_call(call) && backward.output_gradient.dtype == call.query.dtype &&
         aligned_rows(backward.output_gradient) && part.sequence->length > 0 &&
         tiles_serve_sequence(call, *part.sequence) && aligned_pairs(part.gradients->keys) &&
         aligned_pairs(part.gradients->values);
}

void run_tiles(const AttentionBackward& backward, const std::vector<Part>& parts) {
  const AttentionCall& forward = backward.forward;
  BackwardCall call{forward.query,
                    {forward.output, backward.output_gradient, backward.query_gradient, forward.log_sum_exp,
                     static_cast<int>(parts.size())},
                    static_cast<int>(forward.num_query_heads),
                    static_cast<int>(parts.front().sequence->patterns.size()),
                    static_cast<int>(forward.head_dim),
                    forward.query.dtype == DType::BF16 ? HalfType::BFloat16 : HalfType::Float16,
                    forward.scale,
                    backward.accumulate,
                    backward.deterministic,
                    {},
                    {},
                    {}};
  for (const Part& part : parts) {
    call.sequences.push_back(sequence_entry(*part.sequence));
    append_head_entries(*part.sequence, call.heads);
    call.gradients.push_back({part.gradients->keys, part.gradients->values});
  }
  const Device& device = Device::instance();
  const BackwardLayout layout(call);
  const Scratch workspace(layout.bytes);
  std::vector<char> tables(layout.table_bytes);
  write_backward_tables(call, layout, tables.data());
  upload_small(workspace.data(), tables.data(), tables.size(), device.stream);
  run_backward_sm90(call, layout, workspace.data(), device.multiprocessors, device.stream);
}

void run_plain(const AttentionBackward& backward, const std::vector<Part>& parts) {
  const AttentionCall& forward = backward.forward;
  std::vector<SequenceEntry> sequences;
  std::vector<HeadEntry> heads;
  std::vector<PlainBackwardSequence> tensors;
  PlainBackward call{};
  call.most_rows = 1;
  for (const Part& part : parts) {
    sequences.push_back(sequence_entry(*part.sequence));
    append_head_entries(*part.sequence, heads);
    tensors.push_back({part.sequence->keys, part.sequence->values, part.gradients->keys, part.gradients->values});
    call.most_rows = std::max(call.most_rows, sequences.back().query_length);
    call.most_keys = std::max(call.most_keys, sequences.back().key_length);
  }
  const size_t sequence_bytes = sequences.size() * sizeof(SequenceEntry), head_bytes = heads.size() * sizeof(HeadEntry);
  const size_t table_bytes = sequence_bytes + head_bytes + tensors.size() * sizeof(PlainBackwardSequence);
  const size_t rows_at = (table_bytes + 255) / 256 * 256;
  const size_t sums = static_cast<size_t>(forward.query.rows) * static_cast<size_t>(forward.num_query_heads);
  const Device& device = Device::instance();
  const Scratch workspace(rows_at + sums * sizeof(float));
  std::vector<char> tables(table_bytes);
  std::memcpy(tables.data(), tensors.data(), tensors.size() * sizeof(PlainBackwardSequence));
  std::memcpy(tables.data() + table_bytes - sequence_bytes - head_bytes, sequences.data(), sequence_bytes);
  std::memcpy(tables.data() + table_bytes - head_bytes, heads.data(), head_bytes);
  upload_small(workspace.data(), tables.data(), tables.size(), device.stream);
  call.query = forward.query;
  call.output = forward.output;
  call.output_gradient = backward.output_gradient;
  call.query_gradient = backward.query_gradient;
  call.log_sum_exp = forward.log_sum_exp;
  call.row_sums = reinterpret_cast<float*>(workspace.data() + rows_at);
  call.tensors = reinterpret_cast<const PlainBackwardSequence*>(workspace.data());
  call.sequences = reinterpret_cast<const SequenceEntry*>(workspace.data() + table_bytes - sequence_bytes - head_bytes);
  call.heads = reinterpret_cast<const HeadEntry*>(workspace.data() + table_bytes - head_bytes);
  call.num_sequences = static_cast<int>(parts.size());
  call.num_query_heads = static_cast<int>(forward.num_query_heads);
  call.num_key_value_heads = static_cast<int>(parts.front().sequence->patterns.size());
  call.head_dim = static_cast<int>(forward.head_dim);
  call.scale = forward.scale;
  call.soft_cap = forward.soft_cap;
  call.accumulate = backward.accumulate;
  launch_plain_backward(call, device.stream);
}

}  // namespace

void backend::attention_backward(const AttentionBackward& backward) {
  std::vector<Part> tiles, plain;
  for (size_t i = 0; i < backward.forward.sequences.size(); ++i) {
    const Part part{&backward.forward.sequences[i], &backward.cache_gradients[i]};
    if (part.sequence->cache_length == 0) continue;
    (tiles_serve(backward, part) ? tiles : plain).push_back(part);
  }
  // Sequences of one launch have the same heads.
  const auto in_launches = [](std::vector<Part>& parts, size_t most, const auto& run) {
    while (!parts.empty()) {
      const size_t heads = parts.front().sequence->patterns.size();
      std::vector<Part> now, later;
      for (const Part& part : parts) {
        (now.size() < most && part.sequence->patterns.size() == heads ? now : later).push_back(part);
      }
      run(now);
      parts = std::move(later);
    }
  };
  in_launches(tiles, kMaxSequences, [&](const std::vector<Part>& parts) { run_tiles(backward, parts); });
  in_launches(plain, SIZE_MAX, [&](const std::vector<Part>& parts) { run_plain(backward, parts); });
}

}  // namespace elastic
