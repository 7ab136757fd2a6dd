// Block search: mean keys, then one thread block for a query block of a head, whose rows share what they read of the means.
#include "addon/choices/block_search.h"

#include <stdexcept>

#include "attention/tables/attention_tables.h"
#include "core/device/check.h"
#include "core/device/device.h"
#include "core/elements/block_sums.cuh"

namespace elastic {
namespace {

constexpr int kThreads = 256;
constexpr int kWarps = kThreads / 32;
/** Rows that look for blocks together. */
constexpr int kRows = 8;
constexpr int kMostHeadDim = 256;
constexpr size_t kMostShared = 200 * 1024;

struct Search {
  HeadEntry head;
  SequenceEntry sequence;
  int64_t query_stride;
  int query_head;
  int head_dim;
  int tokens;
  int blocks;
  int block_size;
  int stride;
  float scale;
  float soft_cap;
  float margin;
  float* means;
  uint8_t* visited;
  int64_t visited_stride;
};

/** One thread block for a block of keys. */
template <typename Key>
__global__ void __launch_bounds__(kMostHeadDim) mean_keys(const Search search, const Key* keys) {
  const int first = blockIdx.x * search.block_size, end = min(first + search.block_size, search.tokens), column = threadIdx.x;
  if (column >= search.head_dim) return;
  float sum = 0;
  for (int token = first; token < end; ++token) {
    sum += to_float(keys[static_cast<int64_t>(search.sequence.row(search.head.slot(token))) * search.head_dim + column]);
  }
  search.means[static_cast<int64_t>(blockIdx.x) * search.head_dim + column] = sum / static_cast<float>(end - first);
}

template <typename Query>
__global__ void __launch_bounds__(kThreads) search_blocks(const Search search, const Query* query) {
  extern __shared__ float memory[];
  // The longest rows first.
  const int block = search.blocks - 1 - static_cast<int>(blockIdx.x), head = search.query_head + blockIdx.y, count = block + 1;
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  float* held = memory;
  float* scores = memory + kRows * search.head_dim;
  uint8_t* visited = search.visited + (static_cast<int64_t>(head) * search.blocks + block) * search.visited_stride;
  for (int other = threadIdx.x; other < search.blocks; other += kThreads) visited[other] = other == 0 || other == block;
  const int end = min(search.tokens, (block + 1) * search.block_size);
  const int all_rows = (end - block * search.block_size + search.stride - 1) / search.stride;
  for (int base = 0; base < all_rows; base += kRows) {
    const int rows = min(kRows, all_rows - base);
    __syncthreads();
    for (int i = threadIdx.x; i < rows * search.head_dim; i += kThreads) {
      const int64_t row = end - 1 - static_cast<int64_t>(base + i / search.head_dim) * search.stride;
      held[i] = to_float(query[row * search.query_stride + head * search.head_dim + i % search.head_dim]);
    }
    __syncthreads();
    for (int other = warp; other < count; other += kWarps) {
      const float* mean = search.means + static_cast<int64_t>(other) * search.head_dim;
      float own[kMostHeadDim / 32];
#pragma unroll
      for (int part = 0; part < kMostHeadDim / 32; ++part) {
        const int column = part * 32 + lane;
        own[part] = column < search.head_dim ? mean[column] : 0.0f;
      }
      for (int row = 0; row < rows; ++row) {
        float dot = 0;
#pragma unroll
        for (int part = 0; part < kMostHeadDim / 32; ++part) {
          const int column = part * 32 + lane;
          dot = fmaf(column < search.head_dim ? held[row * search.head_dim + column] : 0.0f, own[part], dot);
        }
        const float score = warp_sum(dot) * search.scale;
        if (lane == 0) scores[row * search.blocks + other] = search.soft_cap > 0 ? search.soft_cap * tanhf(score / search.soft_cap) : score;
      }
    }
    __syncthreads();
    for (int row = 0; row < rows; ++row) {
      const float* line = scores + row * search.blocks;
      float largest = -INFINITY, odd = 0;
      for (int other = threadIdx.x; other < count; other += kThreads) {
        largest = fmaxf(largest, line[other]);
        odd = line[other] != line[other] ? 1.0f : odd;
      }
      largest = block_max(largest);
      // Nothing lies below what is not a number.
      const bool all = block_max(odd) > 0;
      for (int other = threadIdx.x; other < count; other += kThreads) {
        if (all || !(line[other] < largest + search.margin)) visited[other] = 1;
      }
    }
  }
}

}  // namespace

void backend::block_search(const BlockSearch& call) {
  const cudaStream_t stream = Device::instance().stream;
  const int64_t blocks = call.blocks();
  const size_t shared = static_cast<size_t>(kRows * (call.head_dim + blocks)) * sizeof(float);
  if (call.head_dim > kMostHeadDim) throw std::range_error("blocks are searched for head dimensions up to 256 on this device");
  if (shared > kMostShared) throw std::range_error("a prompt has too many blocks for the block search on this device");
  const Scratch means(static_cast<size_t>(blocks * call.head_dim) * sizeof(float));
  for (const auto& [number, store] : call.heads) {
    Search search{};
    search.head = {{PatternType::Full, 0, 0, 1}, static_cast<int32_t>(store.first_slot), static_cast<int32_t>(store.num_slots), 0, 0};
    search.sequence.page_shift = store.pages.shift;
    search.sequence.pages = store.pages.entries;
    search.query_stride = call.query.row_stride;
    search.query_head = static_cast<int>(number * call.group);
    search.head_dim = static_cast<int>(call.head_dim);
    search.tokens = static_cast<int>(call.tokens);
    search.blocks = static_cast<int>(blocks);
    search.block_size = static_cast<int>(call.block_size);
    search.stride = static_cast<int>(call.stride);
    search.scale = call.scale;
    search.soft_cap = call.soft_cap;
    search.margin = std::log(call.alpha);
    search.means = reinterpret_cast<float*>(means.data());
    search.visited = reinterpret_cast<uint8_t*>(call.visited.data);
    search.visited_stride = call.visited.row_stride;
    with_float_type(call.keys.dtype, [&]<typename Key>(Key*) {
      mean_keys<Key><<<static_cast<unsigned>(blocks), kMostHeadDim, 0, stream>>>(search, reinterpret_cast<const Key*>(call.keys.data));
    });
    check(cudaGetLastError(), "blockSearch, means");
    with_float_type(call.query.dtype, [&]<typename Query>(Query*) {
      if (shared > 40 * 1024) {
        check(cudaFuncSetAttribute(search_blocks<Query>, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(shared)), "cudaFuncSetAttribute");
      }
      const dim3 grid(static_cast<unsigned>(blocks), static_cast<unsigned>(call.group));
      search_blocks<Query><<<grid, kThreads, shared, stream>>>(search, reinterpret_cast<const Query*>(call.query.data));
    });
    check(cudaGetLastError(), "blockSearch, search");
  }
}

}  // namespace elastic
