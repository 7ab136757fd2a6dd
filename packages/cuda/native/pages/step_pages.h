// The pages that the heads of a captured decode step read: chosen on the device, from tables in fixed memory.
#pragma once
#include "decode/step/decode_step.h"

namespace elastic {

/** What a step keeps of pages; without heads that choose pages none of it is there. */
struct StepPages {
  /** Page sizes that heads may have: 16, 32 and 64 tokens. */
  static constexpr int kSizes = 3;
  /** By page size: bounds of the pool's pages, [pool rows / size, 2 · head_dim]; null where no head has that size. */
  void* bounds[kSizes];
  /** F32 [sequences · key-value heads, most_pages]. */
  float* scores;
  /** Pages that each head has chosen, in ascending order; of the same shape. */
  int32_t* chosen;
  int32_t most_pages;

  __host__ __device__ static int size_index(int page_tokens) { return page_tokens == 16 ? 0 : page_tokens == 32 ? 1 : 2; }
};

/** Bounds the pages that this step's tokens complete, and chooses the pages that each head's query reads. */
void launch_step_pages(const DecodeBatch& batch, int layer, const StepPages& pages, const Matrix& query, int query_heads, int head_dim,
                       int multiprocessors, cudaStream_t stream);

}  // namespace elastic
