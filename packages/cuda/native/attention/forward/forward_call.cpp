#include "attention/forward/forward_call.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "attention/forward/forward_mma.h"
#include "core/device/check.h"
#include "attention/tiles/tensor_map.h"

namespace elastic {
namespace {

size_t sequence_bytes(const ForwardCall& call) { return call.sequences.size() * sizeof(SequenceEntry); }
size_t head_bytes(const ForwardCall& call) { return call.heads.size() * sizeof(HeadEntry); }
size_t decision_bytes(const ForwardCall& call) { return call.decisions.size() * sizeof(DecisionEntry); }

/** Whether the heads' patterns, decided or still open, are all of those that wide tiles read. */
bool wide_tiles_serve(const ForwardCall& call) {
  const auto read = [](const PatternEntry& pattern) {
    return pattern.type == PatternType::Full || pattern.type == PatternType::Streaming;
  };
  if (!forward_sm90_has_wide(call.head_dim) || !std::all_of(call.heads.begin(), call.heads.end(), read)) return false;
  return std::all_of(call.decisions.begin(), call.decisions.end(), [&](const DecisionEntry& decision) {
    return std::all_of(decision.choices, decision.choices + decision.num_choices, read);
  });
}

ForwardVariant variant_of(const ForwardCall& call) {
  if (call.sparse_output != nullptr) return ForwardVariant::Dual;
  if (call.scores.any() || call.row_patterns) return ForwardVariant::Terms;
  return wide_tiles_serve(call) ? ForwardVariant::Wide : ForwardVariant::Plain;
}

}  // namespace

bool ForwardCall::add(SequenceEntry sequence) {
  if ((sequences.size() + 1) * static_cast<size_t>(num_key_value_heads) > kMaxScheduledHeads) return false;
  size_t maps = 0;
  const auto same = [&](const SequenceEntry& other) {
    return other.keys == sequence.keys && other.values == sequence.values && other.num_slots == sequence.num_slots;
  };
  while (maps < stores.size() && !same(sequences[stores[maps]])) ++maps;
  if (maps == kMaxMaps) return false;
  if (maps == stores.size()) stores.push_back(sequences.size());
  sequence.maps = static_cast<int32_t>(maps);
  sequences.push_back(sequence);
  return true;
}

size_t forward_table_bytes(const ForwardCall& call) {
  return sequence_bytes(call) + head_bytes(call) + decision_bytes(call);
}

size_t forward_workspace_bytes(const ForwardCall& call) {
  return forward_table_bytes(call) + schedule_bytes(static_cast<int>(call.sequences.size()), call.num_key_value_heads);
}

void write_forward_tables(const ForwardCall& call, void* host) {
  auto* tables = static_cast<char*>(host);
  std::memcpy(tables, call.sequences.data(), sequence_bytes(call));
  std::memcpy(tables + sequence_bytes(call), call.heads.data(), head_bytes(call));
  if (!call.decisions.empty()) std::memcpy(tables + sequence_bytes(call) + head_bytes(call), call.decisions.data(), decision_bytes(call));
}

void run_forward(const ForwardCall& call, void* workspace, int capability, int multiprocessors, cudaStream_t stream) {
  const int num_sequences = static_cast<int>(call.sequences.size());
  auto* tables = static_cast<char*>(workspace);
  const auto* sequences = reinterpret_cast<const SequenceEntry*>(tables);
  auto* heads = reinterpret_cast<HeadEntry*>(tables + sequence_bytes(call));
  const auto* decisions = reinterpret_cast<const DecisionEntry*>(tables + sequence_bytes(call) + head_bytes(call));
  const Schedule schedule = schedule_in(tables + forward_table_bytes(call), num_sequences, call.num_key_value_heads);
  const ForwardVariant variant = capability == 90 ? variant_of(call) : ForwardVariant::Plain;
  check(launch_schedule(schedule, sequences, heads, num_sequences, call.num_key_value_heads,
                        call.num_query_heads / call.num_key_value_heads, call.head_dim * 2, query_rows(variant), decisions,
                        static_cast<int>(call.decisions.size()), stream),
        "attention schedule");
  if (capability != 90) {
    if (call.sparse_output != nullptr) throw std::invalid_argument("the dual forward needs compute capability 9.0");
    if (call.scores.any() || call.row_patterns) throw std::invalid_argument("terms of the scores need compute capability 9.0");
    const MmaForwardParameters parameters{call.query, call.query_stride, call.output, call.output_stride, call.log_sum_exp,
                                          sequences, heads, schedule, call.num_query_heads, call.num_key_value_heads,
                                          call.scores.scale_log2};
    check(launch_forward_mma(parameters, call.head_dim, call.type, multiprocessors, stream), "attention forward");
    return;
  }
  ForwardParameters parameters{};
  parameters.query = interleaved_heads_map(call.query, call.type, call.tokens, call.num_query_heads, call.head_dim,
                                           call.query_stride, query_box_rows(variant));
  for (size_t i = 0; i < call.stores.size(); ++i) {
    const SequenceEntry& sequence = call.sequences[call.stores[i]];
    parameters.keys[i] = head_rows_map(sequence.keys, call.type, sequence.num_slots, call.head_dim);
    parameters.values[i] = head_rows_map(sequence.values, call.type, sequence.num_slots, call.head_dim);
  }
  parameters.sequences = sequences;
  parameters.heads = heads;
  parameters.schedule = schedule;
  parameters.output = call.output;
  parameters.output_stride = call.output_stride;
  parameters.log_sum_exp = call.log_sum_exp;
  parameters.sparse_output = call.sparse_output;
  parameters.sparse_log_sum_exp = call.sparse_log_sum_exp;
  parameters.num_query_heads = call.num_query_heads;
  parameters.num_key_value_heads = call.num_key_value_heads;
  parameters.scale_log2 = call.scores.scale_log2;
  parameters.scores = call.scores;
  check(launch_forward_sm90(parameters, variant, call.head_dim, call.type, multiprocessors, stream), "attention forward");
}

}  // namespace elastic
