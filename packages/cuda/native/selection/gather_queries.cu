#include "selection/gather_queries.h"

#include "core/device/check.h"

namespace elastic {
namespace {

constexpr int kThreads = 256;

/** `Unit` elements at a time: one, or 16 bytes. */
template <typename Unit>
__global__ void gather_queries(const Unit* query, Unit* target, int64_t row_stride, int64_t first, int64_t rows,
                               int64_t tokens, int stride, int head_units, int64_t first_head) {
  const int64_t index = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (index >= rows * stride * head_units) return;
  const int64_t column = index % head_units, m = index / head_units % stride, row = index / head_units / stride;
  const int64_t token = (first + row) * stride + stride - 1 - m;
  const int64_t head = first_head + blockIdx.y;
  target[blockIdx.y * rows * stride * head_units + index] =
      token < tokens ? query[token * row_stride + head * head_units + column] : Unit{};
}

}  // namespace

void launch_gather_queries(const Estimate& estimate, int64_t head, int64_t heads, int64_t first, int64_t rows,
                           void* target, cudaStream_t stream) {
  const int64_t element = byte_size(estimate.query.dtype);
  const auto launch = [&]<typename Unit>(Unit*) {
    const int64_t units = estimate.head_dim * element / static_cast<int64_t>(sizeof(Unit));
    const int64_t total = rows * estimate.stride * units;
    const dim3 grid(static_cast<unsigned>((total + kThreads - 1) / kThreads), static_cast<unsigned>(heads));
    gather_queries<<<grid, kThreads, 0, stream>>>(reinterpret_cast<const Unit*>(estimate.query.data),
                                                  static_cast<Unit*>(target),
                                                  estimate.query.row_stride * element / static_cast<int64_t>(sizeof(Unit)),
                                                  first, rows, estimate.tokens, static_cast<int>(estimate.stride),
                                                  static_cast<int>(units), head);
  };
  const bool wide = reinterpret_cast<uintptr_t>(estimate.query.data) % 16 == 0 &&
                    estimate.query.row_stride * element % 16 == 0 && estimate.head_dim * element % 16 == 0;
  if (wide) launch(static_cast<uint4*>(nullptr));
  else if (element == 2) launch(static_cast<uint16_t*>(nullptr));
  else launch(static_cast<uint32_t*>(nullptr));
  check(cudaGetLastError(), "xattentionEstimate, queries");
}

}  // namespace elastic
