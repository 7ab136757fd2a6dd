// Largest and smallest values of the keys of a page.
#include "addon/choices/page_operations.h"
#include "core/scratch.h"
#include "core/thread_pool.h"
#include "floats/kernel_table.h"

namespace elastic {
namespace {

/** Pages that are worth a thread. */
constexpr int64_t kGrain = 8;

void bound_page(const PageBounding& bounding, const HeadStore& store, int64_t page) {
  const FloatKernels& kernels = float_kernels();
  const Matrix &keys = bounding.keys, &bounds = bounding.bounds;
  const int64_t head_dim = keys.columns, first = store.slot(page * bounding.page_tokens);
  Scratch scratch;
  float* largest = scratch.take<float>(2 * head_dim);
  float* smallest = largest + head_dim;
  float* key = scratch.take<float>(head_dim);
  kernels.convert(keys.row(first), keys.dtype, reinterpret_cast<char*>(largest), DType::F32, head_dim);
  std::copy(largest, largest + head_dim, smallest);
  for (int64_t token = 1; token < bounding.page_tokens; ++token) {
    kernels.convert(keys.row(first + token), keys.dtype, reinterpret_cast<char*>(key), DType::F32, head_dim);
    for (int64_t i = 0; i < head_dim; ++i) {
      // What is not a number stays: nothing compares with it.
      const bool odd = key[i] != key[i];
      largest[i] = key[i] > largest[i] || odd ? key[i] : largest[i];
      smallest[i] = key[i] < smallest[i] || odd ? key[i] : smallest[i];
    }
  }
  kernels.convert(reinterpret_cast<const char*>(largest), DType::F32, bounds.row(first / bounding.page_tokens), bounds.dtype, 2 * head_dim);
}

}  // namespace

void backend::bound_pages(const PageBounding& bounding) {
  const int64_t pages = bounding.end_page - bounding.first_page;
  const auto heads = static_cast<int64_t>(bounding.stores.size());
  parallel_rows(heads * pages, kGrain, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) {
      bound_page(bounding, bounding.stores[static_cast<std::size_t>(i / pages)], bounding.first_page + i % pages);
    }
  });
}

}  // namespace elastic
