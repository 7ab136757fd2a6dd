// Operations on elements: each thread reads and writes one.
#include "core/device/check.h"
#include "core/elements/floats.cuh"
#include "operations/row_kernels.h"

namespace elastic {
namespace {

constexpr int kThreads = 256;

template <typename T>
__global__ void add_rows(Rows<T> a, Rows<T> b, Rows<T> output, float factor, int64_t columns, int64_t total) {
  const int64_t index = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (index >= total) return;
  const int64_t row = index / columns, column = index % columns;
  output[row][column] = from_float<T>(fmaf(factor, to_float(b[row][column]), to_float(a[row][column])));
}

template <typename In, typename Out>
__global__ void add_row_to_rows(const In* source, Rows<Out> output, bool accumulate, int64_t columns, int64_t total) {
  const int64_t index = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (index >= total) return;
  Out& target = output[index / columns][index % columns];
  const float value = to_float(source[index % columns]);
  target = from_float<Out>(accumulate ? to_float(target) + value : value);
}

template <typename In, typename Out>
__global__ void cast_rows(Rows<In> input, Rows<Out> output, int64_t columns, int64_t total) {
  const int64_t index = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (index >= total) return;
  const int64_t row = index / columns, column = index % columns;
  output[row][column] = from_float<Out>(to_float(input[row][column]));
}

int64_t blocks_for(int64_t total) { return (total + kThreads - 1) / kThreads; }

}  // namespace

void launch_add(const Matrix& a, const Matrix& b, const Matrix& output, float factor, cudaStream_t stream) {
  const int64_t total = a.rows * a.columns;
  if (total == 0) return;
  with_float_type(a.dtype, [&]<typename T>(T*) {
    add_rows<<<static_cast<unsigned>(blocks_for(total)), kThreads, 0, stream>>>(rows_of<T>(a), rows_of<T>(b),
                                                                               rows_of<T>(output), factor, a.columns, total);
  });
  check(cudaGetLastError(), "add");
}

void launch_add_row(const Matrix& row, const Matrix& output, bool accumulate, cudaStream_t stream) {
  const int64_t total = output.rows * output.columns;
  if (total == 0) return;
  with_float_type(row.dtype, [&]<typename In>(In*) {
    with_float_type(output.dtype, [&]<typename Out>(Out*) {
      add_row_to_rows<<<static_cast<unsigned>(blocks_for(total)), kThreads, 0, stream>>>(
          reinterpret_cast<const In*>(row.data), rows_of<Out>(output), accumulate, output.columns, total);
    });
  });
  check(cudaGetLastError(), "bias");
}

void launch_cast(const Matrix& input, const Matrix& output, cudaStream_t stream) {
  const int64_t total = input.rows * input.columns;
  if (total == 0) return;
  with_float_type(input.dtype, [&]<typename In>(In*) {
    with_float_type(output.dtype, [&]<typename Out>(Out*) {
      cast_rows<<<static_cast<unsigned>(blocks_for(total)), kThreads, 0, stream>>>(rows_of<In>(input),
                                                                                  rows_of<Out>(output), input.columns, total);
    });
  });
  check(cudaGetLastError(), "cast");
}

}  // namespace elastic
