#include "operations/row_kernels.h"

#include <algorithm>

#include "core/elements/block_sums.cuh"
#include "core/device/check.h"
#include "core/elements/floats.cuh"
#include "operations/vector_kernels.h"

namespace elastic {
namespace {

constexpr int kThreads = 256;

template <typename In, typename Weight, typename Out>
__global__ void rms_norm_rows(Rows<In> input, const Weight* weight, Rows<Out> output, int columns, float epsilon) {
  const int64_t row = blockIdx.x;
  const In* x = input[row];
  float sum = 0;
  for (int i = threadIdx.x; i < columns; i += blockDim.x) {
    const float value = to_float(x[i]);
    sum += value * value;
  }
  const float scale = rsqrtf(block_sum(sum) / static_cast<float>(columns) + epsilon);
  for (int i = threadIdx.x; i < columns; i += blockDim.x) {
    output[row][i] = from_float<Out>(to_float(x[i]) * scale * to_float(weight[i]));
  }
}

/** One warp for a head of a row. */
template <typename T, typename Weight>
__global__ void head_norm_rows(Rows<T> heads, const Weight* weight, int num_heads, int head_dim, int64_t total,
                               float epsilon) {
  const int64_t index = (static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x) / 32;
  if (index >= total) return;
  T* head = heads[index / num_heads] + index % num_heads * head_dim;
  const int lane = threadIdx.x % 32;
  float sum = 0;
  for (int i = lane; i < head_dim; i += 32) {
    const float value = to_float(head[i]);
    sum += value * value;
  }
  const float scale = rsqrtf(warp_sum(sum) / static_cast<float>(head_dim) + epsilon);
  for (int i = lane; i < head_dim; i += 32) head[i] = from_float<T>(to_float(head[i]) * scale * to_float(weight[i]));
}

template <typename T>
__global__ void rotate_rows(Rows<T> heads, const int32_t* positions, Rows<float> cosine, Rows<float> sine,
                            float direction, int64_t positions_known, int half, bool neighbours, int head_dim, int num_heads,
                            int64_t total) {
  const int64_t index = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (index >= total) return;
  const int i = static_cast<int>(index % half);
  const int64_t head = index / half;
  const int64_t token = head / num_heads;
  T* x = heads[token] + head % num_heads * head_dim;
  const int first = neighbours ? 2 * i : i, second = neighbours ? 2 * i + 1 : half + i;
  const int32_t position = positions[token];
  const bool known = position >= 0 && position < positions_known;
  const float c = known ? cosine[position][i] : NAN, s = known ? sine[position][i] * direction : NAN;
  const float a = to_float(x[first]), b = to_float(x[second]);
  x[first] = from_float<T>(a * c - b * s);
  x[second] = from_float<T>(b * c + a * s);
}

template <typename In, typename Out>
__global__ void embed_rows(const int32_t* ids, Rows<In> table, int64_t table_rows, Rows<Out> output, float factor, int64_t columns) {
  const int64_t row = blockIdx.x;
  const int32_t id = ids[row];
  const bool known = id >= 0 && id < table_rows;
  for (int64_t i = threadIdx.x; i < columns; i += blockDim.x) {
    output[row][i] = from_float<Out>(known ? factor * to_float(table[id][i]) : NAN);
  }
}

/** Rows of whole units; rows without gaps are copied as one piece. */
template <typename Unit>
__global__ void copy_span_rows(const char* source, int64_t source_stride, char* destination, int64_t destination_stride,
                               int64_t row_bytes, const int32_t* spans) {
  const int32_t* span = spans + 3 * blockIdx.y;
  const char* from = source + span[0] * source_stride;
  char* to = destination + span[1] * destination_stride;
  const int64_t units = row_bytes / static_cast<int64_t>(sizeof(Unit)), total = span[2] * units;
  const bool dense = source_stride == row_bytes && destination_stride == row_bytes;
  const int64_t step = static_cast<int64_t>(gridDim.x) * blockDim.x;
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < total; i += step) {
    const int64_t row = dense ? 0 : i / units, unit = dense ? i : i % units;
    reinterpret_cast<Unit*>(to + row * destination_stride)[unit] =
        reinterpret_cast<const Unit*>(from + row * source_stride)[unit];
  }
}

int64_t blocks_for(int64_t total) { return (total + kThreads - 1) / kThreads; }

}  // namespace

void launch_rms_norm(const Matrix& input, const Matrix& weight, const Matrix& output, float epsilon,
                     cudaStream_t stream) {
  if (input.rows == 0 || input.columns == 0) return;
  if (try_rms_norm_vectors(input, weight, output, epsilon, stream)) return;
  const int columns = static_cast<int>(input.columns);
  with_float_type(input.dtype, [&]<typename In>(In*) {
    with_float_type(weight.dtype, [&]<typename Weight>(Weight*) {
      with_float_type(output.dtype, [&]<typename Out>(Out*) {
        rms_norm_rows<<<static_cast<unsigned>(input.rows), kThreads, 0, stream>>>(
            rows_of<In>(input), reinterpret_cast<const Weight*>(weight.data), rows_of<Out>(output), columns, epsilon);
      });
    });
  });
  check(cudaGetLastError(), "rmsNorm");
}

void launch_head_norm(const Matrix& heads, const Matrix& weight, float epsilon, cudaStream_t stream) {
  const int head_dim = static_cast<int>(weight.columns), num_heads = static_cast<int>(heads.columns / head_dim);
  const int64_t total = heads.rows * num_heads;
  if (total == 0 || try_head_norm_vectors(heads, weight, epsilon, stream)) return;
  with_float_type(heads.dtype, [&]<typename T>(T*) {
    with_float_type(weight.dtype, [&]<typename Weight>(Weight*) {
      head_norm_rows<<<static_cast<unsigned>(blocks_for(total * 32)), kThreads, 0, stream>>>(
          rows_of<T>(heads), reinterpret_cast<const Weight*>(weight.data), num_heads, head_dim, total, epsilon);
    });
  });
  check(cudaGetLastError(), "headNorm");
}

void launch_rotary(const Matrix& heads, const Matrix& positions, const Matrix& cosine, const Matrix& sine,
                   const Rotation& rotation, cudaStream_t stream) {
  const int half = static_cast<int>(cosine.columns);
  const int64_t num_heads = heads.columns / rotation.head_dim, total = heads.rows * num_heads * half;
  if (total == 0 || try_rotary_vectors(heads, positions, cosine, sine, rotation, stream)) return;
  with_float_type(heads.dtype, [&]<typename T>(T*) {
    rotate_rows<<<static_cast<unsigned>(blocks_for(total)), kThreads, 0, stream>>>(
        rows_of<T>(heads), reinterpret_cast<const int32_t*>(positions.data), rows_of<float>(cosine),
        rows_of<float>(sine), rotation.inverse ? -1.0f : 1.0f, cosine.rows, half, rotation.neighbours, static_cast<int>(rotation.head_dim),
        static_cast<int>(num_heads), total);
  });
  check(cudaGetLastError(), "rotary");
}

void launch_embedding(const Matrix& ids, const Matrix& table, const Matrix& output, float factor, cudaStream_t stream) {
  if (output.rows == 0) return;
  with_float_type(table.dtype, [&]<typename In>(In*) {
    with_float_type(output.dtype, [&]<typename Out>(Out*) {
      embed_rows<<<static_cast<unsigned>(output.rows), kThreads, 0, stream>>>(
          reinterpret_cast<const int32_t*>(ids.data), rows_of<In>(table), table.rows, rows_of<Out>(output), factor,
          table.columns);
    });
  });
  check(cudaGetLastError(), "embedding");
}

void launch_copy_spans(const Matrix& source, const Matrix& destination, const int32_t* spans, int64_t count,
                       cudaStream_t stream) {
  if (count == 0) return;
  const int64_t size = byte_size(source.dtype), row_bytes = source.columns * size;
  const auto wide = [&](const Matrix& matrix) {
    return reinterpret_cast<uintptr_t>(matrix.data) % 16 == 0 && matrix.row_stride * size % 16 == 0;
  };
  const auto kernel = row_bytes % 16 == 0 && wide(source) && wide(destination) ? copy_span_rows<uint4> : size % 2 == 0 ? copy_span_rows<uint16_t> : copy_span_rows<uint8_t>;
  constexpr int64_t kMostSpans = 65535;
  for (int64_t first = 0; first < count; first += kMostSpans) {
    const int64_t some = std::min(kMostSpans, count - first);
    // Few spans are long ones.
    const dim3 grid(some < 64 ? 256 : 16, static_cast<unsigned>(some));
    kernel<<<grid, kThreads, 0, stream>>>(source.data, source.row_stride * size, destination.data,
                                          destination.row_stride * size, row_bytes, spans + 3 * first);
  }
  check(cudaGetLastError(), "copySpans");
}

}  // namespace elastic
