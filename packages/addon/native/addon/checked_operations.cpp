// Every operation as JavaScript calls it: reads the arguments, checks them, and hands them to the addon.
#include "addon/checked_operations.h"

#include "addon/operations.h"

namespace elastic::checked {
namespace {

bool is_float(const Matrix& matrix) { return matrix.dtype <= DType::F16; }

constexpr int64_t kLargestSide = int64_t{1} << 31;

/** The shape of a packed weight: outputs, inputs, dtype. */
WeightArgument read_weight_shape(Call& call) {
  const int64_t outputs = call.integer("outputs"), inputs = call.integer("inputs");
  const int64_t dtype = call.integer("weight dtype");
  const bool sensible = outputs >= 0 && inputs >= 0 && outputs <= kLargestSide && inputs <= kLargestSide;
  call.require(sensible && dtype >= 0 && dtype <= 2 && backend::packs(static_cast<DType>(dtype)),
               "a weight has a type that is packed and a sensible shape");
  return WeightArgument{nullptr, outputs, inputs, static_cast<DType>(dtype)};
}

int64_t bytes_of(const WeightArgument& weight) {
  return backend::packed_weight_bytes(weight.outputs, weight.inputs, weight.dtype);
}

}  // namespace

void require_same(const Call& call, const Matrix& a, const Matrix& b, const char* message) {
  call.require(a.rows == b.rows && a.columns == b.columns, message);
}

WeightArgument read_weight(Call& call) {
  const Matrix buffer = call.tensor("weight");
  WeightArgument weight = read_weight_shape(call);
  call.require_dtype(buffer, DType::U8, "weight");
  call.require(buffer.rows == 1 && buffer.columns == bytes_of(weight), "the weight's buffer has another size");
  weight.data = buffer.data;
  return weight;
}

void rms_norm(Call& call) {
  const Matrix input = call.tensor("input"), weight = call.tensor("weight"), output = call.tensor("output");
  const auto epsilon = static_cast<float>(call.number("epsilon"));
  call.require_float(input, "input");
  call.require_float(output, "output");
  require_same(call, input, output, "output has another shape than input");
  call.require(weight.rows == 1 && weight.columns == input.columns && is_float(weight), "weight does not fit the input");
  backend::rms_norm(input, weight, output, epsilon);
}

void head_norm(Call& call) {
  const Matrix heads = call.tensor("heads"), weight = call.tensor("weight");
  const auto epsilon = static_cast<float>(call.number("epsilon"));
  call.require_float(heads, "heads");
  const bool fits = weight.rows == 1 && weight.columns > 0 && heads.columns % weight.columns == 0 && is_float(weight);
  call.require(fits, "weight does not fit the heads");
  backend::head_norm(heads, weight, epsilon);
}

void rotary(Call& call) {
  const Matrix heads = call.tensor("heads"), positions = call.tensor("positions");
  const Matrix cosine = call.tensor("cosine"), sine = call.tensor("sine");
  const bool inverse = call.flag("inverse");
  call.require_float(heads, "heads");
  call.require_dtype(positions, DType::I32, "positions");
  call.require_dtype(cosine, DType::F32, "cosine");
  call.require_dtype(sine, DType::F32, "sine");
  const int64_t half = cosine.columns;
  require_same(call, cosine, sine, "cosine and sine differ in shape");
  call.require(half > 0 && heads.columns % (2 * half) == 0, "the tables do not fit the heads");
  call.require(positions.columns == heads.rows && positions.rows == 1, "positions do not fit the heads");
  backend::rotary(heads, positions, cosine, sine, inverse);
}

void swiglu(Call& call) {
  const Matrix gate = call.tensor("gate"), up = call.tensor("up"), output = call.tensor("output");
  call.require_float(gate, "gate");
  call.require_dtype(up, gate.dtype, "up");
  call.require_dtype(output, gate.dtype, "output");
  require_same(call, gate, up, "gate and up differ in shape");
  require_same(call, gate, output, "output has another shape than gate");
  backend::swiglu(gate, up, output);
}

void embedding(Call& call) {
  const Matrix ids = call.tensor("ids"), table = call.tensor("table"), output = call.tensor("output");
  call.require_dtype(ids, DType::I32, "ids");
  call.require(is_float(table) && is_float(output), "table and output must be floats");
  call.require(ids.rows == 1 && ids.columns == output.rows && output.columns == table.columns,
               "output does not fit ids and table");
  backend::embedding(ids, table, output);
}

void add(Call& call) {
  const Matrix a = call.tensor("a"), b = call.tensor("b"), output = call.tensor("output");
  call.require_float(a, "a");
  call.require_dtype(b, a.dtype, "b");
  call.require_dtype(output, a.dtype, "output");
  require_same(call, a, b, "a and b differ in shape");
  require_same(call, a, output, "output has another shape than a");
  backend::add(a, b, output);
}

void cast(Call& call) {
  const Matrix input = call.tensor("input"), output = call.tensor("output");
  call.require(is_float(input) && is_float(output), "input and output must be floats");
  require_same(call, input, output, "output has another shape than input");
  backend::cast(input, output);
}

int64_t packed_weight_bytes(Call& call) { return bytes_of(read_weight_shape(call)); }

void pack_linear(Call& call) {
  const WeightArgument weight = read_weight(call);
  const int64_t count = call.integer("sources");
  std::vector<Matrix> sources;
  int64_t outputs = 0;
  for (int64_t i = 0; i < count; ++i) {
    sources.push_back(call.tensor("source"));
    const Matrix& source = sources.back();
    call.require(source.dtype <= DType::F16 && source.columns == weight.inputs, "a source has other inputs");
    outputs += source.rows;
  }
  call.require(outputs == weight.outputs, "the sources have other outputs");
  backend::pack_linear(weight, sources);
}

void linear(Call& call) {
  const Matrix input = call.tensor("input");
  const WeightArgument weight = read_weight(call);
  const Matrix bias = call.optional_tensor("bias"), output = call.tensor("output");
  const bool accumulate = call.flag("accumulate");
  call.require_float(input, "input");
  call.require_float(output, "output");
  call.require(input.columns == weight.inputs && output.columns == weight.outputs && output.rows == input.rows,
               "input, weight and output do not fit together");
  const bool fits = bias.data == nullptr || (bias.rows == 1 && bias.columns == weight.outputs && is_float(bias));
  call.require(fits, "bias does not fit the weight");
  if (input.rows > 0 && weight.outputs > 0) backend::linear(input, weight, bias, output, accumulate);
}

void cache_append(Call& call) {
  const Matrix keys = call.tensor("keys"), values = call.tensor("values");
  const Matrix cache_keys = call.tensor("cache keys"), cache_values = call.tensor("cache values");
  const PageTable pages = read_page_table(call);
  const int64_t length = call.integer("length"), heads = call.integer("key-value heads");
  call.require_float(keys, "keys");
  call.require_float(values, "values");
  call.require_float(cache_keys, "cache keys");
  call.require_float(cache_values, "cache values");
  const int64_t head_dim = cache_keys.columns, tokens = keys.rows;
  call.require(heads > 0 && length >= 0 && keys.columns == heads * head_dim && values.columns == keys.columns &&
                   values.rows == tokens && cache_values.columns == head_dim && cache_values.rows == cache_keys.rows,
               "keys and values do not fit the cache");
  CacheAppend append{keys, values, cache_keys, cache_values, pages, length, {}};
  for (int64_t head = 0; head < heads; ++head) {
    append.stores.push_back(read_head_store(call, cache_keys.rows, pages));
    const HeadStore& store = append.stores.back();
    call.require(store.ring_tokens > 0 || length + tokens <= store.num_slots, "no room left in the cache");
  }
  backend::cache_append(append);
}

void copy_spans(Call& call) {
  const Matrix source = call.tensor("source"), destination = call.tensor("destination");
  const int64_t count = call.integer("spans");
  call.require(source.dtype == destination.dtype && source.columns == destination.columns, "rows differ in length or dtype");
  std::vector<RowSpan> spans;
  for (int64_t i = 0; i < count; ++i) {
    const RowSpan span{call.integer("from"), call.integer("to"), call.integer("rows")};
    const bool inside = span.from >= 0 && span.to >= 0 && span.rows >= 0 && span.from <= source.rows - span.rows &&
                        span.to <= destination.rows - span.rows;
    call.require(inside, "a span leaves the tensors");
    spans.push_back(span);
  }
  backend::copy_spans(source, destination, spans);
}

void hybrid_attention(Call& call) { backend::hybrid_attention(AttentionCall::read(call, true)); }

void xattention_estimate(Call& call) {
  Estimate estimate;
  estimate.query = call.tensor("query");
  estimate.keys = call.tensor("keys");
  estimate.visited = call.tensor("visited");
  estimate.num_query_heads = call.integer("query heads");
  estimate.head_dim = call.integer("head dimension");
  estimate.tokens = call.integer("tokens");
  estimate.stride = call.integer("stride");
  estimate.block_size = call.integer("block size");
  estimate.threshold = call.number("threshold");
  estimate.round_bf16 = call.flag("round to bf16");
  estimate.group = call.integer("query heads of a key-value head");
  const int64_t count = call.integer("heads");
  call.require_float(estimate.query, "query");
  call.require_float(estimate.keys, "keys");
  call.require_dtype(estimate.visited, DType::U8, "visited");
  const bool sensible = estimate.stride > 0 && estimate.block_size > 0 && estimate.block_size % estimate.stride == 0 &&
                        estimate.tokens > 0 && estimate.head_dim > 0 && estimate.tokens == estimate.query.rows &&
                        estimate.query.columns == estimate.num_query_heads * estimate.head_dim &&
                        estimate.keys.columns == estimate.head_dim && estimate.keys.row_stride == estimate.head_dim &&
                        estimate.visited.rows == estimate.num_query_heads * estimate.blocks() &&
                        estimate.visited.columns == estimate.blocks() && estimate.group > 0;
  call.require(sensible, "the sizes do not fit together");
  for (int64_t i = 0; i < count; ++i) {
    const int64_t head = call.integer("head");
    const HeadStore store = read_head_store(call, estimate.keys.rows);
    call.require(store.ring_tokens == 0 && store.num_slots >= estimate.tokens, "a head has already dropped keys");
    call.require(head >= 0 && (head + 1) * estimate.group <= estimate.num_query_heads, "a head is not there");
    estimate.heads.push_back({head, store});
  }
  backend::xattention_estimate(estimate);
}

void router_logits(Call& call) {
  RouterCall router;
  router.keys = call.tensor("keys");
  router.output = call.tensor("output");
  router.heads = call.integer("heads");
  router.head_dim = call.integer("head dimension");
  router.round_bf16 = call.flag("round to bf16");
  router.decision = call.optional_tensor("decision");
  router.threshold = call.number("threshold");
  call.require_float(router.keys, "keys");
  call.require_dtype(router.output, DType::F32, "output");
  call.require(router.heads > 0 && router.head_dim > 0 && router.keys.columns == router.heads * router.head_dim,
               "keys do not fit the heads");
  int64_t inputs = router.head_dim;
  for (RouterCall::Layer& layer : router.layers) {
    layer.weight = call.tensor("weight");
    layer.bias = call.tensor("bias");
    call.require_dtype(layer.weight, DType::F32, "weight");
    call.require_dtype(layer.bias, DType::F32, "bias");
    const bool fits = layer.weight.columns == inputs && layer.bias.columns == layer.weight.rows && layer.bias.rows == 1;
    call.require(fits, "the layers of the router do not fit together");
    inputs = layer.weight.rows;
  }
  router.classes = inputs;
  const int64_t sequences = call.integer("sequences");
  call.require(router.output.rows == sequences && router.output.columns == router.heads * router.classes, "output has another shape");
  if (router.decision.data != nullptr) {
    call.require_dtype(router.decision, DType::U8, "decision");
    const bool fits = router.decision.rows == sequences && router.decision.columns == router.heads && router.classes == 2;
    call.require(fits, "a decision is between two classes, for each head");
  }
  for (int64_t sequence = 0; sequence < sequences; ++sequence) {
    RouterCall::Pool pool{};
    pool.count = call.integer("ranges");
    call.require(pool.count == 1 || pool.count == 2, "one or two ranges are averaged");
    int64_t rows = 0;
    for (int64_t i = 0; i < pool.count; ++i) {
      auto& range = pool.ranges[i];
      range[0] = call.integer("range start");
      range[1] = call.integer("range end");
      call.require(range[0] >= 0 && range[0] <= range[1] && range[1] <= router.keys.rows, "a range leaves the keys");
      rows += range[1] - range[0];
    }
    call.require(rows > 0, "a sequence is empty");
    router.pools.push_back(pool);
  }
  backend::router_logits(router);
}

}  // namespace elastic::checked
