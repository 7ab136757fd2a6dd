#include "addon/preparation.h"

#include <algorithm>

#include "addon/values/normal_value.h"
#include "core/device/check.h"
#include "core/device/device.h"
#include "core/elements/floats.cuh"

namespace elastic {
namespace {

constexpr int kThreads = 256;

__global__ void fill_rotary_tables(const float* frequencies, Rows<float> cosine, Rows<float> sine, int half,
                                   int64_t total, double scale) {
  const int64_t index = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (index >= total) return;
  const int64_t position = index / half;
  const int pair = static_cast<int>(index % half);
  const float angle = __fmul_rn(static_cast<float>(position), frequencies[pair]);
  double s, c;
  sincos(static_cast<double>(angle), &s, &c);
  cosine[position][pair] = static_cast<float>(c * scale);
  sine[position][pair] = static_cast<float>(s * scale);
}

template <typename Out>
__global__ void fill_normal_rows(Rows<Out> output, int64_t columns, int64_t total, uint32_t seed, float deviation) {
  const int64_t step = static_cast<int64_t>(gridDim.x) * kThreads;
  for (int64_t index = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x; index < total; index += step) {
    output[index / columns][index % columns] = from_float<Out>(deviation * normal_value(seed, static_cast<uint32_t>(index)));
  }
}

/** One thread block for a head. */
__global__ void count_ones(const uint8_t* visited, int64_t row_stride, int64_t columns, int64_t rows, int32_t* counts) {
  __shared__ int sums[kThreads / 32];
  int sum = 0;
  for (int64_t row = threadIdx.x / 32; row < rows; row += kThreads / 32) {
    const uint8_t* entries = visited + (blockIdx.x * rows + row) * row_stride;
    for (int64_t i = threadIdx.x % 32; i < columns; i += 32) sum += entries[i] == 1;
  }
  for (int step = 16; step > 0; step /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, step);
  if (threadIdx.x % 32 == 0) sums[threadIdx.x / 32] = sum;
  __syncthreads();
  if (threadIdx.x != 0) return;
  for (int i = 1; i < kThreads / 32; ++i) sum += sums[i];
  counts[blockIdx.x] = sum;
}

__global__ void set_integer(int32_t* target, int32_t value) { *target = value; }

/** Numbers are compared as unsigned: -1, which is none, is the largest. */
template <typename Bits>
__global__ void find_not_finite(Rows<Bits> input, int64_t columns, int64_t total, Bits exponent, unsigned* first) {
  const int64_t step = static_cast<int64_t>(gridDim.x) * kThreads;
  for (int64_t index = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x; index < total; index += step) {
    if ((input[index / columns][index % columns] & exponent) == exponent) atomicMin(first, static_cast<unsigned>(index));
  }
}

unsigned blocks_for(int64_t total) { return static_cast<unsigned>((total + kThreads - 1) / kThreads); }

}  // namespace

void backend::rotary_tables(const Matrix& frequencies, const Matrix& cosine, const Matrix& sine, double scale) {
  const int64_t total = cosine.rows * cosine.columns;
  fill_rotary_tables<<<blocks_for(total), kThreads, 0, Device::instance().stream>>>(
      reinterpret_cast<const float*>(frequencies.data), rows_of<float>(cosine), rows_of<float>(sine),
      static_cast<int>(cosine.columns), total, scale);
  check(cudaGetLastError(), "rotaryTables");
}

void backend::fill_normal(const Matrix& output, uint32_t seed, float deviation) {
  const int64_t total = output.rows * output.columns;
  const unsigned blocks = std::min(blocks_for(total), static_cast<unsigned>(Device::instance().multiprocessors * 16));
  with_float_type(output.dtype, [&]<typename Out>(Out*) {
    fill_normal_rows<<<blocks, kThreads, 0, Device::instance().stream>>>(rows_of<Out>(output), output.columns, total, seed,
                                                                        deviation);
  });
  check(cudaGetLastError(), "fillNormal");
}

void backend::first_not_finite(const Matrix& input, const Matrix& output) {
  const cudaStream_t stream = Device::instance().stream;
  auto* first = reinterpret_cast<unsigned*>(output.data);
  set_integer<<<1, 1, 0, stream>>>(reinterpret_cast<int32_t*>(output.data), -1);
  const int64_t total = input.rows * input.columns;
  const unsigned blocks = std::min(blocks_for(total), static_cast<unsigned>(Device::instance().multiprocessors * 16));
  if (total == 0) return;
  if (input.dtype == DType::F32) {
    find_not_finite<uint32_t><<<blocks, kThreads, 0, stream>>>(rows_of<uint32_t>(input), input.columns, total, 0x7f800000u, first);
  } else {
    const uint16_t exponent = input.dtype == DType::BF16 ? 0x7f80 : 0x7c00;
    find_not_finite<uint16_t><<<blocks, kThreads, 0, stream>>>(rows_of<uint16_t>(input), input.columns, total, exponent, first);
  }
  check(cudaGetLastError(), "firstNotFinite");
}

void backend::count_visited_blocks(const Matrix& visited, const Matrix& counts) {
  count_ones<<<static_cast<unsigned>(counts.columns), kThreads, 0, Device::instance().stream>>>(
      reinterpret_cast<const uint8_t*>(visited.data), visited.row_stride, visited.columns, visited.rows / counts.columns,
      reinterpret_cast<int32_t*>(counts.data));
  check(cudaGetLastError(), "countVisitedBlocks");
}

}  // namespace elastic
