// Operations that prepare tensors or sum up what was chosen, outside of the layers' arithmetic.
#pragma once
#include "addon/call_context.h"
#include "addon/napi_names.h"
#include "addon/values/numeric.h"

namespace elastic {

/** Exports the operations of this file. */
void export_preparation(Napi::Env env, Napi::Object exports, const CallContext* context = nullptr);

/** What each addon defines, once; see operations.h. */
namespace backend {

/** Cosine and sine, float32 [positions, half], of the float32 product position * frequency, times `scale`. */
void rotary_tables(const Matrix& frequencies, const Matrix& cosine, const Matrix& sine, double scale);
/** Normal values by seed and element number; see `normal_value`. */
void fill_normal(const Matrix& output, uint32_t seed, float deviation);
/** Entries of 1 in each of `counts.columns` equal parts of the rows of `visited`. */
void count_visited_blocks(const Matrix& visited, const Matrix& counts);

/** Number of the first element that is no finite number, -1 when all are, as one int32. */
void first_not_finite(const Matrix& input, const Matrix& output);
/** Reads `bytes` bytes of an open file into the memory of tensors. @throws std::runtime_error where the file is shorter */
void read_file(int descriptor, int64_t position, char* target, int64_t bytes);

}  // namespace backend
}  // namespace elastic
