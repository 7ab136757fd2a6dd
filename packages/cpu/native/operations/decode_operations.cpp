// Steps of decoding whose calls are recorded once: what changes from step to step is read from the tables of the batch.
#include "operations/decode_operations.h"

#include <cmath>
#include <vector>

#include "addon/exports.h"
#include "attention/decode.h"
#include "attention/decode_tables.h"
#include "core/row_tasks.h"
#include "floats/elements/element_table.h"

namespace elastic {
namespace {

int64_t read_layer(Call& call, const DecodeTables& tables) {
  const int64_t layer = call.integer("layer");
  call.require(layer >= 0 && layer < tables.num_layers, "there is no such layer");
  return layer;
}

/** A norm's weight as floats; empty where the model has none. */
std::vector<float> read_norm(Call& call, const char* name, int64_t head_dim) {
  const Matrix weight = call.optional_tensor(name);
  if (weight.data == nullptr) return {};
  call.require_float(weight, name);
  call.require(weight.rows == 1 && weight.columns == head_dim, "a norm has another head dimension");
  return widened(weight);
}

/** Cosines and sines [rows, turned / 2], without data in a layer without positions. Their width says how much of a head is turned. */
struct Angles {
  Matrix cosine;
  Matrix sine;
};

Angles read_angles(Call& call, const char* name, int64_t head_dim) {
  const Angles angles{call.tensor(name), call.tensor(name)};
  call.require_dtype(angles.cosine, DType::F32, name);
  call.require_dtype(angles.sine, DType::F32, name);
  call.require(angles.cosine.columns > 0 && 2 * angles.cosine.columns <= head_dim &&
                   angles.sine.columns == angles.cosine.columns && angles.sine.rows == angles.cosine.rows,
               "the rotary tables have another head dimension");
  return angles;
}

struct HeadPreparation {
  DecodeTables tables;
  int64_t layer;
  Matrix projected;
  std::vector<float> query_norm;
  std::vector<float> key_norm;
  float epsilon;
  Angles query_angles;
  Angles key_angles;
  /** Neighbours are rotated together, not halves. */
  bool neighbours;
  /** Sequences turn by the row of their slot, not by that of their position. */
  bool row_of_slot;
  int64_t num_query_heads;
  int64_t head_dim;
};

void rotate(const HeadPreparation& step, const Angles& angles, int64_t row, char* head) {
  if (angles.cosine.data == nullptr) return;
  const float *cosine = angles.cosine.floats(row), *sine = angles.sine.floats(row);
  const int64_t half = angles.cosine.columns;
  if (step.neighbours) {
    element_kernels().rotate_neighbours(head, step.projected.dtype, cosine, sine, 1.0f, 2 * half);
  } else {
    float_kernels().rotate(head, step.projected.dtype, cosine, sine, 1.0f, half);
  }
}

int64_t angle_row(const HeadPreparation& step, int64_t slot) { return step.row_of_slot ? slot : step.tables.lengths[slot] - 1; }

void prepare_slot(const HeadPreparation& step, int64_t slot) {
  const FloatKernels& kernels = float_kernels();
  const DecodeTables& tables = step.tables;
  const int64_t position = tables.lengths[slot] - 1, bytes = step.head_dim * byte_size(step.projected.dtype);
  char* head = step.projected.row(slot);
  for (int64_t i = 0; i < step.num_query_heads + tables.num_heads; ++i, head += bytes) {
    const bool query = i < step.num_query_heads;
    const std::vector<float>& norm = query ? step.query_norm : step.key_norm;
    const DType dtype = step.projected.dtype;
    if (!norm.empty()) kernels.rms_norm(head, dtype, norm.data(), step.epsilon, head, dtype, step.head_dim);
    rotate(step, query ? step.query_angles : step.key_angles, angle_row(step, slot), head);
  }
  const char* key = step.projected.row(slot) + step.num_query_heads * bytes;
  for (int64_t i = 0; i < tables.num_heads; ++i, key += bytes) {
    const int64_t row = tables.store(slot, step.layer, i).slot(position);
    kernels.convert(key, step.projected.dtype, tables.keys.row(row), tables.keys.dtype, step.head_dim);
    kernels.convert(key + tables.num_heads * bytes, step.projected.dtype, tables.values.row(row), tables.values.dtype, step.head_dim);
  }
}

void prepare_decode(Call& call) {
  HeadPreparation step{DecodeTables::read(call), 0, {}, {}, {}, 0, {}, {}, false, false, 0, 0};
  const DecodeTables& tables = step.tables;
  step.layer = read_layer(call, tables);
  step.projected = call.tensor("queryKeyValue");
  step.head_dim = tables.keys.columns;
  step.query_norm = read_norm(call, "queryNorm", step.head_dim);
  step.key_norm = read_norm(call, "keyNorm", step.head_dim);
  step.epsilon = static_cast<float>(call.number("epsilon"));
  step.num_query_heads = call.integer("query heads");
  call.require(call.integer("head dimension") == step.head_dim, "the pool has other heads");
  if (call.flag("rotated")) {
    step.neighbours = call.flag("neighbours");
    step.row_of_slot = call.flag("row of the slot");
    step.query_angles = read_angles(call, "angles of queries", step.head_dim);
    step.key_angles = read_angles(call, "angles of keys", step.head_dim);
  }
  call.require_float(step.projected, "queryKeyValue");
  call.require(step.num_query_heads > 0 && step.projected.rows == tables.slots &&
                   step.projected.columns == (step.num_query_heads + 2 * tables.num_heads) * step.head_dim,
               "queryKeyValue does not fit the heads");
  for (int64_t slot = 0; slot < tables.slots; ++slot) {
    if (tables.lengths[slot] <= 0) continue;
    for (const Angles* angles : {&step.query_angles, &step.key_angles}) {
      call.require(angles->cosine.data == nullptr || angle_row(step, slot) < angles->cosine.rows, "a position is outside the rotary tables");
    }
    prepare_slot(step, slot);
  }
}

AttentionSequence sequence_of(const DecodeTables& tables, int64_t slot, int64_t layer) {
  AttentionSequence sequence{};
  sequence.start = slot;
  sequence.length = 1;
  sequence.cache_length = tables.lengths[slot];
  sequence.keys = tables.keys;
  sequence.values = tables.values;
  sequence.pages = tables.pages;
  for (int64_t head = 0; head < tables.num_heads; ++head) {
    sequence.patterns.push_back(tables.pattern(slot, layer, head));
    sequence.stores.push_back(tables.store(slot, layer, head));
  }
  return sequence;
}

void attend(Call& call) {
  const DecodeTables tables = DecodeTables::read(call);
  const int64_t layer = read_layer(call, tables);
  AttentionCall attention{};
  attention.query = call.tensor("query");
  attention.output = call.tensor("output");
  attention.num_query_heads = call.integer("query heads");
  attention.head_dim = tables.keys.columns;
  call.require(call.integer("head dimension") == attention.head_dim, "the pool has other heads");
  attention.scale = static_cast<float>(call.number("scale"));
  attention.soft_cap = static_cast<float>(call.number("soft cap"));
  attention.sink_logits = call.optional_tensor("sinkLogits");
  call.require_float(attention.query, "query");
  call.require_float(attention.output, "output");
  const int64_t heads = attention.num_query_heads, width = heads * attention.head_dim;
  call.require(heads > 0 && heads % tables.num_heads == 0 && attention.head_dim % 32 == 0 && attention.query.columns == width &&
                   attention.output.columns == width && attention.query.rows == tables.slots && attention.output.rows == tables.slots,
               "query and output do not fit the heads");
  call.require(std::isfinite(attention.scale) && std::isfinite(attention.soft_cap) && attention.soft_cap >= 0, "impossible scores");
  if (attention.sink_logits.data != nullptr) {
    call.require_dtype(attention.sink_logits, DType::F32, "sinkLogits");
    call.require(attention.sink_logits.rows == 1 && attention.sink_logits.columns == heads, "sinkLogits do not fit the heads");
  }
  for (int64_t slot = 0; slot < tables.slots; ++slot) {
    if (tables.lengths[slot] > 0) attention.sequences.push_back(sequence_of(tables, slot, layer));
  }
  std::vector<const AttentionSequence*> sequences;
  for (const AttentionSequence& sequence : attention.sequences) sequences.push_back(&sequence);
  if (!sequences.empty()) decode_attention(attention, sequences);
}

}  // namespace

void export_decode_operations(Napi::Env env, Napi::Object exports, const CallContext* context) {
  export_operation<prepare_decode>(env, exports, "prepareDecode", context);
  export_operation<attend>(env, exports, "decodeAttention", context);
}

}  // namespace elastic
