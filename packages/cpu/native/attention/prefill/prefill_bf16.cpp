// Prefill attention in bf16: 32 query rows by 128 keys a step, products by AMX tiles or AVX-512 dot products, float32 sums.
#include "attention/prefill/prefill.h"

#if defined(__x86_64__)
#include <immintrin.h>

#include "attention/prefill/skipped_tiles.h"
#include "attention/prefill/softmax_weights.h"
#include "attention/softmax_scores.h"
#include "attention/write_result.h"
#include "core/instruction_set.h"
#include "core/scratch.h"
#include "floats/kernel_table.h"
#include "floats/vector.h"
#include "gemm/panel_product.h"

namespace elastic {
namespace {

int64_t position_bytes(int64_t head_dim) { return head_dim * 2; }

/** Keys of a block as a panel of 32 outputs: [headDim / 32][2][16 pairs][16 keys][2]. */
uint16_t* key_panel(const PackedHead& head, int64_t block) {
  return reinterpret_cast<uint16_t*>(head.keys) + block * kKeyBlock * head.head_dim;
}

/** 32 elements of the values of a block: [2][16 key pairs][16][2], the blocks of a panel behind each other. */
uint16_t* value_panel(const PackedHead& head, int64_t element, int64_t block) {
  return reinterpret_cast<uint16_t*>(head.values) + (element / kPanel * head.blocks + block) * kKeyBlock * kPanel;
}

/** The rows of a block in bf16: those of a rounded cache are widened first. */
CacheRows halves_of(const CacheRows& source, int64_t head_dim, Scratch& scratch) {
  if (source.dtype == DType::BF16) return source;
  CacheRows halves{{}, DType::BF16};
  for (int64_t i = 0; i < kKeyBlock; ++i) {
    if (source.rows[i] == nullptr) continue;
    char* row = scratch.take<char>(2 * head_dim);
    float_kernels().convert(source.rows[i], source.dtype, row, DType::BF16, head_dim);
    halves.rows[i] = row;
  }
  return halves;
}

void pack_keys(const CacheRows& given, int64_t block, const PackedHead& head) {
  Scratch scratch;
  const CacheRows source = halves_of(given, head.head_dim, scratch);
  auto* words = reinterpret_cast<uint32_t*>(key_panel(head, block));
  for (int64_t key = 0; key < kKeyBlock; ++key) {
    uint32_t* column = words + key / 16 * 256 + key % 16;
    for (int64_t pair = 0; pair < head.head_dim / 2; ++pair) {
      uint32_t word = 0;
      if (source.rows[key] != nullptr) __builtin_memcpy(&word, source.rows[key] + 4 * pair, 4);
      column[pair / 16 * 512 + pair % 16 * 16] = word;
    }
  }
}

void pack_values(const CacheRows& given, int64_t block, const PackedHead& head) {
  Scratch scratch;
  const CacheRows source = halves_of(given, head.head_dim, scratch);
  for (int64_t pair = 0; pair < 16; ++pair) {
    const char* even = source.rows[2 * pair];
    const char* odd = source.rows[2 * pair + 1];
    for (int64_t i = 0; i < head.head_dim; i += kLanes) {
      HalfVector low = {}, high = {};
      if (even != nullptr) low = *reinterpret_cast<const UnalignedHalves*>(even + 2 * i);
      if (odd != nullptr) high = *reinterpret_cast<const UnalignedHalves*>(odd + 2 * i);
      const BitVector words = __builtin_convertvector(low, BitVector) | (__builtin_convertvector(high, BitVector) << 16);
      uint16_t* target = value_panel(head, i, block) + i % kPanel / kLanes * 512 + pair * 32;
      *reinterpret_cast<UnalignedBits*>(target) = words;
    }
  }
}

struct TileState {
  uint16_t* query;    // [32][headDim]
  float* scores;      // [32][kStepKeys]
  uint16_t* weights;  // [32][kStepKeys]
  float* out;         // [32][headDim]
  float maximum[kTileRows];
  float sum[kTileRows];
  SkippedTiles<kTileRows> skips;
  PanelProduct multiply;
};

TileState begin(const AttentionCall& call, const QueryTile& tile, Scratch& scratch) {
  const int64_t head_dim = call.head_dim;
  TileState state;
  state.scores = scratch.take<float>(kTileRows * kStepKeys);
  state.out = scratch.take<float>(kTileRows * head_dim);
  state.weights = scratch.take<uint16_t>(kTileRows * kStepKeys);
  state.query = scratch.take<uint16_t>(kTileRows * head_dim);
  state.multiply = instruction_set() == InstructionSet::Amx ? multiply_panel_tiles : multiply_panel_dot;
  __builtin_memset(state.out, 0, static_cast<std::size_t>(kTileRows * head_dim * 4));
  // Rows behind the last are computed by the tiles too: they must hold numbers.
  if (tile.rows < kTileRows) {
    __builtin_memset(state.scores, 0, kTileRows * kStepKeys * sizeof(float));
    __builtin_memset(state.weights, 0, kTileRows * kStepKeys * sizeof(uint16_t));
    __builtin_memset(state.query, 0, static_cast<std::size_t>(kTileRows * head_dim) * sizeof(uint16_t));
  }
  for (int64_t row = 0; row < tile.rows; ++row) {
    const char* source = call.query_row(tile.row + row, tile.query_head);
    __builtin_memcpy(state.query + row * head_dim, source, static_cast<std::size_t>(2 * head_dim));
    state.maximum[row] = -__builtin_inff();
    state.sum[row] = 0;
  }
  state.skips.begin(tile);
  return state;
}

/** One step: `keys` keys from a position that is a multiple of 32, of which those of the range count. */
void step(const AttentionCall& call, const QueryTile& tile, const PackedHead& head, int64_t start, int64_t keys,
          const Range& range, TileState& state) {
  const FloatKernels& kernels = float_kernels();
  const int64_t head_dim = call.head_dim, first = start / kKeyBlock;
  for (int64_t key = 0; key < keys; key += kKeyBlock) {
    state.multiply(state.query, head_dim, tile.rows, key_panel(head, first + key / kKeyBlock), head_dim,
                   state.scores + key, kStepKeys, false);
  }
  const float factor = logit_factor(call);
  for (int64_t row = 0; row < tile.rows; ++row) {
    const int64_t causal = tile.position + row + 1, end = causal < range.end ? causal : range.end;
    const int64_t high = end - start < 0 ? 0 : (end - start < keys ? end - start : keys);
    const int64_t seen = tile.first_seen(row), first_key = seen > range.start ? seen : range.start;
    const int64_t low = first_key > start ? first_key - start : 0;
    float* scores = state.scores + row * kStepKeys;
    cap_scores(call, scores, keys);
    uint16_t* weights = state.weights + row * kStepKeys;
    if (state.skips.skips(tile, row, scores, low, high, factor, state.maximum[row])) {
      __builtin_memset(weights, 0, static_cast<std::size_t>(2 * keys));
      continue;
    }
    float rescale = 1;
    state.maximum[row] = softmax_weights(scores, keys, low, high, factor, state.maximum[row], &state.sum[row], &rescale, weights);
    if (rescale != 1.0f) kernels.scale(state.out + row * head_dim, rescale, head_dim);
  }
  if (state.skips.end_step(tile)) return;
  for (int64_t i = 0; i < head_dim; i += kPanel) {
    state.multiply(state.weights, kStepKeys, tile.rows, value_panel(head, i, first), keys, state.out + i, head_dim, true);
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
    float* out = state.out + row * call.head_dim;
    write_result(call, tile.row + row, tile.query_head, out, state.maximum[row], state.sum[row]);
  }
}

}  // namespace

const PrefillKernel& bf16_prefill_kernel() {
  static constexpr PrefillKernel kernel = {position_bytes, pack_keys, pack_values, attend};
  return kernel;
}

}  // namespace elastic
#endif
