#pragma once
#include <cuda_runtime_api.h>

#include "addon/values/numeric.h"

namespace elastic::weights {

/** Rows of e4m3 under scales that make the largest magnitude 448. */
struct E4M3Rows {
  char* bytes;
  /** From one row to the next, a multiple of 16; zeros behind the columns. */
  int64_t row_bytes;
  /** One for each row; or, of `blocks`, [blocks of 128 columns, rows]. */
  float* scales;
  bool blocks = false;
};

/** Rounds floats of any type; the scale of a row that holds what is not a finite number is none either. */
void round_rows(const Matrix& input, const E4M3Rows& output, cudaStream_t stream);

}  // namespace elastic::weights
