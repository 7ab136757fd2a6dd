// Kernels of layers of experts over device memory; shapes have been checked, integers have not.
#pragma once
#include <cuda_runtime_api.h>

#include "addon/expert_operations.h"

namespace elastic {

/** A product of every slot with the weight of its expert. */
struct ExpertProduct {
  /** [slots, depth], of the weights' type. */
  Matrix input;
  const int32_t* offsets;
  const char* weights;
  int experts;
  /** Elements from one expert's matrix to the next, and of a matrix's rows: [outputs, inputs]. */
  int64_t weight_stride;
  int64_t weight_columns;
  DType dtype;
  /** [experts, outputs], or no data. */
  Matrix bias;
  /** [slots, outputs], any float type. */
  Matrix output;
  /** Sums over the weights' rows instead of their columns: the gradient of the input. */
  bool back;
};

/** Slots up to which a warp for each output is best: the weights are read once for each slot. */
constexpr int64_t kFewSlots = 64;
/** Whether the matrix units can read the operands as they lie. */
bool serves_expert_tiles(const ExpertProduct& product);
void launch_expert_rows(const ExpertProduct& product, cudaStream_t stream);
void launch_expert_tiles(const ExpertProduct& product, cudaStream_t stream);
void launch_expert_plain(const ExpertProduct& product, cudaStream_t stream);

}  // namespace elastic
