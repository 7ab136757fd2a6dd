// The mass of every key block for a block of query groups: the softmax of antidiagonal scores, summed by blocks.
#pragma once
#include "addon/values/numeric.h"
#include "core/elements/floats.cuh"
#include "selection/estimate_sm90.h"

namespace elastic::selection {

constexpr int kThreads = 256;
constexpr int kWarps = kThreads / 32;

struct Choice {
  const float* scores;
  /** Used instead of scores where the Hopper kernel has already reduced them. */
  EstimateParts parts;
  int64_t score_stride;
  /** Rows of a head in the scores. */
  int64_t rows;
  uint8_t* visited;
  int64_t visited_stride;
  int64_t first_group;
  int64_t groups;
  int groups_per_block;
  /** Blocks of a row, and the next power of two of the longest row: what is sorted. */
  int blocks;
  int sorted;
  /** Warps that take a group of queries each: as many as there is shared memory for. */
  int warps;
  float scale_log2;
  /** Bounds a score, before it is scaled; 0 where nothing does. */
  float sum_cap;
  double threshold;
  bool round_bf16;
};

__device__ inline float round_score(float value, bool round) {
  return round ? __bfloat162float(__float2bfloat16_rn(value)) : value;
}

/** What the softmax sees of a score, but for its scale. Rises with the score. */
__device__ inline float logit_of(const Choice& choice, float score) {
  const float rounded = round_score(score, choice.round_bf16);
  return choice.sum_cap > 0 ? choice.sum_cap * tanhf(rounded / choice.sum_cap) : rounded;
}

template <typename Value, typename Combine>
__device__ Value block_reduce(Value value, Value* partial, const Combine& combine) {
  for (int step = 16; step > 0; step /= 2) value = combine(value, __shfl_xor_sync(0xffffffffu, value, step));
  __syncthreads();
  if (threadIdx.x % 32 == 0) partial[threadIdx.x / 32] = value;
  __syncthreads();
  value = partial[0];
  for (int i = 1; i < kThreads / 32; ++i) value = combine(value, partial[i]);
  return value;
}

/** Heavier first, lower index among equals. */
__device__ inline bool comes_first(float mass_a, int a, float mass_b, int b) {
  return mass_a > mass_b || (mass_a == mass_b && a < b);
}

/** Adds the masses of a block of query groups from their scores. */
__device__ inline void add_score_masses(const Choice& choice, int64_t group_zero, int row, float* mass, float* memory) {
  const int per_block = choice.groups_per_block;
  // A warp takes a group of queries; consecutive blocks belong to consecutive lanes. Masses of the groups are
  // kept apart and added up in one order.
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  for (int base = 0; base < per_block; base += choice.warps) {
    float* masses = memory + warp * choice.sorted;
    const int member = base + warp;
    const int64_t group = group_zero + member;
    const bool there = warp < choice.warps && member < per_block && group < choice.groups;
    if (there) {
      const float* scores = choice.scores + (blockIdx.y * choice.rows + group - choice.first_group) * choice.score_stride;
      const auto count = static_cast<int>(group + 1);
      float highest = -INFINITY;
      const int whole = count / 4;
#pragma unroll 8
      for (int i = lane; i < whole; i += 32) {
        const float4 line = reinterpret_cast<const float4*>(scores)[i];
        highest = fmaxf(highest, fmaxf(fmaxf(line.x, line.y), fmaxf(line.z, line.w)));
      }
      if (4 * whole + lane < count) highest = fmaxf(highest, scores[4 * whole + lane]);
      highest = logit_of(choice, warp_max(highest));
      float sum = 0;
#pragma unroll 4
      for (int block = lane; block <= row; block += 32) {
        float part = 0;
        const int start = block * per_block, end = min(start + per_block, count);
        if (per_block == 8 && end == start + 8) {
          const float4 low = reinterpret_cast<const float4*>(scores)[2 * block];
          const float4 high = reinterpret_cast<const float4*>(scores)[2 * block + 1];
          const float line[8] = {low.x, low.y, low.z, low.w, high.x, high.y, high.z, high.w};
#pragma unroll
          for (const float score : line) part += exp2_fast((logit_of(choice, score) - highest) * choice.scale_log2);
        } else {
          for (int i = start; i < end; ++i) {
            part += exp2_fast((logit_of(choice, scores[i]) - highest) * choice.scale_log2);
          }
        }
        masses[block] = part;
        sum += part;
      }
      const float inverse = 1.0f / warp_sum(sum);
      for (int block = lane; block <= row; block += 32) masses[block] *= inverse;
    }
    __syncthreads();
    const int members = static_cast<int>(min(static_cast<int64_t>(min(choice.warps, per_block - base)), choice.groups - group_zero - base));
    for (int block = threadIdx.x; block <= row; block += kThreads) {
      for (int other = 0; other < members; ++other) mass[block] += memory[other * choice.sorted + block];
    }
    __syncthreads();
  }
}

/** The same from parts: the maximum that masses are relative to differs between column tiles and groups. */
__device__ inline void add_part_masses(const Choice& choice, int64_t group_zero, int row, float* mass, float* shares) {
  const EstimateParts& parts = choice.parts;
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  constexpr int tile_blocks = kEstimateColumns / kEstimateBlock;
  const int tiles = row / tile_blocks + 1;
  const auto members = static_cast<int>(min(static_cast<int64_t>(kEstimateBlock), choice.groups - group_zero));
  const int64_t first = blockIdx.y * parts.rows + group_zero - parts.first_group;
  static_assert(kWarps == kEstimateBlock, "a warp takes a group of queries");
  if (warp < members) {
    const auto* sums = reinterpret_cast<const float2*>(parts.sums) + (first + warp) * parts.tiles;
    float highest = -INFINITY, total = 0;
    for (int tile = lane; tile < tiles; tile += 32) highest = fmaxf(highest, sums[tile].x);
    highest = warp_max(highest);
    for (int tile = lane; tile < tiles; tile += 32) {
      const float share = exp2_fast((sums[tile].x - highest) * choice.scale_log2);
      shares[warp * parts.tiles + tile] = share;
      total = fmaf(share, sums[tile].y, total);
    }
    const float inverse = 1.0f / warp_sum(total);
    for (int tile = lane; tile < tiles; tile += 32) shares[warp * parts.tiles + tile] *= inverse;
  }
  __syncthreads();
  const float* masses = parts.masses + first * parts.tiles * tile_blocks;
  for (int block = threadIdx.x; block <= row; block += kThreads) {
    float sum = 0;
#pragma unroll
    for (int member = 0; member < kEstimateBlock; ++member) {
      if (member >= members) break;
      sum = fmaf(masses[member * parts.tiles * tile_blocks + block], shares[member * parts.tiles + block / tile_blocks], sum);
    }
    mass[block] = sum;
  }
  __syncthreads();
}

}  // namespace elastic::selection
