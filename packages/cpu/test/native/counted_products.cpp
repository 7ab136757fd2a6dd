// One product by one kernel, and nothing when its name is "none": the difference is what the kernel takes. Its instructions are
// counted by tooling/native/emulation/count-products.mjs; every kernel must give the sums of the plain loops.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "addon/backend.h"
#include "blocks/block_layout.h"
#include "floats/kernel_table.h"
#include "gemm/panel_product.h"

namespace elastic {

// Scratch memory of kernels is part of them, the addon's tensors are not.
char* allocate_memory(std::size_t bytes) { return static_cast<char*>(std::aligned_alloc(64, (bytes + 63) / 64 * 64)); }
void free_memory(char* data) { std::free(data); }

}  // namespace elastic

using namespace elastic;

namespace {

constexpr int64_t kSize = 512;

float value_of(int64_t i) { return static_cast<float>(i * 2654435761u % 255 - 127) / 127.0f; }

uint16_t upper_half(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  return static_cast<uint16_t>(bits >> 16);
}

/** Three loops over single floats, without vectors: what a product takes in plain C++. */
__attribute__((noinline)) void multiply_plainly(const float* a, const float* b, float* c) {
  for (int64_t row = 0; row < kSize; ++row) {
    for (int64_t column = 0; column < kSize; ++column) {
      float sum = 0.0f;
#if defined(__clang__)
#pragma clang loop vectorize(disable) interleave(disable) unroll(disable)
#endif
      for (int64_t k = 0; k < kSize; ++k) sum += a[row * kSize + k] * b[column * kSize + k];
      c[row * kSize + column] = sum;
    }
  }
}

/** A row of int8 by 32 outputs of int8 in blocks of 32, likewise. */
__attribute__((noinline)) void multiply_bytes_plainly(const int8_t* a, const float* a_scales, const int8_t* b, const float* b_scales, float* c) {
  for (int64_t output = 0; output < kPanel; ++output) {
    float sum = 0.0f;
    for (int64_t block = 0; block < kSize / kBlock; ++block) {
      int32_t products = 0;
#if defined(__clang__)
#pragma clang loop vectorize(disable) interleave(disable) unroll(disable)
#endif
      for (int64_t k = block * kBlock; k < (block + 1) * kBlock; ++k) products += a[k] * b[output * kSize + k];
      sum += a_scales[block] * b_scales[output * (kSize / kBlock) + block] * static_cast<float>(products);
    }
    c[output] = sum;
  }
}

/** Ends with 1 when a kernel's sums are not those of the plain loops. */
int compare(const std::vector<float>& expected, const std::vector<float>& actual) {
  for (std::size_t i = 0; i < expected.size(); ++i) {
    if (std::fabs(expected[i] - actual[i]) <= 1e-3f * (1.0f + std::fabs(expected[i]))) continue;
    std::fprintf(stderr, "sum %zu is %g, not %g\n", i, actual[i], expected[i]);
    return 1;
  }
  return 0;
}

/** c = a · bᵀ, both [512][512] of values that bf16 holds exactly. */
int run_cube(const std::string& kernel) {
  std::vector<float> a(kSize * kSize), b(kSize * kSize), expected(kSize * kSize), c(kSize * kSize);
  std::vector<uint16_t> rows(kSize * kSize), tiles(kSize * kSize);
  std::vector<float> panels(kSize * kSize);
  for (int64_t i = 0; i < kSize * kSize; ++i) {
    for (std::vector<float>* matrix : {&a, &b}) {
      const uint32_t bits = static_cast<uint32_t>(upper_half(value_of(matrix == &a ? i : 7 * i + 3))) << 16;
      std::memcpy(&(*matrix)[i], &bits, 4);
    }
    rows[i] = upper_half(a[i]);
  }
  for (int64_t output = 0; output < kSize; ++output) {
    for (int64_t k = 0; k < kSize; ++k) {
      const int64_t panel = output / kPanel, in_panel = output % kPanel, tile = k / 32 * 2 + in_panel / 16;
      panels[panel * kSize * kPanel + k * kPanel + in_panel] = b[output * kSize + k];
      tiles[panel * kSize * kPanel + tile * 512 + k % 32 / 2 * 32 + in_panel % 16 * 2 + k % 2] = upper_half(b[output * kSize + k]);
    }
  }
  if (kernel == "none") return 0;
  if (kernel == "check" || kernel == "plain") multiply_plainly(a.data(), b.data(), expected.data());
  if (kernel == "plain") return 0;
  const auto by = [&](const std::string& name) {
    for (int64_t panel = 0; panel < kSize / kPanel; ++panel) {
      const int64_t at = panel * kSize * kPanel;
      float* out = c.data() + panel * kPanel;
      if (name == "neon") float_kernels_of(InstructionSet::Plain).multiply_panel_f32(a.data(), kSize, kSize, panels.data() + at, kSize, out, kSize, false);
      if (name == "bf16") multiply_panel_dot(rows.data(), kSize, kSize, tiles.data() + at, kSize, out, kSize, false);
    }
  };
  if (kernel != "check") return by(kernel), 0;
  by("neon");
  if (compare(expected, c) != 0) return 1;
  by("bf16");
  return compare(expected, c);
}

/** One row by a panel of Q8_0 weights. */
int run_bytes(const std::string& kernel) {
  constexpr int64_t kBlocks = kSize / kBlock;
  constexpr BlockLayout kLayout = layout_of(BlockFormat::Q8_0);
  std::vector<int8_t> row(kSize), weights(kPanel * kSize);
  std::vector<float> row_scales(kBlocks, 0.5f), scales(kPanel * kBlocks);
  std::vector<float> sums(kBlocks, 0.0f);
  std::vector<int32_t> offsets(kBlocks), half_offsets(2 * kBlocks);
  for (int64_t k = 0; k < kSize; ++k) {
    row[k] = static_cast<int8_t>(k * 37 % 255 - 127);
    sums[k / kBlock] += row_scales[k / kBlock] * static_cast<float>(row[k]);
    offsets[k / kBlock] -= row[k];
    half_offsets[k / 16] -= row[k];
  }
  std::vector<char> panel(kBlocks * kLayout.record_bytes());
  for (int64_t output = 0; output < kPanel; ++output) {
    for (int64_t k = 0; k < kSize; ++k) {
      const auto weight = static_cast<int8_t>((output * 131 + k * 59) % 256 - 128);
      char* record = panel.data() + k / kBlock * kLayout.record_bytes();
      weights[output * kSize + k] = weight;
      record[k % kBlock / 4 * kPanel * 4 + output * 4 + k % 4] = static_cast<char>(weight + 128);
      // A half of 2^-7 and so many 64ths of it.
      const auto half = static_cast<uint16_t>(0x2000 + 16 * output);
      scales[output * kBlocks + k / kBlock] = (1.0f + static_cast<float>(output) / 64.0f) / 128.0f;
      std::memcpy(record + kLayout.integer_bytes() + output * 2, &half, 2);
    }
  }
  std::vector<float> expected(kPanel), c(kPanel);
  const RoundedRows rounded{row.data(), row_scales.data(), sums.data(), offsets.data(), half_offsets.data(), kSize};
  if (kernel == "none") return 0;
  if (kernel == "check" || kernel == "plain") multiply_bytes_plainly(row.data(), row_scales.data(), weights.data(), scales.data(), expected.data());
  if (kernel == "neon" || kernel == "check") multiply_blocks_plain(rounded, 1, panel.data(), BlockFormat::Q8_0, c.data());
  if (kernel == "check" && compare(expected, c) != 0) return 1;
  if (kernel == "dot" || kernel == "check") multiply_blocks_dot(rounded, 1, panel.data(), BlockFormat::Q8_0, c.data());
  return kernel == "check" ? compare(expected, c) : 0;
}

}  // namespace

int main(int count, char** words) {
  if (count != 3) return 2;
  return std::string(words[1]) == "cube" ? run_cube(words[2]) : run_bytes(words[2]);
}
