#include "gemm/packed_weight.h"

#include <cstring>

#include "core/scratch.h"
#include "core/thread_pool.h"

namespace elastic {
namespace {

/** The row of all sources, counted through; null behind the last. */
const char* source_row(const std::vector<Matrix>& sources, int64_t output, DType* dtype) {
  for (const Matrix& source : sources) {
    if (output < source.rows) {
      *dtype = source.dtype;
      return source.row(output);
    }
    output -= source.rows;
  }
  return nullptr;
}

void scatter_bf16(const uint16_t* row, int64_t inputs, uint16_t* panel, int64_t output) {
  uint16_t* column = panel + output / 16 * 512 + output % 16 * 2;
  for (int64_t k = 0; k < inputs; ++k) column[k / 32 * 1024 + k % 32 / 2 * 32 + (k & 1)] = row[k];
}

void scatter_f32(const float* row, int64_t inputs, float* panel, int64_t output) {
  for (int64_t k = 0; k < inputs; ++k) panel[k * kPanel + output] = row[k];
}

}  // namespace

void pack_weight(const PackedWeight& weight, const std::vector<Matrix>& sources) {
  const FloatKernels& kernels = float_kernels();
  parallel_for(weight.panels(), [&](int64_t index) {
    char* panel = weight.data + index * weight.panel_bytes();
    std::memset(panel, 0, static_cast<std::size_t>(weight.panel_bytes()));
    Scratch scratch;
    char* row = scratch.take<char>(weight.inputs * byte_size(weight.dtype));
    for (int64_t output = 0; output < kPanel; ++output) {
      DType dtype = DType::F32;
      const char* source = source_row(sources, index * kPanel + output, &dtype);
      if (source == nullptr) break;
      kernels.convert(source, dtype, row, weight.dtype, weight.inputs);
      if (weight.dtype == DType::BF16) {
        scatter_bf16(reinterpret_cast<uint16_t*>(row), weight.inputs, reinterpret_cast<uint16_t*>(panel), output);
      } else {
        scatter_f32(reinterpret_cast<float*>(row), weight.inputs, reinterpret_cast<float*>(panel), output);
      }
    }
  });
}

}  // namespace elastic
