#include "attention/decode_tables.h"

#include <stdexcept>

#include "addon/call.h"

namespace elastic {

DecodeTables DecodeTables::read(Call& call) {
  DecodeTables tables;
  const Matrix lengths = call.tensor("lengths"), entries = call.tensor("heads");
  tables.keys = call.tensor("keys");
  tables.values = call.tensor("values");
  tables.pages = read_page_table(call);
  // The keys of a step are shared out when its attention runs.
  call.optional_tensor("plan");
  tables.num_layers = call.integer("layers");
  tables.num_heads = call.integer("key-value heads");
  // Tokens are taken one by one, in the order of their keys.
  call.integer("tokens together");
  call.require_dtype(lengths, DType::I32, "lengths");
  call.require_dtype(entries, DType::I32, "heads");
  call.require_cache_rows(tables.keys, "keys");
  call.require_dtype(tables.values, tables.keys.dtype, "values");
  call.require(tables.values.columns == tables.keys.columns && tables.pages.entries != nullptr, "a decode step reads keys and values in pages");
  constexpr int64_t kMost = int64_t{1} << 20;
  const bool sensible = tables.num_layers > 0 && tables.num_heads > 0 && tables.num_layers < kMost && tables.num_heads < kMost;
  call.require(sensible && lengths.rows == 1 && entries.columns >= 8 && entries.row_stride == entries.columns &&
                   entries.rows == lengths.columns * tables.num_layers * tables.num_heads,
               "the tables of a decode step do not fit together");
  tables.lengths = lengths.integers(0);
  tables.slots = lengths.columns;
  tables.entries = reinterpret_cast<const int32_t*>(entries.data);
  tables.entry_numbers = entries.columns;
  return tables;
}

HeadPattern DecodeTables::pattern(int64_t slot, int64_t layer, int64_t head) const {
  const int32_t* numbers = entry(slot, layer, head);
  const auto type = static_cast<HeadPattern::Type>(numbers[0]);
  const bool known = type == HeadPattern::Type::Full || type == HeadPattern::Type::Streaming || type == HeadPattern::Type::Sliding ||
                     type == HeadPattern::Type::Threshold;
  if (!known) throw std::range_error("a head chooses what it reads by its queries");
  return {type, numbers[1], numbers[2], numbers[3]};
}

HeadStore DecodeTables::store(int64_t slot, int64_t layer, int64_t head) const {
  const int32_t* numbers = entry(slot, layer, head) + entry_numbers - 4;
  return {numbers[0], numbers[1], numbers[2], numbers[3], pages};
}

}  // namespace elastic
