#include "operations/vector_kernels.h"

#include "core/elements/block_sums.cuh"
#include "core/device/check.h"
#include "core/elements/vectors.cuh"

namespace elastic {
namespace {

constexpr int kThreads = 256;
/** Vectors of a row that one thread of a norm keeps in registers. */
constexpr int kRowVectors = 4;

/** One thread block for a row, which is read once. */
template <typename T>
__global__ void __launch_bounds__(kThreads)
    rms_norm_vectors(Rows<T> input, const float* weight, Rows<T> output, int vectors, float epsilon) {
  const int64_t row = blockIdx.x;
  FloatVector x[kRowVectors];
  float sum = 0;
#pragma unroll
  for (int i = 0; i < kRowVectors; ++i) {
    const int vector = threadIdx.x + i * kThreads;
    if (vector >= vectors) break;
    x[i] = FloatVector::load(input[row] + vector * kVector);
#pragma unroll
    for (int k = 0; k < kVector; ++k) sum += x[i].values[k] * x[i].values[k];
  }
  const float scale = rsqrtf(block_sum(sum) / static_cast<float>(vectors * kVector) + epsilon);
#pragma unroll
  for (int i = 0; i < kRowVectors; ++i) {
    const int vector = threadIdx.x + i * kThreads;
    if (vector >= vectors) break;
    const FloatVector w = FloatVector::load(weight + vector * kVector);
#pragma unroll
    for (int k = 0; k < kVector; ++k) x[i].values[k] *= scale * w.values[k];
    x[i].store(output[row] + vector * kVector);
  }
}

/** `lanes` threads for a head. */
template <typename T>
__global__ void head_norm_vectors(Rows<T> heads, const float* weight, unsigned num_heads, unsigned lanes, unsigned total,
                                  float epsilon) {
  const unsigned index = blockIdx.x * kThreads + threadIdx.x;
  const bool there = index < total;
  const unsigned head = (there ? index : 0) / lanes, lane = index % lanes;
  T* source = heads[head / num_heads] + (head % num_heads * lanes + lane) * kVector;
  FloatVector x = FloatVector::load(source);
  float sum = 0;
#pragma unroll
  for (int k = 0; k < kVector; ++k) sum += x.values[k] * x.values[k];
  for (unsigned step = lanes / 2; step > 0; step /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, step);
  const float scale = rsqrtf(sum / static_cast<float>(lanes * kVector) + epsilon);
  const FloatVector w = FloatVector::load(weight + lane * kVector);
#pragma unroll
  for (int k = 0; k < kVector; ++k) x.values[k] *= scale * w.values[k];
  if (there) x.store(source);
}

template <typename T>
__global__ void rotate_vectors(Rows<T> heads, const int32_t* positions, Rows<float> cosine, Rows<float> sine,
                               float direction, int64_t positions_known, unsigned parts, unsigned num_heads, unsigned head_dim,
                               unsigned total) {
  const unsigned index = blockIdx.x * kThreads + threadIdx.x;
  if (index >= total) return;
  const unsigned part = index % parts, head = index / parts, token = head / num_heads;
  const unsigned half = parts * kVector;
  T* low = heads[token] + head % num_heads * head_dim + part * kVector;
  T* high = low + half;
  const int32_t position = positions[token];
  const bool known = position >= 0 && position < positions_known;
  FloatVector a = FloatVector::load(low), b = FloatVector::load(high);
  const FloatVector c = FloatVector::load(cosine[known ? position : 0] + part * kVector);
  const FloatVector s = FloatVector::load(sine[known ? position : 0] + part * kVector);
#pragma unroll
  for (int k = 0; k < kVector; ++k) {
    const float x = known ? a.values[k] : NAN, y = b.values[k], sine_k = s.values[k] * direction;
    a.values[k] = x * c.values[k] - y * sine_k;
    b.values[k] = y * c.values[k] + x * sine_k;
  }
  a.store(low);
  b.store(high);
}

unsigned blocks_for(int64_t total) { return static_cast<unsigned>((total + kThreads - 1) / kThreads); }

bool is_float_vector(const Matrix& row) {
  return row.dtype == DType::F32 && reinterpret_cast<uintptr_t>(row.data) % 16 == 0 && row.columns % kVector == 0;
}

}  // namespace

bool try_rms_norm_vectors(const Matrix& input, const Matrix& weight, const Matrix& output, float epsilon,
                          cudaStream_t stream) {
  const bool serves = in_vectors(input) && in_vectors(output) && output.dtype == input.dtype && is_float_vector(weight) &&
                      input.columns <= kThreads * kRowVectors * kVector && countable(input.rows);
  if (!serves) return false;
  const int vectors = static_cast<int>(input.columns / kVector);
  const auto* weights = reinterpret_cast<const float*>(weight.data);
  with_half_type(input.dtype, [&]<typename T>(T*) {
    rms_norm_vectors<T><<<static_cast<unsigned>(input.rows), kThreads, 0, stream>>>(rows_of<T>(input), weights,
                                                                                    rows_of<T>(output), vectors, epsilon);
  });
  check(cudaGetLastError(), "rmsNorm");
  return true;
}

bool try_head_norm_vectors(const Matrix& heads, const Matrix& weight, float epsilon, cudaStream_t stream) {
  const int64_t lanes = weight.columns / kVector, total = heads.rows * heads.columns / kVector;
  const bool whole = lanes == 4 || lanes == 8 || lanes == 16 || lanes == 32;
  if (!(in_vectors(heads) && is_float_vector(weight) && whole && countable(total))) return false;
  const auto num_heads = static_cast<unsigned>(heads.columns / weight.columns);
  with_half_type(heads.dtype, [&]<typename T>(T*) {
    head_norm_vectors<<<blocks_for(total), kThreads, 0, stream>>>(
        rows_of<T>(heads), reinterpret_cast<const float*>(weight.data), num_heads, static_cast<unsigned>(lanes),
        static_cast<unsigned>(total), epsilon);
  });
  check(cudaGetLastError(), "headNorm");
  return true;
}

bool try_rotary_vectors(const Matrix& heads, const Matrix& positions, const Matrix& cosine, const Matrix& sine,
                        const Rotation& rotation, cudaStream_t stream) {
  const int64_t half = cosine.columns, num_heads = heads.columns / rotation.head_dim;
  const int64_t total = heads.rows * num_heads * (half / kVector);
  const auto aligned = [](const Matrix& table) {
    return reinterpret_cast<uintptr_t>(table.data) % 16 == 0 && table.row_stride % 4 == 0;
  };
  const bool serves = in_vectors(heads) && half % kVector == 0 && rotation.head_dim % kVector == 0 && !rotation.neighbours &&
                      cosine.rows > 0 && aligned(cosine) && aligned(sine) && countable(total);
  if (!serves) return false;
  with_half_type(heads.dtype, [&]<typename T>(T*) {
    rotate_vectors<<<blocks_for(total), kThreads, 0, stream>>>(
        rows_of<T>(heads), reinterpret_cast<const int32_t*>(positions.data), rows_of<float>(cosine), rows_of<float>(sine),
        rotation.inverse ? -1.0f : 1.0f, cosine.rows, static_cast<unsigned>(half / kVector), static_cast<unsigned>(num_heads),
        static_cast<unsigned>(rotation.head_dim), static_cast<unsigned>(total));
  });
  check(cudaGetLastError(), "rotary");
  return true;
}

}  // namespace elastic
