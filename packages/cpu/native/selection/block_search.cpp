// Rows of each query block against the mean keys of all blocks; blocks whose weight reaches a share of the largest are read.
#include "addon/choices/block_search.h"

#include <cstring>
#include <vector>

#include "core/scratch.h"
#include "core/thread_pool.h"
#include "floats/kernel_table.h"

namespace elastic {
namespace {

/** The mean of the keys that a block has. */
void mean_key(const BlockSearch& search, const HeadStore& store, int64_t block, float* mean) {
  const FloatKernels& kernels = float_kernels();
  const int64_t head_dim = search.head_dim, first = block * search.block_size, end = search.end(block);
  Scratch scratch;
  float* key = scratch.take<float>(head_dim);
  std::fill(mean, mean + head_dim, 0.0f);
  for (int64_t token = first; token < end; ++token) {
    kernels.convert(search.keys.row(store.slot(token)), search.keys.dtype, reinterpret_cast<char*>(key), DType::F32, head_dim);
    for (int64_t i = 0; i < head_dim; ++i) mean[i] += key[i];
  }
  kernels.scale(mean, 1.0f / static_cast<float>(end - first), head_dim);
}

/** Marks the blocks up to its own that a row of queries reads; `scores` has room for 16 more than there are blocks. */
void mark_blocks(const BlockSearch& search, const float* query, const float* means, int64_t blocks, float* scores, uint8_t* visited) {
  const FloatKernels& kernels = float_kernels();
  const int64_t head_dim = search.head_dim;
  if (head_dim % 32 == 0) {
    kernels.score_rows(query, 1, reinterpret_cast<const char*>(means), head_dim * 4, DType::F32, blocks, head_dim, scores, blocks);
  } else {
    for (int64_t block = 0; block < blocks; ++block) scores[block] = kernels.dot(query, means + block * head_dim, head_dim);
  }
  float largest = -INFINITY;
  for (int64_t block = 0; block < blocks; ++block) {
    const float score = scores[block] * search.scale;
    scores[block] = search.soft_cap > 0 ? search.soft_cap * std::tanh(score / search.soft_cap) : score;
    // What is not a number stays the largest, and nothing lies below it.
    largest = scores[block] > largest || scores[block] != scores[block] ? scores[block] : largest;
  }
  const float least = largest + std::log(search.alpha);
  for (int64_t block = 0; block < blocks; ++block) {
    if (!(scores[block] < least)) visited[block] = 1;
  }
}

void search_block(const BlockSearch& search, int64_t head, int64_t block, const float* means) {
  const int64_t head_dim = search.head_dim, blocks = search.blocks();
  auto* visited = reinterpret_cast<uint8_t*>(search.visited.row(head * blocks + block));
  std::memset(visited, 0, static_cast<std::size_t>(blocks));
  Scratch scratch;
  float* scores = scratch.take<float>(blocks + 16);
  float* query = scratch.take<float>(head_dim);
  for (int64_t index = 0; index < search.rows(block); ++index) {
    const char* source = search.query.row(search.row(block, index)) + head * head_dim * byte_size(search.query.dtype);
    float_kernels().convert(source, search.query.dtype, reinterpret_cast<char*>(query), DType::F32, head_dim);
    mark_blocks(search, query, means, block + 1, scores, visited);
  }
  visited[0] = visited[block] = 1;
}

}  // namespace

void backend::block_search(const BlockSearch& search) {
  const int64_t blocks = search.blocks();
  std::vector<float> means(static_cast<std::size_t>(blocks * search.head_dim));
  for (const auto& [number, store] : search.heads) {
    parallel_rows(blocks, 4, [&](int64_t first, int64_t last) {
      for (int64_t block = first; block < last; ++block) mean_key(search, store, block, means.data() + block * search.head_dim);
    });
    // The longest rows first.
    parallel_for(search.group * blocks, [&](int64_t index) {
      search_block(search, number * search.group + index % search.group, blocks - 1 - index / search.group, means.data());
    });
  }
}

}  // namespace elastic
