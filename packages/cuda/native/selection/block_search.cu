// Block search: mean keys, then one thread block for a query block of a head, whose rows share what they read of the means.
#include "addon/choices/block_search.h"

#include <cstring>
#include <stdexcept>

#include "attention/tables/attention_tables.h"
#include "core/device/check.h"
#include "core/device/device.h"
#include "core/elements/floats.cuh"
#include "core/memory/staging.h"

namespace elastic {
namespace {

constexpr int kThreads = 256;
constexpr int kWarps = kThreads / 32;
/** Rows that look for blocks together, and how many of them a thread scores for a key. */
constexpr int kRows = 8;
constexpr int kThreadRows = 2;
constexpr int kKeyThreads = kRows / kThreadRows;
constexpr int kMostHeadDim = 256;
constexpr size_t kMostShared = 200 * 1024;
/** Threads of a block of keys, and tokens that each of them has in flight. */
constexpr int kMeanThreads = 512;

struct Search {
  /** By head asked for: where its keys lie, and which key-value head it is. */
  const HeadEntry* heads;
  const int32_t* numbers;
  SequenceEntry sequence;
  int64_t query_stride;
  int group;
  int head_dim;
  int tokens;
  int blocks;
  int block_size;
  int stride;
  float scale;
  float soft_cap;
  float margin;
  /** F32 [heads, blocks, head_dim]. */
  float* means;
  uint8_t* visited;
  int64_t visited_stride;

  __device__ int end(int block) const { return min(tokens, (block + 1) * block_size); }
};

/** One thread block for a block of keys of a head: threads share its tokens, then add up what they have. */
template <typename Key>
__global__ void __launch_bounds__(kMeanThreads) mean_keys(const Search search, const Key* keys) {
  __shared__ float sums[kMeanThreads];
  const HeadEntry head = search.heads[blockIdx.y];
  const int first = blockIdx.x * search.block_size, end = search.end(blockIdx.x);
  const int shares = kMeanThreads / search.head_dim, column = threadIdx.x % search.head_dim, share = threadIdx.x / search.head_dim;
  float sum = 0;
  if (share < shares) {
#pragma unroll 8
    for (int token = first + share; token < end; token += shares) {
      sum += to_float(keys[static_cast<int64_t>(search.sequence.row(head.slot(token))) * search.head_dim + column]);
    }
  }
  sums[threadIdx.x] = sum;
  __syncthreads();
  if (share != 0) return;
  for (int other = 1; other < shares; ++other) sum += sums[other * search.head_dim + column];
  search.means[(static_cast<int64_t>(blockIdx.y) * search.blocks + blockIdx.x) * search.head_dim + column] = sum / static_cast<float>(end - first);
}

/** Scores of the held rows against the means of `count` blocks: scores[row][block]. A few threads share a mean. */
__device__ inline void score_means(const Search& search, const float* held, const float* means, int rows, int count, float* scores) {
  const int part = threadIdx.x % kKeyThreads;
  const float* queries = held + part * kThreadRows * search.head_dim;
  for (int other = threadIdx.x / kKeyThreads; other < count; other += kThreads / kKeyThreads) {
    const float* mean = means + static_cast<int64_t>(other) * search.head_dim;
    float dots[kThreadRows] = {};
#pragma unroll 4
    for (int column = 0; column < search.head_dim; ++column) {
      const float value = __ldg(mean + column);
#pragma unroll
      for (int row = 0; row < kThreadRows; ++row) dots[row] = fmaf(queries[row * search.head_dim + column], value, dots[row]);
    }
#pragma unroll
    for (int row = 0; row < kThreadRows; ++row) {
      const int index = part * kThreadRows + row;
      if (index >= rows) break;
      const float score = dots[row] * search.scale;
      scores[index * search.blocks + other] = search.soft_cap > 0 ? search.soft_cap * tanhf(score / search.soft_cap) : score;
    }
  }
}

/** One thread block for a query block of a head. */
template <typename Query>
__global__ void __launch_bounds__(kThreads) search_blocks(const Search search, const Query* query) {
  extern __shared__ float memory[];
  // The longest rows first.
  const int block = search.blocks - 1 - static_cast<int>(blockIdx.x), count = block + 1;
  const int head = search.numbers[blockIdx.z] * search.group + blockIdx.y, warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  float* held = memory;
  float* scores = memory + kRows * search.head_dim;
  const float* means = search.means + static_cast<int64_t>(blockIdx.z) * search.blocks * search.head_dim;
  uint8_t* visited = search.visited + (static_cast<int64_t>(head) * search.blocks + block) * search.visited_stride;
  for (int other = threadIdx.x; other < search.blocks; other += kThreads) visited[other] = other == 0 || other == block;
  const int end = search.end(block), all_rows = (end - block * search.block_size + search.stride - 1) / search.stride;
  for (int base = 0; base < all_rows; base += kRows) {
    const int rows = min(kRows, all_rows - base);
    __syncthreads();
    for (int i = threadIdx.x; i < rows * search.head_dim; i += kThreads) {
      const int64_t row = end - 1 - static_cast<int64_t>(base + i / search.head_dim) * search.stride;
      held[i] = to_float(query[row * search.query_stride + head * search.head_dim + i % search.head_dim]);
    }
    __syncthreads();
    score_means(search, held, means, rows, count, scores);
    __syncthreads();
    // A warp for a row.
    for (int row = warp; row < rows; row += kWarps) {
      const float* line = scores + row * search.blocks;
      float largest = -INFINITY;
      bool odd = false;
      for (int other = lane; other < count; other += 32) {
        largest = fmaxf(largest, line[other]);
        odd |= line[other] != line[other];
      }
      const float least = warp_max(largest) + search.margin;
      // Nothing lies below what is not a number.
      const bool all = __any_sync(0xffffffffu, odd);
      for (int other = lane; other < count; other += 32) {
        if (all || !(line[other] < least)) visited[other] = 1;
      }
    }
  }
}

}  // namespace

void backend::block_search(const BlockSearch& call) {
  if (call.heads.empty()) return;
  const cudaStream_t stream = Device::instance().stream;
  const int64_t blocks = call.blocks();
  const size_t shared = static_cast<size_t>(kRows * (call.head_dim + blocks)) * sizeof(float);
  if (call.head_dim > kMostHeadDim) throw std::range_error("blocks are searched for head dimensions up to 256 on this device");
  if (shared > kMostShared) throw std::range_error("a prompt has too many blocks for the block search on this device");
  std::vector<HeadEntry> heads;
  std::vector<int32_t> numbers;
  for (const auto& [number, store] : call.heads) {
    heads.push_back({{PatternType::Full, 0, 0, 1}, static_cast<int32_t>(store.first_slot), static_cast<int32_t>(store.num_slots), 0, 0});
    numbers.push_back(static_cast<int32_t>(number));
  }
  const size_t head_bytes = heads.size() * sizeof(HeadEntry), number_bytes = (numbers.size() * sizeof(int32_t) + 15) / 16 * 16;
  const Scratch memory(head_bytes + number_bytes + heads.size() * static_cast<size_t>(blocks * call.head_dim) * sizeof(float));
  std::vector<char> tables(head_bytes + number_bytes);
  std::memcpy(tables.data(), heads.data(), head_bytes);
  std::memcpy(tables.data() + head_bytes, numbers.data(), numbers.size() * sizeof(int32_t));
  upload_small(memory.data(), tables.data(), tables.size(), stream);
  Search search{};
  search.heads = reinterpret_cast<const HeadEntry*>(memory.data());
  search.numbers = reinterpret_cast<const int32_t*>(memory.data() + head_bytes);
  search.means = reinterpret_cast<float*>(memory.data() + head_bytes + number_bytes);
  search.sequence.page_shift = call.heads.front().store.pages.shift;
  search.sequence.pages = call.heads.front().store.pages.entries;
  search.query_stride = call.query.row_stride;
  search.group = static_cast<int>(call.group);
  search.head_dim = static_cast<int>(call.head_dim);
  search.tokens = static_cast<int>(call.tokens);
  search.blocks = static_cast<int>(blocks);
  search.block_size = static_cast<int>(call.block_size);
  search.stride = static_cast<int>(call.stride);
  search.scale = call.scale;
  search.soft_cap = call.soft_cap;
  search.margin = std::log(call.alpha);
  search.visited = reinterpret_cast<uint8_t*>(call.visited.data);
  search.visited_stride = call.visited.row_stride;
  const auto columns = static_cast<unsigned>(blocks), count = static_cast<unsigned>(heads.size());
  with_float_type(call.keys.dtype, [&]<typename Key>(Key*) {
    mean_keys<Key><<<dim3(columns, count), kMeanThreads, 0, stream>>>(search, reinterpret_cast<const Key*>(call.keys.data));
  });
  check(cudaGetLastError(), "blockSearch, means");
  with_float_type(call.query.dtype, [&]<typename Query>(Query*) {
    if (shared > 40 * 1024) {
      check(cudaFuncSetAttribute(search_blocks<Query>, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(shared)), "cudaFuncSetAttribute");
    }
    search_blocks<Query><<<dim3(columns, static_cast<unsigned>(call.group), count), kThreads, shared, stream>>>(search, reinterpret_cast<const Query*>(call.query.data));
  });
  check(cudaGetLastError(), "blockSearch, search");
}

}  // namespace elastic
