#pragma once
#include <cstdint>

namespace elastic {

/**
 * c[rows][32] (+)= a[rows][depth] · one bf16 panel of 32 outputs in tile layout; depth is a multiple of 32. Strides are in
 * elements. `a` and `c` have room for rows rounded up to 32: tiles read and write them whole.
 */
using PanelProduct = void (*)(const uint16_t* a, int64_t a_stride, int64_t rows, const uint16_t* panel, int64_t depth,
                              float* c, int64_t c_stride, bool accumulate);

/** By the dot products of bf16 that AVX-512 and NEON have; touches no more than `rows` rows. */
void multiply_panel_dot(const uint16_t* a, int64_t a_stride, int64_t rows, const uint16_t* panel, int64_t depth, float* c,
                        int64_t c_stride, bool accumulate);
/** By AMX tiles; always computes 32 rows. */
void multiply_panel_tiles(const uint16_t* a, int64_t a_stride, int64_t rows, const uint16_t* panel, int64_t depth, float* c,
                          int64_t c_stride, bool accumulate);

}  // namespace elastic
