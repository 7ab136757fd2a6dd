#include "selection/choose_blocks.h"

#include <algorithm>
#include <stdexcept>

#include "core/device/check.h"
#include "selection/block_masses.cuh"

namespace elastic {
namespace {

using namespace selection;

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
  choice.scale_log2 = static_cast<float>(1.44269504088896341 * estimate.score_scale());
  choice.sum_cap = static_cast<float>(estimate.sum_cap());
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
