#include "attention/backward/backward_call.h"

#include <algorithm>
#include <cstring>

#include "core/device/check.h"
#include "attention/tiles/tensor_map.h"

namespace elastic {
namespace {

size_t aligned(size_t bytes) { return (bytes + 255) / 256 * 256; }

int ceil_divide(int a, int b) { return (a + b - 1) / b; }

/** Query tiles of a part: over the query heads of a group, their Q, dO and dQ take 16 MiB of L2. */
int part_tiles(const BackwardCall& call) {
  const int group = call.num_query_heads / call.num_key_value_heads;
  return std::max(16, 256 / group);
}

/** The parts of one sequence's query tiles. */
struct Parts {
  int first_tile, end_tile, tiles, count;

  Parts(const BackwardCall& call, const SequenceEntry& sequence) {
    first_tile = sequence.offset() / kQueryRows;
    end_tile = ceil_divide(sequence.key_length, kQueryRows);
    tiles = part_tiles(call);
    count = std::max(1, ceil_divide(end_tile - first_tile, tiles));
  }
  /** First query tile of a part, counted from the last; the first part of the sequence has what remains. */
  int start(int part) const { return part == count - 1 ? first_tile : end_tile - (part + 1) * tiles; }
  int end(int part) const { return end_tile - part * tiles; }
};

/** Key tiles that the queries from a part on see, in a head that reads them all. */
int key_tiles_before(int query_tile_end) { return ceil_divide(query_tile_end * kQueryRows, kTile); }

}  // namespace

BackwardLayout::BackwardLayout(const BackwardCall& call) {
  const int key_value_heads = call.num_key_value_heads;
  std::vector<Parts> parts;
  int most_parts = 1;
  for (size_t i = 0; i < call.sequences.size(); ++i) {
    const SequenceEntry& sequence = call.sequences[i];
    parts.emplace_back(call, sequence);
    const Parts& of = parts.back();
    most_parts = std::max(most_parts, of.count);
    const int shared = of.count == 1 ? 0 : std::min(key_tiles_before(of.end(1)), ceil_divide(sequence.key_length, kTile));
    places.push_back({call.gradients[i].keys, call.gradients[i].values, num_tiles, of.first_tile, shared, num_key_sums});
    num_tiles += of.end_tile - of.first_tile;
    num_key_sums += shared * key_value_heads;
  }
  const auto append = [&](size_t i, int head, int first_key_tile, int end_key_tile, int first, int end, int count, int part) {
    if (end_key_tile <= first_key_tile) return;
    segments.push_back({num_items, static_cast<int32_t>(i), head, first_key_tile, first, end, count, part});
    num_items += end_key_tile - first_key_tile;
  };
  const auto head_of = [&](size_t i, int head) -> const HeadEntry& {
    return call.heads[i * static_cast<size_t>(key_value_heads) + static_cast<size_t>(head)];
  };
  const auto sink_tiles = [&](size_t i, int head) {
    const HeadEntry& entry = head_of(i, head);
    const int64_t tiles = int64_t{entry.sink_blocks} * (entry.block_size / kTile);
    return static_cast<int>(std::min<int64_t>(tiles, ceil_divide(call.sequences[i].key_length, kTile)));
  };
  // Parts that many keys see come first and the windows of streaming heads last, so that short items fill the tail.
  for (int part = 0; part < most_parts; ++part) {
    for (size_t i = 0; i < call.sequences.size(); ++i) {
      const Parts& of = parts[i];
      if (part >= of.count) continue;
      const int key_tiles = std::min(key_tiles_before(of.end(part)), ceil_divide(call.sequences[i].key_length, kTile));
      for (int head = 0; head < key_value_heads; ++head) {
        const bool streaming = head_of(i, head).type == PatternType::Streaming;
        append(i, head, 0, streaming ? std::min(sink_tiles(i, head), key_tiles) : key_tiles, of.start(part), of.end(part),
               of.count, part);
      }
    }
  }
  for (size_t i = 0; i < call.sequences.size(); ++i) {
    for (int head = 0; head < key_value_heads; ++head) {
      if (head_of(i, head).type != PatternType::Streaming) continue;
      append(i, head, sink_tiles(i, head), ceil_divide(call.sequences[i].key_length, kTile), parts[i].first_tile,
             parts[i].end_tile, 1, 0);
    }
  }
  const size_t tiles = static_cast<size_t>(num_tiles) * static_cast<size_t>(call.num_query_heads);
  const size_t key_sum_count = static_cast<size_t>(num_key_sums);
  sequences = 0;
  heads = aligned(sequences + call.sequences.size() * sizeof(SequenceEntry));
  gradients = aligned(heads + call.heads.size() * sizeof(HeadEntry));
  segments_at = aligned(gradients + places.size() * sizeof(BackwardSequence));
  next_item = aligned(segments_at + segments.size() * sizeof(BackwardSegment));
  table_bytes = next_item + sizeof(int32_t);
  query_order = aligned(table_bytes);
  key_order = query_order + tiles * 2 * sizeof(int32_t);
  order_bytes = call.deterministic ? tiles * 2 * sizeof(int32_t) + key_sum_count * 4 * sizeof(int32_t) : 0;
  row_terms = aligned(query_order + order_bytes);
  key_sums = aligned(row_terms + tiles * static_cast<size_t>(2 * kQueryRows) * sizeof(float));
  query_sums = aligned(key_sums + key_sum_count * static_cast<size_t>(2 * kTile * call.head_dim) * sizeof(float));
  bytes = query_sums + tiles * static_cast<size_t>(kQueryRows * call.head_dim) * sizeof(float);
}

void write_backward_tables(const BackwardCall& call, const BackwardLayout& layout, void* host) {
  auto* tables = static_cast<char*>(host);
  std::memset(tables, 0, layout.table_bytes);
  std::memcpy(tables + layout.sequences, call.sequences.data(), call.sequences.size() * sizeof(SequenceEntry));
  std::memcpy(tables + layout.heads, call.heads.data(), call.heads.size() * sizeof(HeadEntry));
  std::memcpy(tables + layout.gradients, layout.places.data(), layout.places.size() * sizeof(BackwardSequence));
  std::memcpy(tables + layout.segments_at, layout.segments.data(), layout.segments.size() * sizeof(BackwardSegment));
}

void run_backward_sm90(const BackwardCall& call, const BackwardLayout& layout, void* workspace, int multiprocessors,
                       cudaStream_t stream) {
  auto* memory = static_cast<char*>(workspace);
  BackwardParameters parameters{};
  const auto rows_map = [&](const Matrix& matrix, const SequenceEntry& sequence) {
    return interleaved_heads_map(matrix.row(sequence.query_start), call.type, sequence.query_length, call.num_query_heads,
                                 call.head_dim, matrix.row_stride, kQueryRows);
  };
  for (size_t i = 0; i < call.sequences.size(); ++i) {
    const SequenceEntry& sequence = call.sequences[i];
    parameters.query[i] = rows_map(call.query, sequence);
    parameters.output_gradient[i] = rows_map(call.rows.output_gradient, sequence);
    parameters.keys[i] = head_rows_map(sequence.keys, call.type, sequence.num_slots, call.head_dim);
    parameters.values[i] = head_rows_map(sequence.values, call.type, sequence.num_slots, call.head_dim);
  }
  parameters.sequences = reinterpret_cast<const SequenceEntry*>(memory + layout.sequences);
  parameters.heads = reinterpret_cast<const HeadEntry*>(memory + layout.heads);
  parameters.gradients = reinterpret_cast<const BackwardSequence*>(memory + layout.gradients);
  parameters.segments = reinterpret_cast<const BackwardSegment*>(memory + layout.segments_at);
  parameters.num_segments = static_cast<int32_t>(layout.segments.size());
  parameters.num_items = layout.num_items;
  parameters.next_item = reinterpret_cast<int32_t*>(memory + layout.next_item);
  parameters.row_terms = reinterpret_cast<float*>(memory + layout.row_terms);
  parameters.query_sums = reinterpret_cast<float*>(memory + layout.query_sums);
  parameters.query_order = call.deterministic ? reinterpret_cast<int32_t*>(memory + layout.query_order) : nullptr;
  parameters.key_sums = reinterpret_cast<float*>(memory + layout.key_sums);
  parameters.key_order = call.deterministic ? reinterpret_cast<int32_t*>(memory + layout.key_order) : nullptr;
  parameters.num_tiles = layout.num_tiles;
  parameters.num_key_sums = layout.num_key_sums;
  parameters.num_query_heads = call.num_query_heads;
  parameters.num_key_value_heads = call.num_key_value_heads;
  parameters.scale = call.scale;
  parameters.accumulate = call.accumulate;
  check(cudaMemsetAsync(parameters.next_item, 0, sizeof(int32_t), stream), "cudaMemsetAsync");
  if (call.deterministic) check(cudaMemsetAsync(parameters.query_order, 0, layout.order_bytes, stream), "cudaMemsetAsync");
  if (layout.num_key_sums > 0) {
    check(cudaMemsetAsync(parameters.key_sums, 0, layout.query_sums - layout.key_sums, stream), "cudaMemsetAsync");
  }
  launch_backward_row_terms(parameters, call.rows, call.head_dim, call.type, stream);
  check(launch_backward_sm90(parameters, call.head_dim, call.type, multiprocessors, stream), "attention backward");
  launch_backward_gradients(parameters, call.rows, call.head_dim, stream);
}

}  // namespace elastic
