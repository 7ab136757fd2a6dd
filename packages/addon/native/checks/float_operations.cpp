// Norms, rotation, activation and other row-wise work.
#include "checks/checked_operations.h"

namespace elastic::checked {

void require_same(const Call& call, const Matrix& a, const Matrix& b, const char* message) {
  call.require(a.rows == b.rows && a.columns == b.columns, message);
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

void layer_norm(Call& call) {
  const Matrix input = call.tensor("input"), weight = call.tensor("weight"), bias = call.optional_tensor("bias");
  const Matrix output = call.tensor("output");
  const auto epsilon = static_cast<float>(call.number("epsilon"));
  call.require_float(input, "input");
  call.require_float(output, "output");
  require_same(call, input, output, "output has another shape than input");
  const auto fits = [&](const Matrix& vector) { return vector.rows == 1 && vector.columns == input.columns && is_float(vector); };
  call.require(fits(weight) && (bias.data == nullptr || fits(bias)), "weight or bias does not fit the input");
  backend::layer_norm(input, weight, bias, output, epsilon);
}

void rotary(Call& call) {
  const Matrix heads = call.tensor("heads"), positions = call.tensor("positions");
  const Matrix cosine = call.tensor("cosine"), sine = call.tensor("sine");
  const Rotation rotation{call.integer("head dimension"), call.flag("inverse"), call.flag("neighbours")};
  call.require_float(heads, "heads");
  call.require_dtype(positions, DType::I32, "positions");
  call.require_dtype(cosine, DType::F32, "cosine");
  call.require_dtype(sine, DType::F32, "sine");
  require_same(call, cosine, sine, "cosine and sine differ in shape");
  call.require(rotation.head_dim > 0 && heads.columns % rotation.head_dim == 0, "the head dimension does not fit the heads");
  call.require(cosine.columns > 0 && cosine.columns <= rotation.head_dim / 2, "the tables do not fit the heads");
  call.require(positions.columns == heads.rows && positions.rows == 1, "positions do not fit the heads");
  backend::rotary(heads, positions, cosine, sine, rotation);
}

ActivationKind read_activation(Call& call) {
  const int64_t kind = call.integer("activation");
  call.require(kind >= 0 && kind <= static_cast<int64_t>(ActivationKind::ReluSquared), "unknown activation");
  return static_cast<ActivationKind>(kind);
}

GateFunction read_gate_function(Call& call) {
  const int64_t kind = call.integer("gate function");
  const GateFunction function{static_cast<ActivationKind>(kind), static_cast<float>(call.number("alpha")),
                              static_cast<float>(call.number("limit"))};
  call.require(kind >= 0 && kind <= static_cast<int64_t>(ActivationKind::ClampedSwiglu), "unknown gate function");
  return function;
}

void gated_activation(Call& call) {
  const Matrix gate = call.tensor("gate"), up = call.tensor("up"), output = call.tensor("output");
  const GateFunction function = read_gate_function(call);
  call.require_float(gate, "gate");
  call.require_dtype(up, gate.dtype, "up");
  call.require_dtype(output, gate.dtype, "output");
  require_same(call, gate, up, "gate and up differ in shape");
  require_same(call, gate, output, "output has another shape than gate");
  backend::gated_activation(gate, up, output, function);
}

void activate(Call& call) {
  const Matrix input = call.tensor("input"), output = call.tensor("output");
  const ActivationKind kind = read_activation(call);
  call.require_float(input, "input");
  call.require_dtype(output, input.dtype, "output");
  require_same(call, input, output, "output has another shape than input");
  backend::activate(input, output, kind);
}

void embedding(Call& call) {
  const Matrix ids = call.tensor("ids"), table = call.tensor("table"), output = call.tensor("output");
  const auto factor = static_cast<float>(call.number("scale"));
  call.require_dtype(ids, DType::I32, "ids");
  call.require(is_float(table) && is_float(output), "table and output must be floats");
  call.require(ids.rows == 1 && ids.columns == output.rows && output.columns == table.columns,
               "output does not fit ids and table");
  backend::embedding(ids, table, output, factor);
}

void add(Call& call) {
  const Matrix a = call.tensor("a"), b = call.tensor("b"), output = call.tensor("output");
  const auto factor = static_cast<float>(call.number("scale"));
  call.require_float(a, "a");
  call.require_dtype(b, a.dtype, "b");
  call.require_dtype(output, a.dtype, "output");
  require_same(call, a, b, "a and b differ in shape");
  require_same(call, a, output, "output has another shape than a");
  backend::add(a, b, output, factor);
}

void scale(Call& call) {
  const Matrix input = call.tensor("input"), output = call.tensor("output");
  const auto factor = static_cast<float>(call.number("factor")), cap = static_cast<float>(call.number("soft cap"));
  call.require_float(input, "input");
  call.require_float(output, "output");
  require_same(call, input, output, "output has another shape than input");
  backend::scale(input, output, factor, cap);
}

void cast(Call& call) {
  const Matrix input = call.tensor("input"), output = call.tensor("output");
  call.require(is_float(input) && is_float(output), "input and output must be floats");
  require_same(call, input, output, "output has another shape than input");
  backend::cast(input, output);
}

}  // namespace elastic::checked
