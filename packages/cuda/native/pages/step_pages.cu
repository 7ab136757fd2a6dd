#include "pages/step_pages.h"

#include <algorithm>

#include "core/device/check.h"
#include "decode/attention/decode_attention.h"
#include "pages/page_choice.cuh"
#include "ptx/dependent_launch.cuh"

namespace elastic {
namespace {

using namespace pages;

/** Thread blocks of a multiprocessor. */
constexpr int kBlocksBeside = 6;

struct Step {
  const SequenceEntry* sequences;
  const HeadEntry* heads;
  int head_stride;
  int key_value_heads;
  int group;
  int head_dim;
  StepPages pages;
  /** One for each sequence and head, zero between launches. */
  int32_t* arrived;

  __device__ int slot() const { return blockIdx.y / key_value_heads; }
  __device__ const HeadEntry& head() const { return heads[slot() * head_stride + blockIdx.y % key_value_heads]; }
  __device__ PageJob job(const HeadEntry& head, const SequenceEntry& sequence) const {
    const int block = (sequence.key_length - 1) / head.block_size;
    const int candidates = max(0, block - head.local_blocks + 1 - head.sink_blocks);
    return PageJob{sequence.query_start,
                   sequence.query_start + 1,
                   static_cast<int>(blockIdx.y % key_value_heads) * group,
                   group,
                   head.sink_blocks,
                   candidates,
                   chosen_pages(head.budget_pages, head.budget_parts, head.block_size, sequence.key_length, candidates)};
  }
  __device__ float* scores() const { return pages.scores + static_cast<int64_t>(blockIdx.y) * pages.most_pages; }
  __device__ int32_t* chosen() const { return pages.chosen + static_cast<int64_t>(blockIdx.y) * pages.most_pages; }
};

/**
 * Thread blocks of one head share its candidates. The first of them bounds the page that this step's token completes; the last
 * one to score its share chooses.
 */
template <typename T>
__global__ void __launch_bounds__(kThreads) choose_step(const Step step, const T* query, int64_t query_stride) {
  extern __shared__ float held[];
  __shared__ bool is_last;
  ptx::allow_next_kernel();
  const SequenceEntry sequence = step.sequences[step.slot()];
  const HeadEntry head = step.head();
  if (sequence.key_length == 0 || head.type != PatternType::Pages) return;
  T* bounds = static_cast<T*>(step.pages.bounds[StepPages::size_index(head.block_size)]);
  if (blockIdx.x == 0 && sequence.key_length % head.block_size == 0) {
    const int64_t row = sequence.row(head.slot(sequence.key_length - head.block_size));
    bound_page(static_cast<const T*>(sequence.keys), bounds, row, head.block_size, step.head_dim);
  }
  const PageJob job = step.job(head, sequence);
  int32_t* chosen = step.chosen();
  const auto take = [&](int place, int page) { chosen[place] = page; };
  if (job.chosen >= job.candidates) {
    if (blockIdx.x == 0) choose_pages(job, step.scores(), take);
    return;
  }
  score_pages(job, query, query_stride, bounds, head, sequence, head.block_size, step.head_dim, step.scores(), held);
  __syncthreads();
  if (threadIdx.x == 0) {
    // The fence covers the writes of the other threads, which the barrier ordered before it.
    __threadfence();
    is_last = atomicAdd(step.arrived + blockIdx.y, 1) == static_cast<int>(gridDim.x) - 1;
    if (is_last) step.arrived[blockIdx.y] = 0;
    __threadfence();
  }
  __syncthreads();
  if (is_last) choose_pages(job, step.scores(), take);
}

}  // namespace

void launch_step_pages(const DecodeBatch& batch, int layer, const StepPages& pages, const Matrix& query, int query_heads, int head_dim,
                       int multiprocessors, cudaStream_t stream) {
  const Step step{batch.sequences(), batch.layer_heads(layer), batch.head_stride(), batch.key_value_heads,
                  query_heads / batch.key_value_heads, head_dim, pages, DecodeMemory::instance().arrived};
  const int jobs = batch.slots * batch.key_value_heads;
  // As many as are resident at once: a warp then has few pages, each of which it waits for.
  const int chunks = std::clamp(kBlocksBeside * multiprocessors / jobs, 1, 512);
  const dim3 grid(static_cast<unsigned>(chunks), static_cast<unsigned>(jobs));
  const size_t shared = static_cast<size_t>(kQueries * head_dim) * sizeof(float);
  with_float_type(query.dtype, [&]<typename T>(T*) {
    choose_step<T><<<grid, kThreads, shared, stream>>>(step, reinterpret_cast<const T*>(query.data), query.row_stride);
  });
  check(cudaGetLastError(), "decode step, choice of pages");
}

}  // namespace elastic
