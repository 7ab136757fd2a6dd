#include "attention/backward/plain_backward.h"

#include <stdexcept>

#include "attention/tables/visible_keys.cuh"
#include "core/device/check.h"
#include "core/elements/floats.cuh"

namespace elastic {
namespace {

/** Types differ from call to call and speed does not matter here: they are looked at element by element. */
__device__ float element(const Matrix& matrix, int64_t row, int column) {
  const int64_t at = row * matrix.row_stride + column;
  if (matrix.dtype == DType::F32) return reinterpret_cast<const float*>(matrix.data)[at];
  if (matrix.dtype == DType::BF16) return to_float(reinterpret_cast<const __nv_bfloat16*>(matrix.data)[at]);
  return to_float(reinterpret_cast<const __half*>(matrix.data)[at]);
}

__device__ void put_element(const Matrix& matrix, int64_t row, int column, float value, bool accumulate) {
  if (accumulate) value += element(matrix, row, column);
  const int64_t at = row * matrix.row_stride + column;
  if (matrix.dtype == DType::F32) reinterpret_cast<float*>(matrix.data)[at] = value;
  else if (matrix.dtype == DType::BF16) reinterpret_cast<__nv_bfloat16*>(matrix.data)[at] = from_float<__nv_bfloat16>(value);
  else reinterpret_cast<__half*>(matrix.data)[at] = from_float<__half>(value);
}

/** Vectors of a warp in shared memory. */
__device__ float* warp_vectors(int count, int head_dim) {
  extern __shared__ float memory[];
  return memory + threadIdx.x / 32 * count * head_dim;
}

/** A weight, and the slope of its score by scale · q · k, which the soft cap bends. */
struct Weight {
  float value;
  float slope;
};

__device__ Weight weight_of(const PlainBackward& call, float product, float log_sum_exp) {
  float score = product * call.scale, slope = 1;
  if (call.soft_cap > 0) {
    const float bent = tanhf(score / call.soft_cap);
    score = call.soft_cap * bent;
    slope = 1 - bent * bent;
  }
  return {expf(score - log_sum_exp), slope};
}

/** A warp for a query row of one head, a lane for a key: the query gradient and rowsum(dO * O). */
__global__ void query_rows(const PlainBackward call) {
  const int lane = threadIdx.x % 32, head_dim = call.head_dim;
  float* query = warp_vectors(3, head_dim);
  float* gradient = query + head_dim;
  float* sums = gradient + head_dim;
  const SequenceEntry sequence = call.sequences[blockIdx.z];
  const PlainBackwardSequence& tensors = call.tensors[blockIdx.z];
  const int row = blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32, query_head = blockIdx.y;
  if (row >= sequence.query_length) return;
  const int key_value_head = query_head / (call.num_query_heads / call.num_key_value_heads);
  const HeadEntry head = call.heads[blockIdx.z * call.num_key_value_heads + key_value_head];
  const int position = sequence.offset() + row, column = query_head * head_dim;
  const int64_t global_row = int64_t{sequence.query_start} + row;
  float row_sum = 0;
  for (int i = lane; i < head_dim; i += 32) {
    query[i] = element(call.query, global_row, column + i);
    gradient[i] = element(call.output_gradient, global_row, column + i);
    row_sum = fmaf(gradient[i], element(call.output, global_row, column + i), row_sum);
    sums[i] = 0;
  }
  row_sum = warp_sum(row_sum);
  if (lane == 0) call.row_sums[global_row * call.num_query_heads + query_head] = row_sum;
  __syncwarp();
  const float log_sum_exp = element(call.log_sum_exp, global_row, query_head);
  const VisibleKeys visible(head, sequence, query_head, position);
  for (int start = visible.first() / 32 * 32; start <= position; start += 32) {
    const bool seen = visible(start + lane);
    const unsigned lanes = __ballot_sync(0xffffffffu, seen);
    float score_gradient = 0;
    int slot = 0;
    if (seen) {
      slot = head.slot(start + lane);
      float score = 0, weight_gradient = 0;
      for (int i = 0; i < head_dim; ++i) {
        score = fmaf(query[i], element(tensors.keys, slot, i), score);
        weight_gradient = fmaf(gradient[i], element(tensors.values, slot, i), weight_gradient);
      }
      const Weight weight = weight_of(call, score, log_sum_exp);
      score_gradient = weight.value * weight.slope * (weight_gradient - row_sum);
    }
    for (int member = 0; member < 32; ++member) {
      if ((lanes >> member & 1) == 0) continue;
      const float share = __shfl_sync(0xffffffffu, score_gradient, member);
      const int at = __shfl_sync(0xffffffffu, slot, member);
      for (int i = lane; i < head_dim; i += 32) sums[i] = fmaf(share, element(tensors.keys, at, i), sums[i]);
    }
  }
  for (int i = lane; i < head_dim; i += 32) {
    put_element(call.query_gradient, global_row, column + i, sums[i] * call.scale, call.accumulate);
  }
}

/** A warp for a key of one head, a lane for a query row: gradients of the key and its value, over the group's heads. */
__global__ void key_rows(const PlainBackward call) {
  const int lane = threadIdx.x % 32, head_dim = call.head_dim;
  float* key = warp_vectors(4, head_dim);
  float* value = key + head_dim;
  float* key_sums = value + head_dim;
  float* value_sums = key_sums + head_dim;
  const SequenceEntry sequence = call.sequences[blockIdx.z];
  const PlainBackwardSequence& tensors = call.tensors[blockIdx.z];
  const int position = blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32, key_value_head = blockIdx.y;
  if (position >= sequence.key_length) return;
  const HeadEntry head = call.heads[blockIdx.z * call.num_key_value_heads + key_value_head];
  const int slot = head.slot(position);
  for (int i = lane; i < head_dim; i += 32) {
    key[i] = element(tensors.keys, slot, i);
    value[i] = element(tensors.values, slot, i);
    key_sums[i] = value_sums[i] = 0;
  }
  __syncwarp();
  const int group = call.num_query_heads / call.num_key_value_heads;
  const int first_row = max(0, position - sequence.offset());
  // A sliding window hides the key from all later rows.
  const int64_t seen_until = head.type == PatternType::Sliding ? int64_t{position} + head.local_blocks : sequence.key_length;
  const int last_row = static_cast<int>(min(int64_t{sequence.query_length}, seen_until - sequence.offset()));
  for (int query_head = key_value_head * group; query_head < (key_value_head + 1) * group; ++query_head) {
    const int column = query_head * head_dim;
    for (int start = first_row; start < last_row; start += 32) {
      const int row = start + lane;
      const bool seen = row < last_row &&
                        VisibleKeys(head, sequence, query_head, sequence.offset() + row)(position);
      const unsigned lanes = __ballot_sync(0xffffffffu, seen);
      if (lanes == 0) continue;
      float weight = 0, score_gradient = 0;
      if (seen) {
        const int64_t global_row = int64_t{sequence.query_start} + row;
        float score = 0, weight_gradient = 0;
        for (int i = 0; i < head_dim; ++i) {
          score = fmaf(element(call.query, global_row, column + i), key[i], score);
          weight_gradient = fmaf(element(call.output_gradient, global_row, column + i), value[i], weight_gradient);
        }
        const Weight of = weight_of(call, score, element(call.log_sum_exp, global_row, query_head));
        weight = of.value;
        score_gradient = weight * of.slope * (weight_gradient - call.row_sums[global_row * call.num_query_heads + query_head]);
      }
      for (int member = 0; member < 32; ++member) {
        if ((lanes >> member & 1) == 0) continue;
        const float share = __shfl_sync(0xffffffffu, weight, member);
        const float score_share = __shfl_sync(0xffffffffu, score_gradient, member);
        const int64_t global_row = int64_t{sequence.query_start} + start + member;
        for (int i = lane; i < head_dim; i += 32) {
          value_sums[i] = fmaf(share, element(call.output_gradient, global_row, column + i), value_sums[i]);
          key_sums[i] = fmaf(score_share, element(call.query, global_row, column + i), key_sums[i]);
        }
      }
    }
  }
  for (int i = lane; i < head_dim; i += 32) {
    put_element(tensors.key_gradient, slot, i, key_sums[i] * call.scale, call.accumulate);
    put_element(tensors.value_gradient, slot, i, value_sums[i], call.accumulate);
  }
}

}  // namespace

void launch_plain_backward(const PlainBackward& call, cudaStream_t stream) {
  if (call.head_dim > 3072) throw std::range_error("the plain backward takes head dimensions up to 3072");
  const unsigned warps = call.head_dim <= 512 ? 4 : 1;
  const size_t vector = warps * static_cast<size_t>(call.head_dim) * sizeof(float);
  const auto grid = [&](int rows, int heads) {
    return dim3((static_cast<unsigned>(rows) + warps - 1) / warps, static_cast<unsigned>(heads),
                static_cast<unsigned>(call.num_sequences));
  };
  query_rows<<<grid(call.most_rows, call.num_query_heads), 32 * warps, 3 * vector, stream>>>(call);
  check(cudaGetLastError(), "plain attention backward, queries");
  key_rows<<<grid(call.most_keys, call.num_key_value_heads), 32 * warps, 4 * vector, stream>>>(call);
  check(cudaGetLastError(), "plain attention backward, keys");
}

}  // namespace elastic
