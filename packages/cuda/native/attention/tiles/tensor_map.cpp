#include "attention/tiles/tensor_map.h"

#include <cudaTypedefs.h>

#include "core/device/check.h"

namespace elastic {
namespace {

/** The driver's encoder; found at run time, because the addon must load where there is no driver. */
PFN_cuTensorMapEncodeTiled_v12000 encoder();

CUtensorMap encode(const void* data, HalfType type, int head_dim, int rank, const cuuint64_t* sizes,
                   const cuuint64_t* strides, const cuuint32_t* box) {
  constexpr cuuint32_t steps[4] = {1, 1, 1, 1};
  CUtensorMap map;
  const CUresult status = encoder()(
      &map, type == HalfType::BFloat16 ? CU_TENSOR_MAP_DATA_TYPE_BFLOAT16 : CU_TENSOR_MAP_DATA_TYPE_FLOAT16,
      static_cast<cuuint32_t>(rank), const_cast<void*>(data), sizes, strides, box, steps, CU_TENSOR_MAP_INTERLEAVE_NONE,
      box_columns(head_dim) == 64 ? CU_TENSOR_MAP_SWIZZLE_128B : CU_TENSOR_MAP_SWIZZLE_64B,
      CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  if (status != CUDA_SUCCESS) {
    throw std::runtime_error("cuTensorMapEncodeTiled refused a tensor: code " + std::to_string(status));
  }
  return map;
}

PFN_cuTensorMapEncodeTiled_v12000 encoder() {
  static const auto function = [] {
    void* entry = nullptr;
    cudaDriverEntryPointQueryResult result;
    check(cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &entry, 12000, cudaEnableDefault, &result),
          "cudaGetDriverEntryPointByVersion");
    if (entry == nullptr) throw std::runtime_error("the driver has no cuTensorMapEncodeTiled: it is older than CUDA 12");
    return reinterpret_cast<PFN_cuTensorMapEncodeTiled_v12000>(entry);
  }();
  return function;
}

}  // namespace

CUtensorMap head_rows_map(const void* data, HalfType type, int64_t rows, int head_dim) {
  const cuuint64_t sizes[2] = {static_cast<cuuint64_t>(head_dim), static_cast<cuuint64_t>(rows)};
  const cuuint64_t strides[1] = {static_cast<cuuint64_t>(head_dim) * 2};
  const cuuint32_t box[2] = {static_cast<cuuint32_t>(box_columns(head_dim)), kTile};
  return encode(data, type, head_dim, 2, sizes, strides, box);
}

CUtensorMap interleaved_heads_map(const void* data, HalfType type, int64_t rows, int heads, int head_dim,
                                  int64_t row_stride, int box_rows) {
  const cuuint64_t sizes[3] = {static_cast<cuuint64_t>(head_dim), static_cast<cuuint64_t>(heads),
                               static_cast<cuuint64_t>(rows)};
  const cuuint64_t strides[2] = {static_cast<cuuint64_t>(head_dim) * 2, static_cast<cuuint64_t>(row_stride) * 2};
  const cuuint32_t box[3] = {static_cast<cuuint32_t>(box_columns(head_dim)), 1, static_cast<cuuint32_t>(box_rows)};
  return encode(data, type, head_dim, 3, sizes, strides, box);
}

CUtensorMap grouped_rows_map(const void* data, HalfType type, int64_t groups, int64_t stride, int head_dim, int box_groups) {
  const cuuint64_t row_bytes = static_cast<cuuint64_t>(head_dim) * 2;
  const cuuint64_t sizes[3] = {static_cast<cuuint64_t>(head_dim), static_cast<cuuint64_t>(stride),
                               static_cast<cuuint64_t>(groups > 0 ? groups : 1)};
  const cuuint64_t strides[2] = {row_bytes, row_bytes * static_cast<cuuint64_t>(stride)};
  const cuuint32_t box[3] = {static_cast<cuuint32_t>(box_columns(head_dim)), 1, static_cast<cuuint32_t>(box_groups)};
  return encode(data, type, head_dim, 3, sizes, strides, box);
}

CUtensorMap grouped_heads_map(const void* data, HalfType type, int64_t groups, int64_t stride, int64_t heads, int head_dim,
                              int64_t row_stride, int box_groups) {
  const cuuint64_t row_bytes = static_cast<cuuint64_t>(row_stride) * 2;
  const cuuint64_t sizes[4] = {static_cast<cuuint64_t>(head_dim), static_cast<cuuint64_t>(heads),
                               static_cast<cuuint64_t>(stride), static_cast<cuuint64_t>(groups > 0 ? groups : 1)};
  const cuuint64_t strides[3] = {static_cast<cuuint64_t>(head_dim) * 2, row_bytes, row_bytes * static_cast<cuuint64_t>(stride)};
  const cuuint32_t box[4] = {static_cast<cuuint32_t>(box_columns(head_dim)), 1, 1, static_cast<cuuint32_t>(box_groups)};
  return encode(data, type, head_dim, 4, sizes, strides, box);
}

}  // namespace elastic
