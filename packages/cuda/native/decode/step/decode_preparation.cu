#include "core/device/check.h"
#include "core/elements/floats.cuh"
#include "decode/step/decode_step.h"
#include "ptx/dependent_launch.cuh"

namespace elastic {
namespace {

constexpr int kWarps = 4;
constexpr int kMostPairs = 4;

/** The two elements of a head that a lane holds together: a pair that turns, or neighbours behind those. */
struct PairPlace {
  int first;
  int second;
};

__device__ inline PairPlace pair_place(const DecodeRotation& rotation, int pair) {
  if (pair < rotation.turned_pairs && !rotation.neighbours) return {pair, pair + rotation.turned_pairs};
  return {2 * pair, 2 * pair + 1};
}

/** One warp for a head of a sequence: its query, its key (which goes to the cache), or its value (which is copied there). */
template <typename T>
__global__ void __launch_bounds__(32 * kWarps)
    prepare_heads(const DecodeBatch batch, const HeadEntry* heads, const DecodePreparation call) {
  ptx::allow_next_kernel();
  const int slot = blockIdx.y, lane = threadIdx.x % 32, head = blockIdx.x * kWarps + threadIdx.x / 32;
  const SequenceEntry sequence = batch.sequences()[slot];
  const int kv = batch.key_value_heads, keys_begin = call.query_heads, values_begin = keys_begin + kv;
  if (sequence.key_length == 0 || head >= values_begin + kv) return;
  const int half = call.head_dim / 2, position = sequence.key_length - 1;
  T* row = reinterpret_cast<T*>(call.query_key_value.data) + slot * call.query_key_value.row_stride + head * call.head_dim;
  T* target = row;
  // Keys and values of a rounded pool stay here until they are rounded.
  if (head >= keys_begin && batch.rounded_head_dim == 0) {
    const HeadEntry& store = heads[slot * batch.head_stride() + (head - keys_begin) % kv];
    const int64_t place = static_cast<int64_t>(sequence.row(store.slot(position))) * call.head_dim;
    target = static_cast<T*>(head < values_begin ? batch.keys : batch.values) + place;
  }
  float low[kMostPairs], high[kMostPairs];
#pragma unroll
  for (int i = 0; i < kMostPairs; ++i) {
    const int pair = lane + 32 * i;
    const PairPlace place = pair_place(call.rotation, pair);
    low[i] = pair < half ? to_float(row[place.first]) : 0.0f;
    high[i] = pair < half ? to_float(row[place.second]) : 0.0f;
  }
  if (head < values_begin) {
    const Matrix& norm = head < keys_begin ? call.query_norm : call.key_norm;
    if (norm.data != nullptr) {
      float sum = 0;
#pragma unroll
      for (int i = 0; i < kMostPairs; ++i) sum += low[i] * low[i] + high[i] * high[i];
      const float scale = rsqrtf(warp_sum(sum) / static_cast<float>(call.head_dim) + call.epsilon);
      const float* weight = reinterpret_cast<const float*>(norm.data);
#pragma unroll
      for (int i = 0; i < kMostPairs; ++i) {
        const int pair = lane + 32 * i;
        if (pair >= half) continue;
        const PairPlace place = pair_place(call.rotation, pair);
        // Rounded as the norm by itself rounds.
        low[i] = to_float(from_float<T>(low[i] * scale * weight[place.first]));
        high[i] = to_float(from_float<T>(high[i] * scale * weight[place.second]));
      }
    }
    const DecodeAngles& angles = head < keys_begin ? call.rotation.query : call.rotation.key;
    const int angle_row = call.rotation.by_slot ? slot : position;
    const bool known = angle_row < angles.cosine.rows;
    const auto* cosine = reinterpret_cast<const float*>(angles.cosine.data) + angle_row * angles.cosine.row_stride;
    const auto* sine = reinterpret_cast<const float*>(angles.sine.data) + angle_row * angles.sine.row_stride;
#pragma unroll
    for (int i = 0; i < kMostPairs; ++i) {
      const int pair = lane + 32 * i;
      if (pair >= call.rotation.turned_pairs) continue;
      const float c = known ? cosine[pair] : NAN;
      const float s = known ? sine[pair] : NAN;
      const float a = low[i], b = high[i];
      low[i] = a * c - b * s;
      high[i] = b * c + a * s;
    }
  }
#pragma unroll
  for (int i = 0; i < kMostPairs; ++i) {
    const int pair = lane + 32 * i;
    if (pair >= half) continue;
    const PairPlace place = pair_place(call.rotation, pair);
    target[place.first] = from_float<T>(low[i]);
    target[place.second] = from_float<T>(high[i]);
  }
}

}  // namespace

void launch_decode_preparation(const DecodeBatch& batch, int layer, const DecodePreparation& call, cudaStream_t stream) {
  if (call.head_dim % 2 != 0 || call.head_dim > 64 * kMostPairs) {
    throw std::range_error("decoding takes even head dimensions up to 256 on this device");
  }
  const int heads = call.query_heads + 2 * batch.key_value_heads;
  const dim3 grid(static_cast<unsigned>((heads + kWarps - 1) / kWarps), static_cast<unsigned>(batch.slots));
  with_float_type(call.query_key_value.dtype, [&]<typename T>(T*) {
    prepare_heads<T><<<grid, 32 * kWarps, 0, stream>>>(batch, batch.layer_heads(layer), call);
  });
  check(cudaGetLastError(), "decode preparation");
}

}  // namespace elastic
