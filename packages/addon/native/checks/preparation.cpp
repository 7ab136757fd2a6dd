#include "addon/preparation.h"

#include "addon/exports.h"

namespace elastic {
namespace {

void rotary_tables(Call& call) {
  const Matrix frequencies = call.tensor("frequencies"), cosine = call.tensor("cosine"), sine = call.tensor("sine");
  const double scale = call.number("scale");
  call.require_dtype(frequencies, DType::F32, "frequencies");
  call.require_dtype(cosine, DType::F32, "cosine");
  call.require_dtype(sine, DType::F32, "sine");
  call.require(frequencies.rows == 1 && cosine.columns == frequencies.columns && sine.columns == cosine.columns &&
                   sine.rows == cosine.rows && cosine.rows <= INT32_MAX,
               "the tables do not fit the frequencies");
  if (cosine.rows > 0 && cosine.columns > 0) backend::rotary_tables(frequencies, cosine, sine, scale);
}

void fill_normal(Call& call) {
  const Matrix output = call.tensor("output");
  const int64_t seed = call.integer("seed");
  const auto deviation = static_cast<float>(call.number("deviation"));
  call.require_float(output, "output");
  if (output.rows > 0 && output.columns > 0) backend::fill_normal(output, static_cast<uint32_t>(seed), deviation);
}

void count_visited_blocks(Call& call) {
  const Matrix visited = call.tensor("visited"), counts = call.tensor("counts");
  call.require_dtype(visited, DType::U8, "visited");
  call.require_dtype(counts, DType::I32, "counts");
  call.require(counts.rows == 1 && counts.columns > 0 && visited.rows % counts.columns == 0, "the mask does not fit the counts");
  backend::count_visited_blocks(visited, counts);
}

void first_not_finite(Call& call) {
  const Matrix input = call.tensor("input"), output = call.tensor("output");
  call.require(input.dtype <= DType::F16, "the input must be floats");
  call.require_dtype(output, DType::I32, "output");
  call.require(output.rows == 1 && output.columns == 1 && input.rows * input.columns < INT32_MAX, "the input is too large");
  backend::first_not_finite(input, output);
}

[[maybe_unused]] void read_file(Call& call) {
  const Matrix target = call.tensor("tensor");
  const int64_t descriptor = call.integer("descriptor"), position = call.integer("position");
  call.require(descriptor >= 0 && descriptor <= INT32_MAX && position >= 0, "that is no open file");
  call.require(target.row_stride == target.columns || target.rows <= 1, "the tensor has gaps between its rows");
  const int64_t bytes = target.rows * target.columns * byte_size(target.dtype);
  if (bytes > 0) backend::read_file(static_cast<int>(descriptor), position, target.data, bytes);
}

}  // namespace

void export_preparation(Napi::Env env, Napi::Object exports, const CallContext* context) {
  export_operation<rotary_tables>(env, exports, "rotaryTables", context);
  export_operation<fill_normal>(env, exports, "fillNormal", context);
  export_operation<first_not_finite>(env, exports, "firstNotFinite", context);
#ifndef _WIN32
  // On Windows a file's number belongs to the runtime library that opened it, and Node.js has one of its own.
  export_operation<read_file>(env, exports, "readFile", context);
#endif
  export_operation<count_visited_blocks>(env, exports, "countVisitedBlocks", context);
}

}  // namespace elastic
