// Operations that prepare tensors or sum up what was chosen, outside of the layers' arithmetic.
#pragma once
#include <napi.h>

#include "addon/numeric.h"

namespace elastic {

/** Exports the operations of this file. */
void export_preparation(Napi::Env env, Napi::Object exports);

/** What each addon defines, once; see operations.h. */
namespace backend {

/** Cosine and sine, float32 [positions, half], of the float32 product position * frequency, times `scale`. */
void rotary_tables(const Matrix& frequencies, const Matrix& cosine, const Matrix& sine, double scale);
/** Normal values by seed and element number; see `normal_value`. */
void fill_normal(const Matrix& output, uint32_t seed, float deviation);
/** Entries of 1 in each of `counts.columns` equal parts of the rows of `visited`. */
void count_visited_blocks(const Matrix& visited, const Matrix& counts);

}  // namespace backend
}  // namespace elastic
