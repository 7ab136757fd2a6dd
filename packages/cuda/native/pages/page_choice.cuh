// Choosing pages of a head's keys by bounds: what the kernels of a call and of a decode step share.
#pragma once
#include "attention/tables/attention_tables.h"
#include "core/elements/floats.cuh"

namespace elastic::pages {

constexpr int kThreads = 256;
constexpr int kWarps = kThreads / 32;
/** Queries that are held in shared memory at a time. */
constexpr int kQueries = 16;
constexpr int kMostHeadDim = 256;

/** One head of one sequence that chooses for one page of its positions. */
struct PageJob {
  /** Rows [first_row, end_row) of the query, whose heads `query_head` to `query_head + group` choose together. */
  int64_t first_row;
  int64_t end_row;
  int query_head;
  int group;
  /** Pages [first, first + candidates) to choose `chosen` of. */
  int first;
  int candidates;
  int chosen;
};

/** Writes the bounds of a complete page: largest values, then smallest; what is not a number stays. All threads of a block. */
template <typename T>
__device__ void bound_page(const T* keys, T* bounds, int64_t row, int page_tokens, int head_dim) {
  for (int column = threadIdx.x; column < head_dim; column += blockDim.x) {
    float largest = to_float(keys[row * head_dim + column]), smallest = largest;
    for (int token = 1; token < page_tokens; ++token) {
      const float key = to_float(keys[(row + token) * head_dim + column]);
      const bool odd = key != key;
      largest = key > largest || odd ? key : largest;
      smallest = key < smallest || odd ? key : smallest;
    }
    T* target = bounds + row / page_tokens * 2 * head_dim;
    target[column] = from_float<T>(largest);
    target[head_dim + column] = from_float<T>(smallest);
  }
}

/**
 * Bounds of q · k over each candidate's keys, the largest of all queries of the job: `scores` by candidate. A warp takes a
 * page; thread blocks share the pages. What is not a number counts as infinite.
 */
template <typename Query, typename T>
__device__ void score_pages(const PageJob& job, const Query* query, int64_t query_stride, const T* bounds, const HeadEntry& head,
                            const SequenceEntry& sequence, int page_tokens, int head_dim, float* scores, float* held) {
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  const int64_t queries = (job.end_row - job.first_row) * job.group;
  for (int64_t base = 0; base < queries; base += kQueries) {
    const int count = static_cast<int>(min(static_cast<int64_t>(kQueries), queries - base));
    __syncthreads();
    for (int i = threadIdx.x; i < count * head_dim; i += blockDim.x) {
      const int64_t index = base + i / head_dim;
      const int64_t row = job.first_row + index / job.group;
      held[i] = to_float(query[row * query_stride + (job.query_head + index % job.group) * head_dim + i % head_dim]);
    }
    __syncthreads();
    for (int page = blockIdx.x * kWarps + warp; page < job.candidates; page += gridDim.x * kWarps) {
      const int64_t row = sequence.row(head.slot((job.first + page) * page_tokens)) / page_tokens;
      const T* largest = bounds + row * 2 * head_dim;
      const T* smallest = largest + head_dim;
      float own[kMostHeadDim / 32][2];
#pragma unroll
      for (int part = 0; part < kMostHeadDim / 32; ++part) {
        const int column = part * 32 + lane;
        own[part][0] = column < head_dim ? to_float(largest[column]) : 0.0f;
        own[part][1] = column < head_dim ? to_float(smallest[column]) : 0.0f;
      }
      float best = base == 0 ? -INFINITY : scores[page];
      for (int index = 0; index < count; ++index) {
        float sum = 0;
#pragma unroll
        for (int part = 0; part < kMostHeadDim / 32; ++part) {
          const int column = part * 32 + lane;
          const float value = column < head_dim ? held[index * head_dim + column] : 0.0f;
          const bool odd = value != value;
          sum = fmaf(value > 0 || odd ? value : 0.0f, own[part][0], sum);
          sum = fmaf(value < 0 ? value : 0.0f, own[part][1], sum);
        }
        sum = warp_sum(sum);
        best = fmaxf(best, sum != sum ? INFINITY : sum);
      }
      if (lane == 0) scores[page] = best;
    }
  }
}

/** Larger floats have larger numbers; no score is NaN. */
__device__ inline uint32_t ordered(float value) {
  const uint32_t bits = __float_as_uint(value == 0.0f ? 0.0f : value);
  return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}

/** Sum over the threads of a block of a value and of those before this thread. */
struct BlockScan {
  int before;
  int total;
};

__device__ inline BlockScan block_scan(int value, int* partial) {
  int sum = value;
#pragma unroll
  for (int step = 1; step < 32; step *= 2) {
    const int other = __shfl_up_sync(0xffffffffu, sum, step);
    if (static_cast<int>(threadIdx.x % 32) >= step) sum += other;
  }
  __syncthreads();
  if (threadIdx.x % 32 == 31) partial[threadIdx.x / 32] = sum;
  __syncthreads();
  BlockScan scan{sum - value, 0};
  for (int warp = 0; warp < kWarps; ++warp) {
    if (warp < static_cast<int>(threadIdx.x / 32)) scan.before += partial[warp];
    scan.total += partial[warp];
  }
  return scan;
}

/**
 * Calls take(place, page) for the best pages of a job in ascending order, place by place; of equal scores the lower pages.
 * One thread block of {@link kThreads}. Finds the last score that is taken digit by digit; scores may be other blocks'.
 */
template <typename Take>
__device__ void choose_pages(const PageJob& job, const float* scores, const Take& take) {
  static_assert(kThreads == 256, "a thread counts one digit");
  __shared__ int histogram[256];
  __shared__ int partial[kWarps];
  __shared__ uint32_t prefix;
  __shared__ int left;
  const int thread = threadIdx.x;
  if (job.chosen >= job.candidates) {
    for (int page = thread; page < job.candidates; page += kThreads) take(page, job.first + page);
    return;
  }
  if (job.chosen == 0) return;
  if (thread == 0) {
    prefix = 0;
    left = job.chosen;
  }
  for (int shift = 24; shift >= 0; shift -= 8) {
    histogram[thread] = 0;
    __syncthreads();
    const uint32_t known = shift == 24 ? 0u : 0xffffffffu << (shift + 8), high = prefix & known;
    const int wanted = left;
#pragma unroll 4
    for (int page = thread; page < job.candidates; page += kThreads) {
      const uint32_t key = ordered(__ldcg(scores + page));
      if ((key & known) == high) atomicAdd(&histogram[key >> shift & 255], 1);
    }
    __syncthreads();
    // From the largest digit down, a thread each.
    const int digit = 255 - thread, count = histogram[digit];
    const BlockScan above = block_scan(count, partial);
    if (above.before < wanted && wanted <= above.before + count) {
      left = wanted - above.before;
      prefix = high | static_cast<uint32_t>(digit) << shift;
    }
    __syncthreads();
  }
  // A thread takes a run of neighbouring pages, so that places follow the order of pages.
  const uint32_t last = prefix;
  const int each = (job.candidates + kThreads - 1) / kThreads, begin = min(job.candidates, thread * each), end = min(job.candidates, begin + each);
  int greater = 0, equal = 0;
#pragma unroll 4
  for (int page = begin; page < end; ++page) {
    const uint32_t key = ordered(__ldcg(scores + page));
    greater += key > last;
    equal += key == last;
  }
  const BlockScan ties = block_scan(equal, partial);
  int equals = min(equal, max(0, left - ties.before));
  int place = block_scan(greater + equals, partial).before;
  for (int page = begin; page < end; ++page) {
    const uint32_t key = ordered(__ldcg(scores + page));
    if (key < last || (key == last && equals == 0)) continue;
    if (key == last) --equals;
    take(place++, job.first + page);
  }
}

}  // namespace elastic::pages
