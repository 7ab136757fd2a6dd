// Pages of a call: bounds of complete pages, and the mask of those that queries choose.
#include "addon/choices/page_operations.h"
#include "attention/tables/attention_tables.h"
#include "core/device/check.h"
#include "core/device/device.h"
#include "core/memory/staging.h"
#include "pages/page_choice.cuh"

namespace elastic {
namespace {

using namespace pages;

template <typename T>
__global__ void __launch_bounds__(kThreads)
    bound_pages(const T* keys, T* bounds, const HeadEntry* heads, SequenceEntry sequence, int first_page, int page_tokens, int head_dim) {
  const int page = first_page + static_cast<int>(blockIdx.x);
  bound_page(keys, bounds, sequence.row(heads[blockIdx.y].slot(page * page_tokens)), page_tokens, head_dim);
}

struct Selection {
  const HeadEntry* heads;
  /** By head: key-value head. */
  const int32_t* key_value_heads;
  SequenceEntry sequence;
  int page_tokens;
  int sink_blocks;
  int local_blocks;
  int budget_pages;
  int budget_parts;
  int group;
  int head_dim;
  int rows;
  int first_block;
  int query_blocks;
  int key_blocks;
  float* scores;
  uint8_t* visited;
  int64_t visited_stride;

  __device__ int block() const { return first_block + static_cast<int>(blockIdx.y); }
  __device__ PageJob job() const {
    const int offset = sequence.key_length - rows;
    const int candidates = max(0, block() - local_blocks + 1 - sink_blocks);
    return PageJob{max(0, block() * page_tokens - offset),
                   min(rows, (block() + 1) * page_tokens - offset),
                   key_value_heads[blockIdx.z] * group,
                   group,
                   sink_blocks,
                   candidates,
                   chosen_pages(budget_pages, budget_parts, page_tokens, sequence.key_length, candidates)};
  }
  __device__ float* job_scores() const {
    return scores + (static_cast<int64_t>(blockIdx.z) * query_blocks + blockIdx.y) * key_blocks;
  }
};

template <typename Query, typename T>
__global__ void __launch_bounds__(kThreads) score_call(const Selection selection, const Query* query, int64_t query_stride, const T* bounds) {
  extern __shared__ float held[];
  const PageJob job = selection.job();
  if (job.chosen >= job.candidates) return;
  score_pages(job, query, query_stride, bounds, selection.heads[blockIdx.z], selection.sequence, selection.page_tokens,
              selection.head_dim, selection.job_scores(), held);
}

/** One thread block for a head and a page of positions: its rows of the mask, one for each query head of the group. */
__global__ void __launch_bounds__(kThreads) choose_call(const Selection selection) {
  const PageJob job = selection.job();
  const int block = selection.block();
  uint8_t* row = selection.visited + (static_cast<int64_t>(job.query_head) * selection.query_blocks + blockIdx.y) * selection.visited_stride;
  const int64_t member_stride = selection.query_blocks * selection.visited_stride;
  for (int page = threadIdx.x; page < selection.key_blocks; page += kThreads) {
    const bool fixed = page <= block && (page < selection.sink_blocks || page > block - selection.local_blocks);
    for (int member = 0; member < job.group; ++member) row[member * member_stride + page] = fixed;
  }
  __syncthreads();
  choose_pages(job, selection.job_scores(), [&](int, int page) {
    for (int member = 0; member < job.group; ++member) row[member * member_stride + page] = 1;
  });
}

HeadEntry entry_of(const HeadStore& store) {
  return {{PatternType::Full, 0, 0, 1}, static_cast<int32_t>(store.first_slot), static_cast<int32_t>(store.num_slots), 0, 0};
}

SequenceEntry sequence_of(const PageTable& table) {
  SequenceEntry sequence{};
  sequence.page_shift = table.shift;
  sequence.pages = table.entries;
  return sequence;
}

}  // namespace

void backend::bound_pages(const PageBounding& bounding) {
  const int64_t count = bounding.end_page - bounding.first_page;
  if (count == 0 || bounding.stores.empty()) return;
  const cudaStream_t stream = Device::instance().stream;
  std::vector<HeadEntry> heads;
  for (const HeadStore& store : bounding.stores) heads.push_back(entry_of(store));
  const Scratch table(heads.size() * sizeof(HeadEntry));
  upload_small(table.data(), heads.data(), heads.size() * sizeof(HeadEntry), stream);
  const auto head_dim = static_cast<int>(bounding.keys.columns);
  const dim3 grid(static_cast<unsigned>(count), static_cast<unsigned>(heads.size()));
  with_float_type(bounding.keys.dtype, [&]<typename T>(T*) {
    ::elastic::bound_pages<T><<<grid, 128, 0, stream>>>(
        reinterpret_cast<const T*>(bounding.keys.data), reinterpret_cast<T*>(bounding.bounds.data),
        reinterpret_cast<const HeadEntry*>(table.data()), sequence_of(bounding.stores.front().pages),
        static_cast<int>(bounding.first_page), static_cast<int>(bounding.page_tokens), head_dim);
  });
  check(cudaGetLastError(), "boundPages");
}

void backend::select_pages(const PageSelection& call) {
  if (call.heads.empty()) return;
  const cudaStream_t stream = Device::instance().stream;
  if (call.head_dim > kMostHeadDim) throw std::range_error("pages are chosen for head dimensions up to 256 on this device");
  std::vector<HeadEntry> heads;
  std::vector<int32_t> numbers;
  for (const auto& [number, store] : call.heads) {
    heads.push_back(entry_of(store));
    numbers.push_back(static_cast<int32_t>(number));
  }
  const size_t head_bytes = heads.size() * sizeof(HeadEntry), number_bytes = (numbers.size() * sizeof(int32_t) + 15) / 16 * 16;
  const size_t score_bytes = heads.size() * static_cast<size_t>(call.query_blocks() * call.key_blocks()) * sizeof(float);
  const Scratch memory(head_bytes + number_bytes + score_bytes);
  std::vector<char> tables(head_bytes + number_bytes);
  std::copy_n(reinterpret_cast<const char*>(heads.data()), head_bytes, tables.data());
  std::copy_n(reinterpret_cast<const char*>(numbers.data()), numbers.size() * sizeof(int32_t), tables.data() + head_bytes);
  upload_small(memory.data(), tables.data(), tables.size(), stream);
  Selection selection{};
  selection.heads = reinterpret_cast<const HeadEntry*>(memory.data());
  selection.key_value_heads = reinterpret_cast<const int32_t*>(memory.data() + head_bytes);
  selection.sequence = sequence_of(call.heads.front().store.pages);
  selection.sequence.key_length = static_cast<int32_t>(call.length);
  selection.page_tokens = static_cast<int>(call.choice.page_tokens);
  selection.sink_blocks = static_cast<int>(call.choice.sink_blocks);
  selection.local_blocks = static_cast<int>(call.choice.local_blocks);
  selection.budget_pages = static_cast<int>(call.choice.budget_pages);
  selection.budget_parts = static_cast<int>(call.choice.budget_parts);
  selection.group = static_cast<int>(call.group);
  selection.head_dim = static_cast<int>(call.head_dim);
  selection.rows = static_cast<int>(call.query.rows);
  selection.first_block = static_cast<int>(call.first_block());
  selection.query_blocks = static_cast<int>(call.query_blocks());
  selection.key_blocks = static_cast<int>(call.key_blocks());
  selection.scores = reinterpret_cast<float*>(memory.data() + head_bytes + number_bytes);
  selection.visited = reinterpret_cast<uint8_t*>(call.visited.data);
  selection.visited_stride = call.visited.row_stride;
  const auto blocks = static_cast<unsigned>(call.query_blocks()), count = static_cast<unsigned>(heads.size());
  const auto chunks = static_cast<unsigned>(std::min<int64_t>(64, (call.key_blocks() + kWarps - 1) / kWarps));
  const size_t shared = static_cast<size_t>(kQueries * call.head_dim) * sizeof(float);
  with_float_type(call.query.dtype, [&]<typename Query>(Query*) {
    with_float_type(call.bounds.dtype, [&]<typename T>(T*) {
      score_call<Query, T><<<dim3(chunks, blocks, count), kThreads, shared, stream>>>(
          selection, reinterpret_cast<const Query*>(call.query.data), call.query.row_stride, reinterpret_cast<const T*>(call.bounds.data));
    });
  });
  check(cudaGetLastError(), "selectPages, bounds");
  choose_call<<<dim3(1, blocks, count), kThreads, 0, stream>>>(selection);
  check(cudaGetLastError(), "selectPages, choice");
}

}  // namespace elastic
