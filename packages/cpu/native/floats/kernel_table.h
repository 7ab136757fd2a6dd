#pragma once
#include <cstdint>

#include "addon/values/numeric.h"
#include "core/instruction_set.h"

namespace elastic {

/** Outputs of a linear weight are grouped in panels of this many. */
constexpr int64_t kPanel = 32;
/** Inputs of a bf16 panel are padded to a multiple of this: one AMX tile row is 32 bf16 values. */
constexpr int64_t kTileDepth = 32;

enum class BlockFormat : int;
struct RoundedRows;

/**
 * Float kernels of one instruction set. They work on one thread and one piece; callers split the work. Pointers named
 * `x`, `out` and the like address elements of the dtype given beside them (F32 or BF16); everything is computed in
 * float32 and rounded once.
 */
struct FloatKernels {
  const char* name;
  /** Copies n floats between F32, BF16 and F16; from F32 and BF16 to whole rows of a rounded cache, and back. */
  void (*convert)(const char* x, DType from, char* out, DType to, int64_t n);
  /** out = x / sqrt(mean(x²) + epsilon) · weight; `out` may be `x`. */
  void (*rms_norm)(const char* x, DType from, const float* weight, float epsilon, char* out, DType to, int64_t n);
  /** out = a + b. */
  void (*add)(const char* a, const char* b, char* out, DType dtype, int64_t n);
  /** Half-split rotation of one head in place; direction is 1, or -1 to rotate backwards. */
  void (*rotate)(char* x, DType dtype, const float* cosine, const float* sine, float direction, int64_t half);
  /** Softmax of a row. */
  void (*softmax)(const char* x, DType from, char* out, DType to, int64_t n);
  /** Dot product. */
  float (*dot)(const float* a, const float* b, int64_t n);

  /** c[r][0..32) (+)= Σ_k a[r][k] · panel[k][0..32) for `rows` rows, any number. */
  void (*multiply_panel_f32)(const float* a, int64_t a_stride, int64_t rows, const float* panel, int64_t depth, float* c,
                             int64_t c_stride, bool accumulate);
  /**
   * c[r][p · 32 + i] = Σ_k a[r][k] · bf16 panel p, output i, for panels in tile layout that lie `panel_stride` elements
   * apart; `depth` is a multiple of 32 and `a` is padded with zeros to it.
   */
  void (*multiply_panels_bf16)(const float* a, int64_t a_stride, int64_t rows, const uint16_t* panel, int64_t panel_stride,
                               int64_t panels, int64_t depth, float* c, int64_t c_stride);
  /** Rows from which on a widened panel and `multiply_panel_f32` are faster, with the same sums. */
  int64_t widening_rows;
  /** A bf16 panel in tile layout as floats [depth][32]; `depth` is a multiple of 32. */
  void (*widen_panel_bf16)(const uint16_t* panel, int64_t depth, float* out);

  /** A panel of weights in blocks as bf16 in tile layout. */
  void (*widen_blocks_bf16)(const char* panel, BlockFormat format, int64_t blocks, char* out);

  /** Rounds the inputs of one row to int8 by blocks of 32; the scale of a block is NaN where it holds what is not a number. */
  void (*round_blocks)(const char* x, DType dtype, const RoundedRows& row);

  /** out = sums (+ bias) (+ out) for n outputs of one row; `bias` may be null. */
  void (*finish_row)(const float* sums, const float* bias, char* out, DType dtype, bool accumulate, int64_t n);

  /**
   * One step of an online softmax over scores[0..n), n a multiple of 16: columns outside [low, high) count as masked.
   * Scores become weights exp2(score · factor - maximum); returns the new maximum, adds to `sum` after rescaling it, and
   * gives in `rescale` what earlier results must be multiplied by.
   */
  float (*softmax_step)(float* scores, int64_t n, int64_t low, int64_t high, float factor, float maximum, float* sum,
                        float* rescale);
  /** Whether score · factor < bound for scores [low, high); false where one is not a number. */
  bool (*all_below)(const float* scores, int64_t low, int64_t high, float factor, float bound);
  /** x = cap · tanh(x · scale / cap) for n scores, n a multiple of 16. */
  void (*cap_scores)(float* x, int64_t n, float scale, float cap);
  /** x *= factor. */
  void (*scale)(float* x, float factor, int64_t n);

  /** scores[g][j] = q[g] · key_j for n rows `stride` bytes apart, headDim a multiple of 32; q as `split_query` gives it. */
  void (*score_rows)(const float* query, int64_t heads, const char* keys, int64_t stride, DType dtype, int64_t n,
                     int64_t head_dim, float* scores, int64_t score_stride);
  /** out[g] += Σ_j weights[g][j] · value_j, in the element order of `split_query`. */
  void (*mix_rows)(const float* weights, int64_t heads, int64_t weight_stride, const char* values, int64_t stride,
                   DType dtype, int64_t n, int64_t head_dim, float* out);
};

/** The kernels of the call that this thread works for. */
const FloatKernels& float_kernels();
/** The kernels of a level. */
const FloatKernels& float_kernels_of(InstructionSet level);

const FloatKernels& float_kernels_plain();
const FloatKernels& float_kernels_avx2();
const FloatKernels& float_kernels_avx512();

}  // namespace elastic
