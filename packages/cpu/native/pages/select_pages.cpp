// The pages with the largest bounds of q · k: products of one long row a page, then a choice.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <vector>

#include "addon/choices/page_operations.h"
#include "attention/split_order.h"
#include "core/scratch.h"
#include "core/thread_pool.h"
#include "floats/kernel_table.h"

namespace elastic {
namespace {

/** Pages that are bounded at a time. */
constexpr int64_t kPages = 256;
/** Queries that are taken together. */
constexpr int64_t kQueries = 16;

/** Queries as bounds are multiplied by them: what is above 0, then what is below. */
struct SplitQueries {
  float* values;
  int64_t count;
};

/** Σ max(q · largest, q · smallest) is one product: each bound meets the part of the query that picks it. */
void split_query(const PageSelection& selection, int64_t row, int64_t head, float* out) {
  const int64_t head_dim = selection.head_dim;
  Scratch scratch;
  float* query = scratch.take<float>(head_dim);
  float* signs = scratch.take<float>(2 * head_dim);
  const Matrix& source = selection.query;
  float_kernels().convert(source.row(row) + head * head_dim * byte_size(source.dtype), source.dtype, reinterpret_cast<char*>(query), DType::F32, head_dim);
  for (int64_t i = 0; i < head_dim; ++i) {
    signs[i] = query[i] > 0 || query[i] != query[i] ? query[i] : 0;
    signs[head_dim + i] = query[i] < 0 ? query[i] : 0;
  }
  const bool by_rows = 2 * head_dim % 32 == 0;
  split_order(signs, out, 2 * head_dim, by_rows ? selection.bounds.dtype : DType::F32);
}

/** products[query][page] for pages whose bounds lie in consecutive rows. */
void multiply_bounds(const PageSelection& selection, const SplitQueries& queries, int64_t first, int64_t pages, float* products) {
  const FloatKernels& kernels = float_kernels();
  const Matrix& bounds = selection.bounds;
  const int64_t depth = bounds.columns;
  if (depth % 32 == 0) {
    kernels.score_rows(queries.values, queries.count, bounds.row(first), bounds.row_stride * byte_size(bounds.dtype), bounds.dtype, pages, depth, products, kPages);
    return;
  }
  Scratch scratch;
  float* row = scratch.take<float>(depth);
  for (int64_t page = 0; page < pages; ++page) {
    kernels.convert(bounds.row(first + page), bounds.dtype, reinterpret_cast<char*>(row), DType::F32, depth);
    for (int64_t query = 0; query < queries.count; ++query) products[query * kPages + page] = kernels.dot(queries.values + query * depth, row, depth);
  }
}

/** Raises the bounds of `candidates` pages from page `sink_blocks` on by those for some queries. */
void raise_bounds(const PageSelection& selection, const HeadStore& store, const SplitQueries& queries, int64_t candidates, float* best) {
  const PageChoice& choice = selection.choice;
  Scratch scratch;
  float* products = scratch.take<float>(kQueries * kPages);
  for (int64_t page = 0; page < candidates;) {
    const int64_t position = (choice.sink_blocks + page) * choice.page_tokens;
    const int64_t together = std::min({candidates - page, kPages, store.contiguous(position) / choice.page_tokens});
    multiply_bounds(selection, queries, store.slot(position) / choice.page_tokens, together, products);
    for (int64_t query = 0; query < queries.count; ++query) {
      for (int64_t i = 0; i < together; ++i) {
        const float bound = products[query * kPages + i];
        best[page + i] = std::max(best[page + i], bound != bound ? INFINITY : bound);
      }
    }
    page += together;
  }
}

/** The largest bounds over the queries of a page of positions and the query heads of a key-value head. */
void bound_candidates(const PageSelection& selection, const PageSelection::Head& head, int64_t block, int64_t candidates, float* best) {
  std::fill(best, best + candidates, -INFINITY);
  const int64_t depth = 2 * selection.head_dim, first = selection.first_row(block), rows = selection.end_row(block) - first;
  Scratch scratch;
  SplitQueries queries{scratch.take<float>(kQueries * depth), 0};
  for (int64_t i = 0; i < rows * selection.group; ++i) {
    split_query(selection, first + i / selection.group, head.key_value_head * selection.group + i % selection.group, queries.values + queries.count * depth);
    if (++queries.count < kQueries && i + 1 < rows * selection.group) continue;
    raise_bounds(selection, head.store, queries, candidates, best);
    queries.count = 0;
  }
}

void select_block(const PageSelection& selection, const PageSelection::Head& head, int64_t block) {
  const PageChoice& choice = selection.choice;
  const int64_t candidates = choice.candidates(block), chosen = choice.chosen(candidates, selection.length);
  std::vector<uint8_t> visited(static_cast<std::size_t>(selection.key_blocks()), 0);
  for (int64_t page = 0; page <= block; ++page) {
    if (page < choice.sink_blocks || page > block - choice.local_blocks) visited[static_cast<std::size_t>(page)] = 1;
  }
  std::vector<int64_t> order(static_cast<std::size_t>(candidates));
  std::iota(order.begin(), order.end(), int64_t{0});
  if (chosen > 0 && chosen < candidates) {
    Scratch scratch;
    float* best = scratch.take<float>(candidates);
    bound_candidates(selection, head, block, candidates, best);
    std::nth_element(order.begin(), order.begin() + chosen, order.end(),
                     [&](int64_t a, int64_t b) { return best[a] > best[b] || (best[a] == best[b] && a < b); });
  }
  for (int64_t i = 0; i < chosen; ++i) visited[static_cast<std::size_t>(choice.sink_blocks + order[static_cast<std::size_t>(i)])] = 1;
  for (int64_t member = 0; member < selection.group; ++member) {
    const int64_t query_head = head.key_value_head * selection.group + member;
    std::memcpy(selection.visited.row(query_head * selection.query_blocks() + block - selection.first_block()), visited.data(), visited.size());
  }
}

}  // namespace

void backend::select_pages(const PageSelection& selection) {
  const int64_t blocks = selection.query_blocks();
  parallel_for(static_cast<int64_t>(selection.heads.size()) * blocks, [&](int64_t index) {
    select_block(selection, selection.heads[static_cast<std::size_t>(index / blocks)], selection.first_block() + index % blocks);
  });
}

}  // namespace elastic
