// Units of keys and values in a ring of stages in shared memory, and what is known of each.
#pragma once
#include <cstdint>

#include "decode/attention/decode_attention.h"
#include "ptx/barrier.cuh"
#include "rounded_cache/rounded_rows.h"

namespace elastic {

#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
#define ELASTIC_BULK_COPIES 1
#endif

enum UnitFlags : int32_t { kFirstUnit = 1, kLastUnit = 2, kWholeItem = 4, kAllSeen = 8, kSecondPart = 16 };

/** What the consumers must know of a unit. */
struct UnitInfo {
  int32_t flags;
  /** First key, and keys that are there. */
  int32_t start;
  int32_t rows;
  int32_t sink_end;
  /** Of the first token. */
  int32_t local_start;
  int32_t item;
  /** Of the first token. */
  int32_t query_row;
  int32_t query_head;
  int32_t tokens;
  /** Keys that the last token sees, itself included. */
  int32_t length;
  PatternEntry pattern;
  DecodeItem shared;
};

/** `rounded_`: rows of the cache are in e4m3; see `rounded_rows.cuh`. `tiles_`: of 16 query rows, side by side. */
template <typename Element_, int head_dim_, bool rounded_ = false, int tiles_ = 1>
struct DecodeTraits {
  using Element = Element_;
  static constexpr int head_dim = head_dim_;
  static constexpr bool rounded = rounded_;
  static constexpr int query_bytes = head_dim * 2;
  /** Of a key, and of a value. */
  static constexpr int row_bytes = rounded ? rounded_row_bytes(head_dim) : query_bytes;
  static constexpr int unit_bytes = kUnitKeys * row_bytes;
  static constexpr int tiles = tiles_;
  /** Warps that share the keys of a unit; so many for each tile of query rows. */
  static constexpr int key_warps = 4;
  static constexpr int consumer_warps = key_warps * tiles;
  /** One tile leaves room for another thread block: the next launch fetches keys while this one ends. */
  static constexpr int blocks_beside = tiles == 1 ? 2 : 1;
  static constexpr int consumers = 32 * consumer_warps;
  static constexpr int threads = consumers + 32;
  static constexpr int warp_keys = kUnitKeys / key_warps;
  /** Floats of a row of a part: the output, its maximum and its sum. */
  static constexpr int part_row = head_dim + 4;
  static constexpr int most_stages = 8;
  static constexpr int least_stages = 3;
  /** Of a multiprocessor; a thread block takes 1 KiB more than it asks for. */
  static constexpr int shared_memory = 228 * 1024;

  static constexpr int stage_bytes(int rows) { return 2 * unit_bytes + rows * query_bytes; }
  /** Rows of the warps, or of slices of the parts that are joined. */
  __host__ __device__ static constexpr int merged_bytes(int rows) { return key_warps * part_row * rows * 4; }
  static constexpr int fixed_bytes(int rows) {
    return merged_bytes(rows) + most_stages * (static_cast<int>(sizeof(UnitInfo)) + 16) + 16;
  }
  static int fitting_stages(int rows, int blocks) {
    const int fitting = (shared_memory / blocks - 1024 - fixed_bytes(rows)) / stage_bytes(rows);
    return fitting < most_stages ? fitting : most_stages;
  }
  static int stages(int rows) {
    const int beside = fitting_stages(rows, blocks_beside);
    return beside >= least_stages ? beside : fitting_stages(rows, 1);
  }
};

template <typename Traits>
struct DecodeShared {
  uint8_t* stages;
  int stage_bytes;
  float* merged;
  UnitInfo* infos;
  ptx::Barrier* full;
  ptx::Barrier* free;
  int* last;

  __device__ DecodeShared(uint8_t* memory, int num_stages, int rows)
      : stages(memory), stage_bytes(2 * Traits::unit_bytes + rows * Traits::query_bytes) {
    merged = reinterpret_cast<float*>(memory + num_stages * stage_bytes);
    infos = reinterpret_cast<UnitInfo*>(memory + num_stages * stage_bytes + Traits::merged_bytes(rows));
    full = reinterpret_cast<ptx::Barrier*>(infos + Traits::most_stages);
    free = full + Traits::most_stages;
    last = reinterpret_cast<int*>(free + Traits::most_stages);
  }
  __device__ uint8_t* keys(int stage) const { return stages + stage * stage_bytes; }
  __device__ uint8_t* values(int stage) const { return keys(stage) + Traits::unit_bytes; }
  __device__ uint8_t* queries(int stage) const { return keys(stage) + 2 * Traits::unit_bytes; }
};

}  // namespace elastic
