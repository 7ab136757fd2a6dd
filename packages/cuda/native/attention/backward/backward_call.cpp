#include "attention/backward/backward_call.h"

#include <algorithm>
#include <cstring>

#include "core/device/check.h"
#include "attention/tiles/tensor_map.h"

namespace elastic {
namespace {

size_t aligned(size_t bytes) { return (bytes + 255) / 256 * 256; }

int ceil_divide(int a, int b) { return (a + b - 1) / b; }

/** Of an H100 or H200: with more or less of them, items are only less well balanced. */
constexpr int64_t kMultiprocessors = 132;
/** Query positions of a part, at least: gradients of fewer keys have the same bits every time. */
constexpr int kPartRows = 4096;

/** Key tiles at the start of a head that the queries of all its sequence may see. */
int unbounded_key_tiles(const HeadEntry& head, int key_tiles) {
  if (head.type != PatternType::Streaming) return key_tiles;
  return static_cast<int>(std::min<int64_t>(int64_t{head.sink_blocks} * (head.block_size / kTile), key_tiles));
}

/** The query tiles of one sequence, in parts that are items of their own. */
struct Parts {
  int rows, first_tile, end_tile, key_tiles, tiles = 0, count = 1;

  Parts(const SequenceEntry& sequence, int query_rows)
      : rows(query_rows),
        first_tile(sequence.offset() / rows),
        end_tile(ceil_divide(sequence.key_length, rows)),
        key_tiles(ceil_divide(sequence.key_length, kTile)) {}

  int64_t all() const { return end_tile - first_tile; }
  /** Query tiles that all items of a head walk. */
  int64_t work(const HeadEntry& head) const {
    const int unbounded = unbounded_key_tiles(head, key_tiles);
    const int64_t window = int64_t{head.local_blocks} * head.block_size / rows;
    int64_t sum = 0;
    for (int i = 0; i < key_tiles; ++i) {
      const int64_t seen = end_tile - std::max(i * (kTile / rows), first_tile);
      sum += i < unbounded ? seen : std::min(seen, window);
    }
    return sum;
  }
  /** As many that none is longer than three quarters of what a multiprocessor has to do. */
  void split(int64_t total_work) {
    const int64_t share = std::max<int64_t>(3 * total_work, 1);
    const int64_t parts = (4 * all() * kMultiprocessors + share - 1) / share;
    tiles = static_cast<int>(std::max<int64_t>((all() + parts - 1) / parts, kPartRows / rows));
    count = ceil_divide(static_cast<int>(all()), tiles);
  }
  /** First query tile of a part, counted from the last; the first part of the sequence has what remains. */
  int start(int part) const { return part == count - 1 ? first_tile : end_tile - (part + 1) * tiles; }
  int end(int part) const { return end_tile - part * tiles; }
  /** Key tiles that the queries before a part's end see. */
  int key_tiles_of(int part) const { return std::min(ceil_divide(end(part) * rows, kTile), key_tiles); }
};

}  // namespace

BackwardLayout::BackwardLayout(const BackwardCall& call) {
  const int key_value_heads = call.num_key_value_heads;
  const auto head_of = [&](size_t i, int head) -> const HeadEntry& {
    return call.heads[i * static_cast<size_t>(key_value_heads) + static_cast<size_t>(head)];
  };
  std::vector<Parts> parts;
  int64_t work = 0;
  int full = 0, most_parts = 1;
  for (size_t i = 0; i < call.sequences.size(); ++i) {
    parts.emplace_back(call.sequences[i], query_rows(call.head_dim));
    for (int head = 0; head < key_value_heads; ++head) work += parts.back().work(head_of(i, head));
  }
  for (size_t i = 0; i < call.sequences.size(); ++i) {
    Parts& of = parts[i];
    of.split(work);
    most_parts = std::max(most_parts, of.count);
    for (int head = 0; head < key_value_heads; ++head) full += head_of(i, head).type == PatternType::Full ? of.count : 0;
    const int shared = of.count == 1 ? 0 : of.key_tiles_of(1);
    places.push_back({call.gradients[i].keys, call.gradients[i].values, num_tiles, of.first_tile, shared, num_key_sums});
    num_tiles += static_cast<int>(of.all());
    num_key_sums += shared * key_value_heads;
  }
  const auto append = [&](BackwardSegment segment, int end_key_tile) {
    const int tiles = end_key_tile - segment.first_key_tile;
    if (tiles <= 0) return;
    if (segment.direction < 0) segment.first_key_tile = end_key_tile - 1;
    segment.first_item = num_items;
    segments.push_back(segment);
    num_items += tiles;
  };
  // Keys that many queries see come first and the windows of streaming heads last, so that short items fill the tail. In
  // deterministic mode every other full head goes the other way round, so that turns at query tiles come as items reach them:
  // see DESIGN.md.
  for (int part = 0; part < most_parts; ++part) {
    for (size_t i = 0; i < call.sequences.size(); ++i) {
      const Parts& of = parts[i];
      if (part >= of.count) continue;
      for (int head = 0; head < key_value_heads; ++head) {
        const bool turned = call.deterministic && head_of(i, head).type == PatternType::Full && full-- % 2 == 0;
        append({0, static_cast<int32_t>(i), head, 0, turned ? -1 : 1, of.start(part), of.end(part), of.count, part},
               unbounded_key_tiles(head_of(i, head), of.key_tiles_of(part)));
      }
    }
  }
  for (size_t i = 0; i < call.sequences.size(); ++i) {
    const Parts& of = parts[i];
    for (int head = 0; head < key_value_heads; ++head) {
      append({0, static_cast<int32_t>(i), head, unbounded_key_tiles(head_of(i, head), of.key_tiles), 1, of.first_tile, of.end_tile, 1, 0},
             of.key_tiles);
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
  key_sums = aligned(row_terms + tiles * static_cast<size_t>(2 * query_rows(call.head_dim)) * sizeof(float));
  query_sums = aligned(key_sums + key_sum_count * static_cast<size_t>(2 * kTile * call.head_dim) * sizeof(float));
  bytes = query_sums + tiles * static_cast<size_t>(query_rows(call.head_dim) * call.head_dim) * sizeof(float);
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
                                 call.head_dim, matrix.row_stride, query_rows(call.head_dim));
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
