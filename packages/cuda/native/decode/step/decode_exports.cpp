#include "decode/step/decode_exports.h"

#include <cmath>

#include "addon/attention_call.h"
#include "addon/call.h"
#include "core/device/captured_graphs.h"
#include "core/device/check.h"
#include "core/device/device.h"
#include "decode/step/decode_step.h"
#include "pages/step_pages.h"
#include "rounded_cache/rounded_cache.h"
#include "rounded_cache/rounded_rows.h"

namespace elastic {
namespace {

cudaStream_t stream() { return Device::instance().stream; }
int multiprocessors() { return Device::instance().multiprocessors; }

/** The tables of a batch, in the order of `DecodeBatchArguments`. */
DecodeBatch read_batch(Call& call) {
  const Matrix lengths = call.tensor("lengths"), heads = call.tensor("head table");
  const Matrix keys = call.tensor("keys"), values = call.tensor("values");
  const PageTable pages = read_page_table(call);
  const Matrix plan = call.tensor("plan");
  const int64_t layers = call.integer("layers"), key_value_heads = call.integer("key-value heads");
  const int64_t most_tokens = call.integer("tokens together");
  call.require(most_tokens >= 1 && most_tokens <= kMostStepTokens, "impossible tokens of a sequence");
  call.require_dtype(lengths, DType::I32, "lengths");
  call.require_dtype(heads, DType::I32, "head table");
  call.require_dtype(plan, DType::U8, "plan");
  const bool rounded = keys.dtype == DType::U8;
  if (!rounded) call.require_float(keys, "keys");
  call.require_dtype(values, keys.dtype, "values");
  const int64_t slots = lengths.columns;
  constexpr int64_t most = 1 << 16;
  const bool sensible = lengths.rows == 1 && slots > 0 && slots <= most && layers > 0 && layers <= most &&
                        key_value_heads > 0 && key_value_heads <= most && slots * key_value_heads <= DecodeMemory::kMostItems;
  call.require(sensible && pages.entries != nullptr, "a decode batch has sequences, layers, heads and pages");
  static_assert(sizeof(HeadEntry) == 10 * sizeof(int32_t));
  call.require(heads.columns == 10 && heads.row_stride == 10 && heads.rows == slots * layers * key_value_heads,
               "the head table does not fit the batch");
  call.require(keys.columns == values.columns && keys.rows == values.rows && keys.row_stride == keys.columns &&
                   values.row_stride == values.columns && keys.rows <= INT32_MAX,
               "keys and values are not of one pool");
  call.require(plan.rows == 1 && plan.columns >= decode_plan_bytes(slots, layers, key_value_heads, multiprocessors()) &&
                   reinterpret_cast<uintptr_t>(plan.data) % 16 == 0,
               "the plan has no room");
  return DecodeBatch{lengths.integers(0), reinterpret_cast<const HeadEntry*>(heads.data), keys.data, values.data,
                     static_cast<int32_t>(keys.rows), pages.shift, pages.entries, static_cast<int32_t>(slots),
                     static_cast<int32_t>(layers), static_cast<int32_t>(key_value_heads), static_cast<int32_t>(most_tokens),
                     rounded ? static_cast<int32_t>(keys.columns) - rounded_row_bytes(0) : 0, plan.data};
}

int read_layer(Call& call, const DecodeBatch& batch) {
  const int64_t layer = call.integer("layer");
  call.require(layer >= 0 && layer < batch.layers, "there is no such layer");
  return static_cast<int>(layer);
}

/** Where the heads of a step choose pages; without scores none does. */
StepPages read_step_pages(Call& call, const DecodeBatch& batch, const Matrix& query, int64_t head_dim) {
  StepPages pages{};
  for (int index = 0; index < StepPages::kSizes; ++index) {
    const Matrix bounds = call.optional_tensor("bounds");
    pages.bounds[index] = bounds.data;
    const int64_t page_tokens = int64_t{16} << index;
    const bool fits = bounds.data == nullptr || (bounds.dtype == query.dtype && bounds.columns == 2 * head_dim && bounds.row_stride == bounds.columns &&
                                                 bounds.rows * page_tokens >= batch.pool_rows);
    call.require(fits, "the bounds do not fit the pool");
  }
  const Matrix scores = call.optional_tensor("scores"), chosen = call.optional_tensor("chosen pages");
  if (scores.data == nullptr) return pages;
  call.require_dtype(scores, DType::F32, "scores");
  call.require_dtype(chosen, DType::I32, "chosen pages");
  const int64_t items = int64_t{batch.slots} * batch.key_value_heads;
  const bool fits = scores.rows == items && chosen.rows == items && chosen.columns == scores.columns && scores.columns <= INT32_MAX &&
                    scores.row_stride == scores.columns && chosen.row_stride == chosen.columns;
  call.require(fits, "the pages of a step do not fit its heads");
  pages.scores = reinterpret_cast<float*>(scores.data);
  pages.chosen = reinterpret_cast<int32_t*>(chosen.data);
  pages.most_pages = static_cast<int32_t>(scores.columns);
  return pages;
}

void plan_decode(Call& call) { launch_decode_plan(read_batch(call), multiprocessors(), stream()); }

DecodeAngles read_angles(Call& call) {
  const DecodeAngles angles{call.tensor("cosine"), call.tensor("sine")};
  call.require_dtype(angles.cosine, DType::F32, "cosine");
  call.require_dtype(angles.sine, DType::F32, "sine");
  call.require(angles.cosine.rows == angles.sine.rows && angles.cosine.columns == angles.sine.columns, "cosine and sine differ in shape");
  return angles;
}

/** Whether there is a rotation, its pairs and rows, then the tables of queries and keys. */
DecodeRotation read_rotation(Call& call, int64_t slots, int64_t head_dim) {
  DecodeRotation rotation{};
  if (!call.flag("rotated")) return rotation;
  rotation.neighbours = call.flag("neighbours");
  rotation.by_slot = call.flag("by slot");
  rotation.query = read_angles(call);
  rotation.key = read_angles(call);
  const Matrix &query = rotation.query.cosine, &key = rotation.key.cosine;
  call.require(key.columns >= 1 && 2 * key.columns <= head_dim && query.columns == key.columns, "the tables do not fit the heads");
  call.require(!rotation.by_slot || (query.rows >= slots && key.rows >= slots), "a slot has no row in the tables");
  rotation.turned_pairs = static_cast<int32_t>(key.columns);
  return rotation;
}

void prepare_decode(Call& call) {
  const DecodeBatch batch = read_batch(call);
  const int layer = read_layer(call, batch);
  DecodePreparation preparation{};
  preparation.query_key_value = call.tensor("queryKeyValue");
  preparation.query_norm = call.optional_tensor("queryNorm");
  preparation.key_norm = call.optional_tensor("keyNorm");
  preparation.epsilon = static_cast<float>(call.number("epsilon"));
  const int64_t query_heads = call.integer("query heads"), head_dim = call.integer("head dimension");
  call.require_float(preparation.query_key_value, "queryKeyValue");
  call.require(query_heads > 0 && query_heads <= 65536 && head_dim > 0 && head_dim <= 65536, "the heads have impossible sizes");
  call.require(preparation.query_key_value.rows == batch.slots &&
                   preparation.query_key_value.columns == (query_heads + 2 * batch.key_value_heads) * head_dim,
               "queryKeyValue does not fit the batch");
  preparation.rotation = read_rotation(call, batch.slots, head_dim);
  for (const Matrix& norm : {preparation.query_norm, preparation.key_norm}) {
    const bool fits = norm.data == nullptr || (norm.dtype == DType::F32 && norm.rows == 1 && norm.columns == head_dim);
    call.require(fits, "a norm does not fit the heads");
  }
  preparation.query_heads = static_cast<int32_t>(query_heads);
  preparation.head_dim = static_cast<int32_t>(head_dim);
  call.require(batch.rounded_head_dim == 0 || batch.rounded_head_dim == head_dim, "the pool has other heads");
  launch_decode_preparation(batch, layer, preparation, stream());
  if (batch.rounded_head_dim != 0) append_rounded_step(batch, layer, preparation, stream());
}

void attend_decode(Call& call) {
  const DecodeBatch batch = read_batch(call);
  const int layer = read_layer(call, batch);
  const Matrix query = call.tensor("query"), output = call.tensor("output");
  const int64_t query_heads = call.integer("query heads"), head_dim = call.integer("head dimension");
  const auto scale = static_cast<float>(call.number("scale")), soft_cap = static_cast<float>(call.number("soft cap"));
  const Matrix sink_logits = call.optional_tensor("sinkLogits");
  call.require(std::isfinite(scale) && std::isfinite(soft_cap) && soft_cap >= 0, "impossible scores");
  if (sink_logits.data != nullptr) {
    call.require_dtype(sink_logits, DType::F32, "sinkLogits");
    call.require(sink_logits.rows == 1 && sink_logits.columns == query_heads, "sinkLogits do not fit the heads");
  }
  call.require(query.dtype == DType::BF16 || query.dtype == DType::F16, "decoding takes bf16 and f16");
  call.require_dtype(output, query.dtype, "output");
  call.require(query_heads > 0 && query_heads % batch.key_value_heads == 0 && query_heads / batch.key_value_heads <= kMostGroup &&
                   query_heads / batch.key_value_heads * batch.most_tokens <= kMostRows && head_dim <= 128 && forward_sm90_has(static_cast<int>(head_dim)),
               "the decode kernel does not take these heads");
  call.require(query.rows == batch.slots && output.rows == batch.slots && query.columns == query_heads * head_dim &&
                   output.columns == query.columns,
               "query and output do not fit the batch");
  const auto aligned = [](const Matrix& matrix) {
    return reinterpret_cast<uintptr_t>(matrix.data) % 16 == 0 && matrix.row_stride % 8 == 0;
  };
  call.require(aligned(query) && aligned(output), "query and output are not aligned");
  DecodeAttention decode{};
  decode.query = query.data;
  decode.query_stride = query.row_stride;
  decode.output = output.data;
  decode.output_stride = output.row_stride;
  decode.sequences = batch.sequences();
  decode.heads = batch.layer_heads(layer);
  decode.head_stride = batch.head_stride();
  decode.shares = batch.shares(layer, multiprocessors());
  decode.items = batch.items(layer, multiprocessors());
  decode.num_query_heads = static_cast<int32_t>(query_heads);
  decode.num_key_value_heads = batch.key_value_heads;
  decode.most_tokens = batch.most_tokens;
  decode.scores = score_terms(scale, soft_cap, reinterpret_cast<const float*>(sink_logits.data));
  decode.partial = DecodeMemory::instance().partial;
  decode.arrived = DecodeMemory::instance().arrived;
  decode.rounded = batch.rounded_head_dim != 0;
  call.require(!decode.rounded || (batch.rounded_head_dim == head_dim && query.dtype == DType::BF16), "the pool has other heads, or queries are not bf16");
  decode.early = true;
  const StepPages pages = read_step_pages(call, batch, query, head_dim);
  if (pages.scores != nullptr) {
    launch_step_pages(batch, layer, pages, query, static_cast<int>(query_heads), static_cast<int>(head_dim), multiprocessors(), stream());
    decode.chosen_pages = pages.chosen;
    decode.most_pages = pages.most_pages;
  }
  const HalfType type = query.dtype == DType::BF16 ? HalfType::BFloat16 : HalfType::Float16;
  check(launch_decode_attention(decode, static_cast<int>(head_dim), type, multiprocessors(), stream()), "decode attention");
}

Napi::Value plan_bytes(const Napi::CallbackInfo& info) {
  return guarded_value(info, [&](Call& call) {
    const int64_t slots = call.integer("slots"), layers = call.integer("layers"), heads = call.integer("key-value heads");
    return Napi::Number::New(info.Env(), static_cast<double>(decode_plan_bytes(slots, layers, heads, multiprocessors())));
  });
}

Napi::Value capture_end(const Napi::CallbackInfo& info) {
  return guarded_value(info, [&](Call&) { return Napi::Number::New(info.Env(), static_cast<double>(end_capture())); });
}

void capture_begin(Call&) { begin_capture(); }
void capture_abandon(Call&) { abandon_capture(); }
void graph_replay(Call& call) { replay_graph(call.integer("graph")); }
void graph_release(Call& call) { release_graph(call.integer("graph")); }

}  // namespace

void export_decode(Napi::Env env, Napi::Object exports) {
  const auto set = [&](const char* name, auto function) { exports.Set(name, Napi::Function::New(env, function)); };
  set("decodePlanBytes", plan_bytes);
  set("planDecode", guarded<plan_decode>);
  set("prepareDecode", guarded<prepare_decode>);
  set("decodeAttention", guarded<attend_decode>);
  set("beginCapture", guarded<capture_begin>);
  set("endCapture", capture_end);
  set("abandonCapture", guarded<capture_abandon>);
  set("replayGraph", guarded<graph_replay>);
  set("releaseGraph", guarded<graph_release>);
}

}  // namespace elastic
