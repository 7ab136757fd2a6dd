#include "addon/choices/attention_mass.h"

#include <cmath>

#include "checks/checked_operations.h"

namespace elastic::checked {

void attention_mass(Call& call) {
  AttentionMass mass;
  mass.query = call.tensor("query");
  mass.keys = call.tensor("keys");
  const PageTable pages = read_page_table(call);
  mass.mass = call.tensor("mass");
  const int64_t num_query_heads = call.integer("query heads");
  mass.head_dim = call.integer("head dimension");
  mass.length = call.integer("cache length");
  mass.group = call.integer("query heads of a key-value head");
  mass.scale = static_cast<float>(call.number("scale"));
  mass.soft_cap = static_cast<float>(call.number("soft cap"));
  const int64_t count = call.integer("heads");
  call.require_float(mass.query, "query");
  call.require_cache_rows(mass.keys, "keys");
  call.require_dtype(mass.mass, DType::F32, "mass");
  call.require(std::isfinite(mass.scale) && std::isfinite(mass.soft_cap) && mass.soft_cap >= 0, "impossible scores");
  const bool sensible = mass.head_dim > 0 && num_query_heads > 0 && mass.group > 0 && mass.length > 0 && mass.length < (int64_t{1} << 31) &&
                        mass.query.rows > 0 && mass.query.rows <= mass.length && mass.query.columns == num_query_heads * mass.head_dim &&
                        mass.keys.columns == mass.head_dim && mass.keys.row_stride == row_elements(mass.keys.dtype, mass.head_dim) && mass.mass.rows == count &&
                        mass.mass.columns == mass.length && mass.mass.row_stride == mass.length;
  call.require(sensible, "the sizes do not fit together");
  for (int64_t i = 0; i < count; ++i) {
    const int64_t head = call.integer("head");
    const HeadStore store = read_head_store(call, mass.keys.rows, pages);
    call.require(store.ring_tokens == 0 && store.num_slots >= mass.length, "a head has already dropped keys");
    call.require(head >= 0 && (head + 1) * mass.group <= num_query_heads, "a head is not there");
    mass.heads.push_back({head, store});
  }
  backend::attention_mass(mass);
}

}  // namespace elastic::checked
