#include "selection/select_kernels.h"

#include <algorithm>
#include <stdexcept>

#include "core/check.h"
#include "core/floats.cuh"
#include "selection/estimate_sm90.h"

namespace elastic {
namespace {

constexpr int kThreads = 256;
constexpr int kWarps = kThreads / 32;

/** `Unit` elements at a time: one, or 16 bytes. */
template <typename Unit>
__global__ void gather_queries(const Unit* query, Unit* target, int64_t row_stride, int64_t first, int64_t rows,
                               int64_t tokens, int stride, int head_units, int64_t first_head) {
  const int64_t index = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (index >= rows * stride * head_units) return;
  const int64_t column = index % head_units, m = index / head_units % stride, row = index / head_units / stride;
  const int64_t token = (first + row) * stride + stride - 1 - m;
  const int64_t head = first_head + blockIdx.y;
  target[blockIdx.y * rows * stride * head_units + index] =
      token < tokens ? query[token * row_stride + head * head_units + column] : Unit{};
}

struct Choice {
  const float* scores;
  /** Instead of scores, where they were reduced already. */
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
  double threshold;
  bool round_bf16;
};

__device__ inline float round_score(float value, bool round) {
  return round ? __bfloat162float(__float2bfloat16_rn(value)) : value;
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
__device__ void add_score_masses(const Choice& choice, int64_t group_zero, int row, float* mass, float* memory) {
  const int per_block = choice.groups_per_block;
  // A warp takes a group of queries; blocks that follow one another are lanes side by side. Masses of the groups lie
  // apart and add up in one order.
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
      highest = round_score(warp_max(highest), choice.round_bf16);
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
          for (const float score : line) part += exp2_fast((round_score(score, choice.round_bf16) - highest) * choice.scale_log2);
        } else {
          for (int i = start; i < end; ++i) {
            part += exp2_fast((round_score(scores[i], choice.round_bf16) - highest) * choice.scale_log2);
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

/** The same from parts: what every column tile is relative to differs from group to group. */
__device__ void add_part_masses(const Choice& choice, int64_t group_zero, int row, float* mass, float* shares) {
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

/** One thread block for a block of query groups. */
__global__ void __launch_bounds__(kThreads) choose_blocks(const Choice choice) {
  extern __shared__ float memory[];
  __shared__ double reduced[kThreads / 32];
  const int64_t group_zero = choice.first_group + static_cast<int64_t>(blockIdx.x) * choice.groups_per_block;
  // Heads of a group lie one after another, in the scores and in the mask.
  const int row = static_cast<int>(group_zero / choice.groups_per_block);
  float* mass = memory;
  auto* order = reinterpret_cast<int*>(memory + choice.sorted);
  for (int block = threadIdx.x; block < choice.sorted; block += kThreads) {
    mass[block] = 0;
    order[block] = block;
  }
  __syncthreads();
  if (choice.scores != nullptr) add_score_masses(choice, group_zero, row, mass, memory + 2 * choice.sorted);
  else add_part_masses(choice, group_zero, row, mass, memory + 2 * choice.sorted);
  double part = 0;
  for (int block = threadIdx.x; block <= row; block += kThreads) {
    mass[block] = round_score(mass[block], choice.round_bf16);
    part += mass[block];
  }
  const double total = block_reduce(part, reduced, [](double a, double b) { return a + b; });
  const double required = total * choice.threshold;
  const double own = mass[row];
  __syncthreads();
  // The diagonal is chosen anyway: what is sorted are the blocks before it.
  for (int block = row + threadIdx.x; block < choice.sorted; block += kThreads) mass[block] = -1;
  int size = 2;
  while (size < row) size *= 2;
  for (int width = 2; width <= size; width *= 2) {
    for (int step = width / 2; step > 0; step /= 2) {
      __syncthreads();
      for (int i = threadIdx.x; i < size; i += kThreads) {
        const int other = i ^ step;
        if (other <= i) continue;
        const bool descending = (i & width) == 0;
        if (comes_first(mass[other], order[other], mass[i], order[i]) == descending) {
          const float kept = mass[i];
          mass[i] = mass[other];
          mass[other] = kept;
          const int index = order[i];
          order[i] = order[other];
          order[other] = index;
        }
      }
    }
  }
  __syncthreads();
  uint8_t* visited = choice.visited + (static_cast<int64_t>(blockIdx.y) * choice.blocks + row) * choice.visited_stride;
  for (int block = threadIdx.x; block < choice.blocks; block += kThreads) visited[block] = 0;
  __syncthreads();
  // The published walk compares one block late: block i is taken while the mass before block i - 1 is too little.
  __shared__ double carried;
  __shared__ double warps[kThreads / 32];
  if (threadIdx.x == 0) carried = own;
  for (int start = 0; start < row; start += kThreads) {
    const int i = start + threadIdx.x;
    // Taken before block i - 1 was added: own mass and the i - 1 heaviest blocks.
    double before = i >= 2 && i < row ? mass[i - 2] : 0;
    for (int step = 1; step < 32; step *= 2) {
      const double other = __shfl_up_sync(0xffffffffu, before, step);
      if (threadIdx.x % 32 >= static_cast<unsigned>(step)) before += other;
    }
    if (threadIdx.x % 32 == 31) warps[threadIdx.x / 32] = before;
    __syncthreads();
    double late = carried + before;
    for (unsigned warp = 0; warp < threadIdx.x / 32; ++warp) late += warps[warp];
    if (i < row && (i == 0 ? 0.0 : late) < required) visited[order[i]] = 1;
    __syncthreads();
    if (threadIdx.x == kThreads - 1) carried = late;
    __syncthreads();
  }
  if (threadIdx.x == 0) visited[0] = visited[row] = 1;
}

}  // namespace

void launch_gather_queries(const Estimate& estimate, int64_t head, int64_t heads, int64_t first, int64_t rows,
                           void* target, cudaStream_t stream) {
  const int64_t element = byte_size(estimate.query.dtype);
  const auto launch = [&]<typename Unit>(Unit*) {
    const int64_t units = estimate.head_dim * element / static_cast<int64_t>(sizeof(Unit));
    const int64_t total = rows * estimate.stride * units;
    const dim3 grid(static_cast<unsigned>((total + kThreads - 1) / kThreads), static_cast<unsigned>(heads));
    gather_queries<<<grid, kThreads, 0, stream>>>(reinterpret_cast<const Unit*>(estimate.query.data),
                                                  static_cast<Unit*>(target),
                                                  estimate.query.row_stride * element / static_cast<int64_t>(sizeof(Unit)),
                                                  first, rows, estimate.tokens, static_cast<int>(estimate.stride),
                                                  static_cast<int>(units), head);
  };
  const bool wide = reinterpret_cast<uintptr_t>(estimate.query.data) % 16 == 0 &&
                    estimate.query.row_stride * element % 16 == 0 && estimate.head_dim * element % 16 == 0;
  if (wide) launch(static_cast<uint4*>(nullptr));
  else if (element == 2) launch(static_cast<uint16_t*>(nullptr));
  else launch(static_cast<uint32_t*>(nullptr));
  check(cudaGetLastError(), "xattentionEstimate, queries");
}

namespace {

Choice choice_of(const Estimate& estimate, int64_t head, int64_t first) {
  Choice choice{};
  choice.visited = reinterpret_cast<uint8_t*>(estimate.visited.row(head * estimate.blocks()));
  choice.visited_stride = estimate.visited.row_stride;
  choice.first_group = first;
  choice.groups = estimate.groups();
  choice.groups_per_block = static_cast<int>(estimate.block_size / estimate.stride);
  choice.blocks = static_cast<int>(estimate.blocks());
  choice.sorted = 2;
  while (choice.sorted < choice.blocks) choice.sorted *= 2;
  choice.scale_log2 = static_cast<float>(1.44269504088896341 / (sqrt(static_cast<double>(estimate.head_dim)) *
                                                               static_cast<double>(estimate.stride)));
  choice.threshold = estimate.threshold;
  choice.round_bf16 = estimate.round_bf16;
  return choice;
}

void launch_choice(const Choice& choice, int64_t rows, int64_t heads, size_t shared, cudaStream_t stream) {
  if (shared > 40 * 1024) {
    check(cudaFuncSetAttribute(choose_blocks, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(shared)),
          "cudaFuncSetAttribute");
  }
  const int64_t blocks = (rows + choice.groups_per_block - 1) / choice.groups_per_block;
  choose_blocks<<<dim3(static_cast<unsigned>(blocks), static_cast<unsigned>(heads)), kThreads, shared, stream>>>(choice);
  check(cudaGetLastError(), "xattentionEstimate, choice");
}

constexpr size_t kMostShared = 160 * 1024;

}  // namespace

void launch_choose_blocks(const Estimate& estimate, int64_t head, int64_t heads, int64_t first, int64_t rows,
                          const float* scores, int64_t stride, cudaStream_t stream) {
  Choice choice = choice_of(estimate, head, first);
  choice.scores = scores;
  choice.score_stride = stride;
  choice.rows = rows;
  const size_t line = static_cast<size_t>(choice.sorted) * sizeof(float);
  if (3 * line > kMostShared) throw std::range_error("a prompt has too many blocks for XAttention on this device");
  choice.warps = static_cast<int>(std::min<size_t>(kWarps, kMostShared / line - 2));
  launch_choice(choice, rows, heads, (2 + static_cast<size_t>(choice.warps)) * line, stream);
}

void launch_choose_blocks(const Estimate& estimate, int64_t head, int64_t heads, const EstimateParts& parts,
                          cudaStream_t stream) {
  Choice choice = choice_of(estimate, head, parts.first_group);
  choice.parts = parts;
  const size_t shared = static_cast<size_t>(2 * choice.sorted + kWarps * parts.tiles) * sizeof(float);
  if (shared > kMostShared) throw std::range_error("a prompt has too many blocks for XAttention on this device");
  launch_choice(choice, std::min(parts.rows, estimate.groups() - parts.first_group), heads, shared, stream);
}

}  // namespace elastic
