// Rows on their way back from a cache to tokens.
#include "attention/tables/attention_tables.h"
#include "core/device/check.h"
#include "core/device/device.h"
#include "core/memory/staging.h"
#include "core/elements/elements.cuh"
#include "training/training_operations.h"

namespace elastic {
namespace {

constexpr int kThreads = 256;

template <int width, typename In, typename Out>
__global__ void __launch_bounds__(kThreads) gather_rows(Rows<In> source, Rows<Out> target, const HeadEntry* heads, int num_heads, int head_dim,
                                                        int64_t position, int64_t total) {
  const int64_t index = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (index >= total) return;
  const int head_vectors = head_dim / width;
  const int column = static_cast<int>(index % head_vectors) * width, head = static_cast<int>(index / head_vectors % num_heads);
  const int64_t token = index / head_vectors / num_heads;
  float values[width];
  load_floats(source[heads[head].slot(static_cast<int32_t>(position + token))] + column, values);
  store_floats(target[token] + static_cast<int64_t>(head) * head_dim + column, values);
}

}  // namespace

void backend::cache_gather(const CacheGather& gather) {
  const cudaStream_t stream = Device::instance().stream;
  std::vector<HeadEntry> heads;
  for (const HeadStore& store : gather.stores) {
    heads.push_back({{PatternType::Full, 0, 0, 1}, static_cast<int32_t>(store.first_slot), static_cast<int32_t>(store.num_slots),
                     static_cast<int32_t>(store.sink_tokens), static_cast<int32_t>(store.ring_tokens)});
  }
  const int64_t head_dim = gather.source.columns, elements = gather.target.rows * gather.target.columns;
  if (elements == 0) return;
  const Scratch table(heads.size() * sizeof(HeadEntry));
  upload_small(table.data(), heads.data(), heads.size() * sizeof(HeadEntry), stream);
  with_float_type(gather.source.dtype, [&]<typename In>(In*) {
    with_float_type(gather.target.dtype, [&]<typename Out>(Out*) {
      with_width(reads_vectors(gather.source) && reads_vectors(gather.target), [&]<typename W>(W) {
        const int64_t total = elements / W::kValue;
        gather_rows<W::kValue><<<static_cast<unsigned>((total + kThreads - 1) / kThreads), kThreads, 0, stream>>>(
            rows_of<In>(gather.source), rows_of<Out>(gather.target), reinterpret_cast<const HeadEntry*>(table.data()),
            static_cast<int>(heads.size()), static_cast<int>(head_dim), gather.position, total);
      });
    });
  });
  check(cudaGetLastError(), "cacheGather");
}

}  // namespace elastic
