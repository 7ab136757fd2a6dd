// Prefill attention by the float kernels of any instruction set: keys and values widened to float32 panels.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "attention/prefill/prefill.h"
#include "attention/prefill/skipped_tiles.h"
#include "attention/softmax_scores.h"
#include "attention/write_result.h"
#include "core/scratch.h"
#include "floats/kernel_table.h"

namespace elastic {
namespace {

int64_t padded(int64_t head_dim) { return (head_dim + kPanel - 1) / kPanel * kPanel; }

int64_t position_bytes(int64_t head_dim) { return padded(head_dim) * 4; }

/** Keys of a block: [headDim][32 keys]. */
float* key_panel(const PackedHead& head, int64_t block) {
  return reinterpret_cast<float*>(head.keys) + block * kKeyBlock * padded(head.head_dim);
}

/** 32 elements of the values of a block: [32 keys][32], the blocks of a panel behind each other. */
float* value_panel(const PackedHead& head, int64_t element, int64_t block) {
  return reinterpret_cast<float*>(head.values) + (element / kPanel * head.blocks + block) * kKeyBlock * kPanel;
}

void widen(const CacheRows& source, int64_t index, int64_t head_dim, float* row) {
  float_kernels().convert(source.rows[index], source.dtype, reinterpret_cast<char*>(row), DType::F32, head_dim);
}

void pack_keys(const CacheRows& source, int64_t block, const PackedHead& head) {
  const int64_t head_dim = head.head_dim;
  float* panel = key_panel(head, block);
  Scratch scratch;
  float* row = scratch.take<float>(head_dim);
  for (int64_t key = 0; key < kKeyBlock; ++key) {
    if (source.rows[key] == nullptr) {
      for (int64_t i = 0; i < head_dim; ++i) panel[i * kKeyBlock + key] = 0;
      continue;
    }
    widen(source, key, head_dim, row);
    for (int64_t i = 0; i < head_dim; ++i) panel[i * kKeyBlock + key] = row[i];
  }
}

void pack_values(const CacheRows& source, int64_t block, const PackedHead& head) {
  const int64_t width = padded(head.head_dim);
  Scratch scratch;
  float* row = scratch.take<float>(width);
  for (int64_t key = 0; key < kKeyBlock; ++key) {
    std::fill(row, row + width, 0.0f);
    if (source.rows[key] != nullptr) widen(source, key, head.head_dim, row);
    for (int64_t i = 0; i < width; i += kPanel) {
      std::memcpy(value_panel(head, i, block) + key * kPanel, row + i, kPanel * 4);
    }
  }
}

struct TileState {
  float* query;   // [32][headDim]
  float* scores;  // [32][kStepKeys]
  float* out;     // [32][padded headDim]
  float maximum[kTileRows];
  float sum[kTileRows];
  SkippedTiles<kTileRows> skips;
};

TileState begin(const AttentionCall& call, const QueryTile& tile, Scratch& scratch) {
  const int64_t width = padded(call.head_dim);
  TileState state;
  state.scores = scratch.take<float>(kTileRows * kStepKeys);
  state.query = scratch.take<float>(kTileRows * width);
  state.out = scratch.take<float>(kTileRows * width);
  for (int64_t row = 0; row < tile.rows; ++row) {
    char* target = reinterpret_cast<char*>(state.query + row * call.head_dim);
    const char* source = call.query_row(tile.row + row, tile.query_head);
    float_kernels().convert(source, call.query.dtype, target, DType::F32, call.head_dim);
    state.maximum[row] = -INFINITY;
    state.sum[row] = 0;
  }
  std::fill(state.out, state.out + tile.rows * width, 0.0f);
  state.skips.begin(tile);
  return state;
}

/** One step: `keys` keys from a position that is a multiple of 32, of which [low, high) belong to the range. */
void step(const AttentionCall& call, const QueryTile& tile, const PackedHead& head, int64_t start, int64_t keys,
          const Range& range, TileState& state) {
  const FloatKernels& kernels = float_kernels();
  const int64_t head_dim = call.head_dim, width = padded(head_dim);
  for (int64_t key = 0; key < keys; key += kKeyBlock) {
    kernels.multiply_panel_f32(state.query, head_dim, tile.rows, key_panel(head, (start + key) / kKeyBlock), head_dim,
                               state.scores + key, kStepKeys, false);
  }
  const float factor = logit_factor(call);
  for (int64_t row = 0; row < tile.rows; ++row) {
    const int64_t low = std::max<int64_t>(0, std::max(range.start, tile.first_seen(row)) - start);
    const int64_t high = std::clamp<int64_t>(std::min(range.end, tile.position + row + 1) - start, 0, keys);
    float* scores = state.scores + row * kStepKeys;
    cap_scores(call, scores, keys);
    if (state.skips.skips(tile, row, scores, low, high, factor, state.maximum[row])) {
      std::fill(scores, scores + keys, 0.0f);
      continue;
    }
    float rescale = 1;
    state.maximum[row] = kernels.softmax_step(scores, keys, low, high, factor, state.maximum[row], &state.sum[row], &rescale);
    if (rescale != 1.0f) kernels.scale(state.out + row * width, rescale, width);
  }
  if (state.skips.end_step(tile)) return;
  for (int64_t i = 0; i < width; i += kPanel) {
    kernels.multiply_panel_f32(state.scores, kStepKeys, tile.rows, value_panel(head, i, start / kKeyBlock), keys,
                               state.out + i, width, true);
  }
}

void attend(const AttentionCall& call, const QueryTile& tile, const Range* ranges, const PackedHead& head) {
  Scratch scratch;
  TileState state = begin(call, tile, scratch);
  for_each_step(tile, ranges, [&](const Range& range, int64_t start, int64_t keys) {
    step(call, tile, head, start, keys, range, state);
  });
  state.skips.count(tile);
  for (int64_t row = 0; row < tile.rows; ++row) {
    float* out = state.out + row * padded(call.head_dim);
    write_result(call, tile.row + row, tile.query_head, out, state.maximum[row], state.sum[row]);
  }
}

}  // namespace

const PrefillKernel& generic_prefill_kernel() {
  static constexpr PrefillKernel kernel = {position_bytes, pack_keys, pack_values, attend};
  return kernel;
}

}  // namespace elastic
