// The operations that each addon implements. Arguments have been checked: shapes fit, tensors lie inside their buffers.
#pragma once
#include <array>
#include <vector>

#include "addon/attention_call.h"
#include "addon/values/gate_function.h"
#include "addon/values/rotation.h"

namespace elastic {

/** A weight argument: its buffer, and the matrix [outputs, inputs] that lies in it in the addon's own layout. */
struct WeightArgument {
  char* data;
  int64_t outputs;
  int64_t inputs;
  DType dtype;
};

/** Rows of a tensor that are copied to another: from, to, count. */
struct RowSpan {
  int64_t from;
  int64_t to;
  int64_t rows;
};

/** New tokens of a layer. */
struct CacheAppend {
  /** [tokens, heads * head_dim]. */
  Matrix keys;
  Matrix values;
  /** [slots, head_dim]. */
  Matrix cache_keys;
  Matrix cache_values;
  PageTable pages;
  /** Tokens before these. */
  int64_t length;
  std::vector<HeadStore> stores;
};

/** XAttention's choice of blocks; mirrors `XAttentionEstimateCall`. */
struct Estimate {
  Matrix query;
  Matrix keys;
  /** U8 [numQueryHeads * blocks, blocks]. */
  Matrix visited;
  int64_t num_query_heads;
  int64_t head_dim;
  int64_t tokens;
  int64_t stride;
  int64_t block_size;
  double threshold;
  /** Of the attention: multiplies q · k; bounds the scaled scores where it is above 0. */
  double scale;
  double soft_cap;
  bool round_bf16;
  /** Query heads of a key-value head. */
  int64_t group;
  struct Head {
    int64_t key_value_head;
    HeadStore store;
  };
  std::vector<Head> heads;

  /** From an antidiagonal's sum of q · k to its mean score. */
  double score_scale() const { return scale / static_cast<double>(stride); }
  /** The cap of such a sum; 0 where there is none. */
  double sum_cap() const { return soft_cap / score_scale(); }
  int64_t groups() const { return (tokens + stride - 1) / stride; }
  int64_t blocks() const { return (tokens + block_size - 1) / block_size; }
  double rounded(double value) const {
    const auto narrow = static_cast<float>(value);
    return round_bf16 ? bf16_to_float(float_to_bf16(narrow)) : narrow;
  }
};

/** The Attention Router: two layers of the task MLP, three of the router MLP. */
struct RouterCall {
  static constexpr int kLayers = 5;
  /** No activation after the task MLP and after the last layer. */
  static constexpr bool kActivated[kLayers] = {true, false, true, true, false};
  struct Layer {
    Matrix weight;
    Matrix bias;
  };
  /** Rows of a sequence that are averaged; a row in two ranges counts twice. */
  struct Pool {
    int64_t ranges[2][2];
    int64_t count;
  };

  /** [tokens, heads * head_dim]. */
  Matrix keys;
  /** F32 [sequences, heads * classes]. */
  Matrix output;
  int64_t heads;
  int64_t head_dim;
  int64_t classes;
  bool round_bf16;
  /** U8 [sequences, heads]: 0 where class 1 leads class 0 by more than the threshold, else 1; or no data. */
  Matrix decision;
  double threshold;
  std::array<Layer, kLayers> layers;
  std::vector<Pool> pools;
};

/** What each addon defines, once. They throw std::exception types only; std::range_error for a bad index. */
namespace backend {

int64_t packed_weight_bytes(int64_t outputs, int64_t inputs, DType dtype);
/** Whether weights are packed in this type. */
bool packs(DType dtype);
void pack_linear(const WeightArgument& weight, const std::vector<Matrix>& sources);
/** output = input · weightᵀ (+ bias) (+ output); bias may have no data. */
void linear(const Matrix& input, const WeightArgument& weight, const Matrix& bias, const Matrix& output, bool accumulate);
/** output = norm(input) · weight. */
void rms_norm(const Matrix& input, const Matrix& weight, const Matrix& output, float epsilon);
void head_norm(const Matrix& heads, const Matrix& weight, float epsilon);
/** output = (x - mean) / sqrt(variance + epsilon) · weight (+ bias); bias may have no data. */
void layer_norm(const Matrix& input, const Matrix& weight, const Matrix& bias, const Matrix& output, float epsilon);
void rotary(const Matrix& heads, const Matrix& positions, const Matrix& cosine, const Matrix& sine, const Rotation& rotation);
void gated_activation(const Matrix& gate, const Matrix& up, const Matrix& output, const GateFunction& function);
void activate(const Matrix& input, const Matrix& output, ActivationKind kind);
/** output = factor · table[ids]. */
void embedding(const Matrix& ids, const Matrix& table, const Matrix& output, float factor);
/** output = a + factor · b. */
void add(const Matrix& a, const Matrix& b, const Matrix& output, float factor);
/** output = factor · input, or cap · tanh(factor · input / cap) where cap is above 0. */
void scale(const Matrix& input, const Matrix& output, float factor, float cap);
void cast(const Matrix& input, const Matrix& output);
void copy_spans(const Matrix& source, const Matrix& destination, const std::vector<RowSpan>& spans);
void cache_append(const CacheAppend& append);
void hybrid_attention(const AttentionCall& call);
void xattention_estimate(const Estimate& estimate);
void router_logits(const RouterCall& router);

}  // namespace backend
}  // namespace elastic
