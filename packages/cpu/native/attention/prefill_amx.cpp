// Prefill attention on AMX tiles: 32 query rows by 128 keys a step, bf16 products, float32 sums.
#include "attention/prefill.h"

#if defined(__x86_64__)
#include "core/amx_tiles.h"
#include "core/buffer_table.h"
#include "floats/kernel_table.h"
#include "floats/vector.h"

namespace elastic {
namespace {

constexpr int64_t kTileElements = 512;  // 16 rows of 32 bf16 values

/** [headDim / 32][2][16 pairs][16 keys][2]. */
int64_t key_block_bytes(int64_t head_dim) { return head_dim * kKeyBlock * 2; }

/** [headDim / 16][16 key pairs][16][2]. */
int64_t value_block_bytes(int64_t head_dim) { return head_dim * kKeyBlock * 2; }

void pack_keys(const CacheRows& source, int64_t head_dim, char* block) {
  auto* words = reinterpret_cast<uint32_t*>(block);
  for (int64_t key = 0; key < kKeyBlock; ++key) {
    uint32_t* column = words + key / 16 * 256 + key % 16;
    for (int64_t pair = 0; pair < head_dim / 2; ++pair) {
      uint32_t word = 0;
      if (source.rows[key] != nullptr) __builtin_memcpy(&word, source.rows[key] + 4 * pair, 4);
      column[pair / 16 * 512 + pair % 16 * 16] = word;
    }
  }
  packed_for_tiles();
}

void pack_values(const CacheRows& source, int64_t head_dim, char* block) {
  for (int64_t pair = 0; pair < 16; ++pair) {
    const char* even = source.rows[2 * pair];
    const char* odd = source.rows[2 * pair + 1];
    for (int64_t i = 0; i < head_dim; i += kLanes) {
      HalfVector low = {}, high = {};
      if (even != nullptr) low = *reinterpret_cast<const UnalignedHalves*>(even + 2 * i);
      if (odd != nullptr) high = *reinterpret_cast<const UnalignedHalves*>(odd + 2 * i);
      const BitVector words = __builtin_convertvector(low, BitVector) | (__builtin_convertvector(high, BitVector) << 16);
      *reinterpret_cast<UnalignedBits*>(block + i / 16 * 1024 + pair * 64) = words;
    }
  }
  packed_for_tiles();
}

struct TileState {
  uint16_t* query;    // [32][headDim]
  float* scores;      // [32][kStepKeys]
  uint16_t* weights;  // [32][kStepKeys]
  float* out;         // [32][headDim]
  float maximum[kTileRows];
  float sum[kTileRows];
};

TileState begin(const AttentionCall& call, const PrefillTile& tile) {
  const int64_t head_dim = call.head_dim;
  const int64_t bytes = kTileRows * (kStepKeys * 6 + head_dim * 6);
  char* scratch = thread_scratch(5, static_cast<std::size_t>(bytes));
  TileState state;
  state.scores = reinterpret_cast<float*>(scratch);
  state.out = state.scores + kTileRows * kStepKeys;
  state.weights = reinterpret_cast<uint16_t*>(state.out + kTileRows * head_dim);
  state.query = state.weights + kTileRows * kStepKeys;
  __builtin_memset(scratch, 0, static_cast<std::size_t>(bytes));
  for (int64_t row = 0; row < tile.rows; ++row) {
    const char* source = call.query_row(tile.row + row, tile.query_head);
    __builtin_memcpy(state.query + row * head_dim, source, static_cast<std::size_t>(2 * head_dim));
    state.maximum[row] = -__builtin_inff();
    state.sum[row] = 0;
  }
  packed_for_tiles();
  return state;
}

/** scores = query · keysᵀ for 32 keys. */
void score_block(const uint16_t* query, const uint16_t* keys, int64_t head_dim, float* scores) {
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  for (int64_t i = 0; i < head_dim; i += 32, keys += 2 * kTileElements) {
    _tile_loadd(4, query + i, 2 * head_dim);
    _tile_loadd(6, keys, 64);
    _tile_dpbf16ps(0, 4, 6);
    _tile_loadd(7, keys + kTileElements, 64);
    _tile_dpbf16ps(1, 4, 7);
    _tile_loadd(5, query + 16 * head_dim + i, 2 * head_dim);
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
  }
  _tile_stored(0, scores, 4 * kStepKeys);
  _tile_stored(1, scores + 16, 4 * kStepKeys);
  _tile_stored(2, scores + 16 * kStepKeys, 4 * kStepKeys);
  _tile_stored(3, scores + 16 * kStepKeys + 16, 4 * kStepKeys);
}

/** out[32][i, i + 32) += weights · values for `blocks` blocks of 32 keys. */
void mix_blocks(const uint16_t* weights, const uint16_t* values, int64_t blocks, int64_t head_dim, float* out) {
  _tile_loadd(0, out, 4 * head_dim);
  _tile_loadd(1, out + 16, 4 * head_dim);
  _tile_loadd(2, out + 16 * head_dim, 4 * head_dim);
  _tile_loadd(3, out + 16 * head_dim + 16, 4 * head_dim);
  for (int64_t block = 0; block < blocks; ++block, weights += 32, values += head_dim * kKeyBlock) {
    _tile_loadd(4, weights, 2 * kStepKeys);
    _tile_loadd(6, values, 64);
    _tile_dpbf16ps(0, 4, 6);
    _tile_loadd(7, values + kTileElements, 64);
    _tile_dpbf16ps(1, 4, 7);
    _tile_loadd(5, weights + 16 * kStepKeys, 2 * kStepKeys);
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
  }
  _tile_stored(0, out, 4 * head_dim);
  _tile_stored(1, out + 16, 4 * head_dim);
  _tile_stored(2, out + 16 * head_dim, 4 * head_dim);
  _tile_stored(3, out + 16 * head_dim + 16, 4 * head_dim);
}

void step(const AttentionCall& call, const PrefillTile& tile, const PackedHead& head, int64_t start, int64_t keys,
          const Range& range, TileState& state) {
  const FloatKernels& kernels = float_kernels();
  const int64_t head_dim = call.head_dim, blocks = keys / kKeyBlock, first = start / kKeyBlock;
  for (int64_t block = 0; block < blocks; ++block) {
    const char* packed = head.keys + (first + block) * key_block_bytes(head_dim);
    score_block(state.query, reinterpret_cast<const uint16_t*>(packed), head_dim, state.scores + block * kKeyBlock);
  }
  const int64_t low = range.start > start ? range.start - start : 0;
  for (int64_t row = 0; row < tile.rows; ++row) {
    const int64_t causal = tile.position + row + 1, end = causal < range.end ? causal : range.end;
    const int64_t high = end - start < 0 ? 0 : (end - start < keys ? end - start : keys);
    float* scores = state.scores + row * kStepKeys;
    float rescale = 1;
    state.maximum[row] = kernels.softmax_step(scores, keys, low, high, call.scale * kLog2E, state.maximum[row],
                                              &state.sum[row], &rescale);
    if (rescale != 1.0f) kernels.scale(state.out + row * head_dim, rescale, head_dim);
    for (int64_t i = 0; i < keys; i += kLanes) {
      const __m256bh halves = _mm512_cvtneps_pbh(_mm512_load_ps(scores + i));
      __builtin_memcpy(state.weights + row * kStepKeys + i, &halves, 32);
    }
  }
  packed_for_tiles();
  for (int64_t i = 0; i < head_dim; i += 32) {
    const char* values = head.values + first * value_block_bytes(head_dim) + i / 16 * 1024;
    mix_blocks(state.weights, reinterpret_cast<const uint16_t*>(values), blocks, head_dim, state.out + i);
  }
}

void attend(const AttentionCall& call, const PrefillTile& tile, const Range* ranges, const PackedHead& head) {
  configure_tiles();
  TileState state = begin(call, tile);
  for (std::size_t index = tile.first_range; index < tile.last_range; ++index) {
    const Range& range = ranges[index];
    for (int64_t start = range.start / kKeyBlock * kKeyBlock; start < range.end; start += kStepKeys) {
      const int64_t left = (range.end - start + kKeyBlock - 1) / kKeyBlock * kKeyBlock;
      step(call, tile, head, start, left < kStepKeys ? left : kStepKeys, range, state);
    }
  }
  for (int64_t row = 0; row < tile.rows; ++row) {
    float* out = state.out + row * call.head_dim;
    call.finish(tile.row + row, tile.query_head, out, state.maximum[row], state.sum[row]);
  }
}

}  // namespace

const PrefillKernel& amx_prefill_kernel() {
  static constexpr PrefillKernel kernel = {key_block_bytes, value_block_bytes, pack_keys, pack_values, attend};
  return kernel;
}

}  // namespace elastic
#endif
