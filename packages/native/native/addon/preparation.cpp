#include "addon/preparation.h"

#include "addon/call.h"

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

}  // namespace

void export_preparation(Napi::Env env, Napi::Object exports) {
  exports.Set("rotaryTables", Napi::Function::New(env, guarded<rotary_tables>));
  exports.Set("fillNormal", Napi::Function::New(env, guarded<fill_normal>));
  exports.Set("countVisitedBlocks", Napi::Function::New(env, guarded<count_visited_blocks>));
}

}  // namespace elastic
