// One warp streams units of keys and values into a ring in shared memory; four warps, sixteen keys each, multiply.
#pragma once
#include "attention/softmax_rows.cuh"
#include "decode/decode_attention.h"
#include "decode/warp_rows.cuh"
#include "ptx/bulk_copy.cuh"
#include "ptx/dependent_launch.cuh"

namespace elastic {

#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
#define ELASTIC_BULK_COPIES 1
#endif

enum UnitFlags : int32_t { kFirstUnit = 1, kLastUnit = 2, kWholeItem = 4, kAllSeen = 8, kSecondPart = 16 };

/** What the consumers must know of a unit. */
struct UnitInfo {
  int32_t flags;
  /** First key, and keys that are there. */
  int32_t start;
  int32_t rows;
  int32_t sink_end;
  int32_t local_start;
  int32_t item;
  int32_t query_row;
  int32_t query_head;
  DecodeItem shared;
};

template <typename Element_, int head_dim_>
struct DecodeTraits {
  using Element = Element_;
  static constexpr int head_dim = head_dim_;
  static constexpr int row_bytes = head_dim * 2;
  static constexpr int unit_bytes = kUnitKeys * row_bytes;
  static constexpr int consumer_warps = 4;
  static constexpr int consumers = 32 * consumer_warps;
  static constexpr int threads = consumers + 32;
  static constexpr int warp_keys = kUnitKeys / consumer_warps;
  /** Floats of a row of a part: the output, its maximum and its sum. */
  static constexpr int part_row = head_dim + 4;
  static constexpr int most_stages = 8;
  static constexpr int least_stages = 3;
  /** Of a multiprocessor; a thread block takes 1 KiB more than it asks for. */
  static constexpr int shared_memory = 228 * 1024;

  static constexpr int stage_bytes(int group) { return 2 * unit_bytes + group * row_bytes; }
  /** Rows of the warps, or of slices of the parts that are joined. */
  __host__ __device__ static constexpr int merged_bytes(int group) { return consumer_warps * part_row * group * 4; }
  static constexpr int fixed_bytes(int group) {
    return merged_bytes(group) + most_stages * (static_cast<int>(sizeof(UnitInfo)) + 16) + 16;
  }
  static int fitting_stages(int group, int blocks) {
    const int fitting = (shared_memory / blocks - 1024 - fixed_bytes(group)) / stage_bytes(group);
    return fitting < most_stages ? fitting : most_stages;
  }
  /** Two thread blocks fit beside each other where they can: so the next launch fetches keys while this one ends. */
  static int stages(int group) {
    const int beside = fitting_stages(group, 2);
    return beside >= least_stages ? beside : fitting_stages(group, 1);
  }
};

template <typename Traits>
struct DecodeShared {
  uint8_t* stages;
  int stage_bytes;
  float* merged;
  UnitInfo* infos;
  ptx::Barrier* full;
  ptx::Barrier* free;
  int* last;

  __device__ DecodeShared(uint8_t* memory, int num_stages, int group)
      : stages(memory), stage_bytes(2 * Traits::unit_bytes + group * Traits::row_bytes) {
    merged = reinterpret_cast<float*>(memory + num_stages * stage_bytes);
    infos = reinterpret_cast<UnitInfo*>(memory + num_stages * stage_bytes + Traits::merged_bytes(group));
    full = reinterpret_cast<ptx::Barrier*>(infos + Traits::most_stages);
    free = full + Traits::most_stages;
    last = reinterpret_cast<int*>(free + Traits::most_stages);
  }
  __device__ uint8_t* keys(int stage) const { return stages + stage * stage_bytes; }
  __device__ uint8_t* values(int stage) const { return keys(stage) + Traits::unit_bytes; }
  __device__ uint8_t* queries(int stage) const { return keys(stage) + 2 * Traits::unit_bytes; }
};

#ifdef ELASTIC_BULK_COPIES

/**
 * Queries that wait for the kernel before: old keys and values can be fetched while it runs, queries and the newest token
 * cannot. A lane keeps the query of the ring's stage of its number.
 */
template <typename Traits>
struct WaitingQueries {
  const DecodeShared<Traits>& shared;
  const void* source = nullptr;
  uint32_t bytes = 0;
  bool waited = false;

  __device__ void add(int stage, const void* query, uint32_t size) {
    if (static_cast<int>(threadIdx.x % 32) != stage) return;
    source = query;
    bytes = size;
    if (waited) send();
  }
  __device__ void wait() {
    if (waited) return;
    ptx::wait_for_previous_kernel();
    waited = true;
    if (source != nullptr) send();
  }

 private:
  __device__ void send() {
    const int stage = threadIdx.x % 32;
    ptx::copy_bytes(shared.queries(stage), source, bytes, shared.full[stage]);
    source = nullptr;
  }
};

template <typename Traits>
__device__ void stream_units(const DecodeAttention& call, const DecodeShared<Traits>& shared, const DecodeShare share,
                             int num_stages, int group) {
  const int lane = threadIdx.x % 32;
  int item = share.item, unit = share.first, left = share.units, stage = 0;
  uint32_t phase = 1;
  bool second = false;
  WaitingQueries<Traits> queries{shared};
  while (left > 0) {
    const int sequence_index = item / call.num_key_value_heads, key_value_head = item % call.num_key_value_heads;
    const HeadEntry head = call.heads[sequence_index * call.head_stride + key_value_head];
    const SequenceEntry sequence = call.sequences[sequence_index];
    const DecodeItem shares = call.items[item];
    const KeyUnits units(head, sequence.key_length);
    const int count = min(left, units.count - unit);
    const auto* keys = static_cast<const uint8_t*>(sequence.keys);
    const auto* values = static_cast<const uint8_t*>(sequence.values);
    for (int base = 0; base < count; base += 32) {
      // Each lane looks one unit up.
      int start = 0, row = 0;
      if (base + lane < count) {
        start = units.key(unit + base + lane);
        row = sequence.row(head.slot(start));
      }
      for (int i = 0; i < min(32, count - base); ++i) {
        const int first_key = __shfl_sync(0xffffffffu, start, i);
        const int64_t offset = static_cast<int64_t>(__shfl_sync(0xffffffffu, row, i)) * Traits::row_bytes;
        const bool first = base + i == 0, last = base + i + 1 == count;
        const uint32_t query_bytes = first ? group * Traits::row_bytes : 0;
        // The ring is full, or this unit holds the newest token.
        if (phase == 0 || first_key + kUnitKeys >= sequence.key_length) queries.wait();
        if (lane == 0) {
          const int rows = min(kUnitKeys, sequence.key_length - first_key);
          const int seen_from = first_key + kUnitKeys <= units.sink_end ? first_key : units.local_start;
          UnitInfo info{};
          info.flags = (first ? kFirstUnit : 0) | (last ? kLastUnit : 0) | (shares.blocks == 1 ? kWholeItem : 0) |
                       (rows == kUnitKeys && first_key >= seen_from ? kAllSeen : 0) | (second ? kSecondPart : 0);
          info.start = first_key;
          info.rows = rows;
          info.sink_end = units.sink_end;
          info.local_start = units.local_start;
          info.item = item;
          info.query_row = sequence.query_start;
          info.query_head = key_value_head * group;
          info.shared = shares;
          shared.free[stage].wait(phase);
          shared.infos[stage] = info;
          const uint32_t bytes = rows * Traits::row_bytes;
          shared.full[stage].arrive_and_expect(2 * bytes + query_bytes);
          ptx::copy_bytes(shared.keys(stage), keys + offset, bytes, shared.full[stage]);
          ptx::copy_bytes(shared.values(stage), values + offset, bytes, shared.full[stage]);
        }
        __syncwarp();
        if (first) {
          queries.add(stage, static_cast<const typename Traits::Element*>(call.query) + sequence.query_start * call.query_stride +
                                 key_value_head * group * Traits::head_dim,
                      query_bytes);
        }
        if (++stage == num_stages) {
          stage = 0;
          phase ^= 1;
        }
      }
    }
    __syncwarp();
    if (count > 0) second = true;
    left -= count;
    unit = 0;
    ++item;
  }
  queries.wait();
}

/** Two columns of a row, joined from parts. */
struct JoinedPair {
  float2 value{0, 0};
  float maximum = -INFINITY;
  float total = 0;
};

/** Joins a row of `count` parts in shared memory that follow one another by all rows of the group. */
template <typename Traits>
__device__ JoinedPair join_rows(const float* row, int count, int group, int column) {
  const int stride = group * Traits::part_row;
  JoinedPair joined;
#pragma unroll
  for (int i = 0; i < Traits::consumer_warps; ++i) {
    if (i < count) joined.maximum = fmaxf(joined.maximum, row[i * stride + Traits::head_dim]);
  }
  const float base = joined.maximum == -INFINITY ? 0.0f : joined.maximum;
#pragma unroll
  for (int i = 0; i < Traits::consumer_warps; ++i) {
    if (i >= count) break;
    const float* other = row + i * stride;
    const float weight = exp2_fast(other[Traits::head_dim] - base);
    joined.value.x = fmaf(other[column], weight, joined.value.x);
    joined.value.y = fmaf(other[column + 1], weight, joined.value.y);
    joined.total = fmaf(other[Traits::head_dim + 1], weight, joined.total);
  }
  return joined;
}

template <typename Traits>
__device__ void write_pair(const DecodeAttention& call, const UnitInfo& info, int row, int column, const JoinedPair& pair) {
  using Element = typename Traits::Element;
  const float scale = pair.total > 0 ? 1.0f / pair.total : 0.0f;
  const int head = info.query_head + row;
  auto* target = static_cast<Element*>(call.output) + info.query_row * call.output_stride + head * Traits::head_dim + column;
  *reinterpret_cast<uint32_t*>(target) = pack_pair<Element>(pair.value.x * scale, pair.value.y * scale);
  if (column == 0 && call.log_sum_exp != nullptr) {
    call.log_sum_exp[static_cast<int64_t>(info.query_row) * call.num_query_heads + head] =
        pair.total > 0 ? (pair.maximum + log2f(pair.total)) * 0.693147180559945f : INFINITY;
  }
}

/** Joins the parts that thread blocks left of an item, always in the same order. */
template <typename Traits>
__device__ void join_parts(const DecodeAttention& call, const UnitInfo& info, float* sums, int group) {
  const DecodeItem& shares = info.shared;
  const int64_t stride = static_cast<int64_t>(group) * Traits::part_row;
  const auto part = [&](int index) {
    return call.partial + (2 * (shares.first_block + index) + (index == 0 ? shares.offset : 0)) * stride;
  };
  // A warp takes a row, or every so many parts of one; lanes take four columns each.
  constexpr int side_by_side = 32;
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  const int slices = group >= Traits::consumer_warps ? 1 : Traits::consumer_warps / group;
  const int slice = warp % slices, column = lane < Traits::head_dim / 4 ? 4 * lane : 0;
  for (int row = warp / slices; row < group; row += Traits::consumer_warps / slices) {
    float4 value{0, 0, 0, 0};
    float maximum = -INFINITY, total = 0;
    for (int first = slice; first < shares.blocks; first += slices * side_by_side) {
      // All that is read of these parts is in flight before the first of it is used.
      const int own = first + lane * slices;
      float2 own_sums{-INFINITY, 0};
      if (own < shares.blocks) {
        own_sums = __ldcg(reinterpret_cast<const float2*>(part(own) + row * Traits::part_row + Traits::head_dim));
      }
      float4 others[side_by_side];
#pragma unroll
      for (int i = 0; i < side_by_side; ++i) {
        const int index = first + i * slices;
        others[i] = float4{0, 0, 0, 0};
        if (index < shares.blocks) others[i] = __ldcg(reinterpret_cast<const float4*>(part(index) + row * Traits::part_row + column));
      }
      const float highest = fmaxf(maximum, warp_max(own_sums.x)), base = highest == -INFINITY ? 0.0f : highest;
      const float rescale = exp2_fast(maximum - base), own_weight = exp2_fast(own_sums.x - base);
      maximum = highest;
      total = fmaf(total, rescale, own_sums.y * own_weight);
      value.x *= rescale, value.y *= rescale, value.z *= rescale, value.w *= rescale;
#pragma unroll
      for (int i = 0; i < side_by_side; ++i) {
        const float weight = __shfl_sync(0xffffffffu, own_weight, i);
        value.x = fmaf(others[i].x, weight, value.x);
        value.y = fmaf(others[i].y, weight, value.y);
        value.z = fmaf(others[i].z, weight, value.z);
        value.w = fmaf(others[i].w, weight, value.w);
      }
    }
    total = warp_sum(total);
    float* target = sums + (slice * group + row) * Traits::part_row;
    if (lane < Traits::head_dim / 4) *reinterpret_cast<float4*>(target + column) = value;
    if (lane == 0) *reinterpret_cast<float2*>(target + Traits::head_dim) = float2{maximum, total};
  }
  ptx::named_barrier_sync(1, Traits::consumers);
  constexpr int pairs = Traits::head_dim / 2;
  for (int i = threadIdx.x; i < group * pairs; i += Traits::consumers) {
    const int row = i / pairs, column = i % pairs * 2;
    write_pair<Traits>(call, info, row, column, join_rows<Traits>(sums + row * Traits::part_row, slices, group, column));
  }
}

/** Joins the warps' rows; they are the item's, or a part that the last thread block to arrive joins with the others. */
template <typename Traits>
__device__ void finish_item(const DecodeAttention& call, const DecodeShared<Traits>& shared, const UnitInfo& info, int group) {
  constexpr int pairs = Traits::head_dim / 2;
  const bool whole = info.flags & kWholeItem;
  float* part = call.partial + (2 * blockIdx.x + (info.flags & kSecondPart ? 1 : 0)) * static_cast<int64_t>(group) * Traits::part_row;
  ptx::named_barrier_sync(1, Traits::consumers);
  for (int i = threadIdx.x; i < group * pairs; i += Traits::consumers) {
    const int row = i / pairs, column = i % pairs * 2;
    const JoinedPair joined = join_rows<Traits>(shared.merged + row * Traits::part_row, Traits::consumer_warps, group, column);
    if (whole) {
      write_pair<Traits>(call, info, row, column, joined);
    } else {
      *reinterpret_cast<float2*>(part + row * Traits::part_row + column) = joined.value;
      if (column == 0) {
        *reinterpret_cast<float2*>(part + row * Traits::part_row + Traits::head_dim) = float2{joined.maximum, joined.total};
      }
    }
  }
  ptx::named_barrier_sync(1, Traits::consumers);
  if (whole) return;
  if (threadIdx.x == 0) {
    // The fence also stands for what the barrier put before it.
    __threadfence();
    const int before = atomicAdd(call.arrived + info.item, 1);
    const bool last = before == info.shared.blocks - 1;
    if (last) call.arrived[info.item] = 0;
    *shared.last = last;
    __threadfence();
  }
  ptx::named_barrier_sync(1, Traits::consumers);
  if (*shared.last) join_parts<Traits>(call, info, shared.merged, group);
  ptx::named_barrier_sync(1, Traits::consumers);
}

template <typename Traits>
__device__ void multiply_units(const DecodeAttention& call, const DecodeShared<Traits>& shared, int units, int num_stages, int group) {
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, quad = lane / 4, place = lane % 4;
  const int first_row = warp * Traits::warp_keys;
  WarpRows<Traits> rows;
  rows.clear();
  // What is written below must not overtake readers in the kernel before.
  ptx::wait_for_previous_kernel();
  int stage = 0;
  uint32_t phase = 0;
  for (int index = 0; index < units; ++index) {
    shared.full[stage].wait(phase);
    const UnitInfo& info = shared.infos[stage];
    const int flags = info.flags;
    if (flags & kFirstUnit) rows.begin(shared.queries(stage), group, quad, place);
    if (first_row < info.rows) {
      const int start = info.start + first_row;
      bool seen[4] = {true, true, true, true};
      uint8_t* values = shared.values(stage) + first_row * Traits::row_bytes;
      if (!(flags & kAllSeen)) {
        const int end = info.start + info.rows, sink_end = info.sink_end, local_start = info.local_start;
        const auto sees = [&](int key) { return key < end && (key < sink_end || key >= local_start); };
#pragma unroll
        for (int i = 0; i < 4; ++i) seen[i] = sees(start + place * 2 + i % 2 + i / 2 * 8);
        // Values that nobody sees may be NaN, and zero times NaN is NaN.
        for (int row = 0; row < Traits::warp_keys; ++row) {
          if (sees(start + row)) continue;
          for (int i = lane; i < Traits::row_bytes / 16; i += 32) {
            reinterpret_cast<uint4*>(values + row * Traits::row_bytes)[i] = uint4{0, 0, 0, 0};
          }
        }
        ptx::fence_shared_for_async();
        __syncwarp();
      }
      rows.add(shared.keys(stage) + first_row * Traits::row_bytes, values, seen, call.scale_log2, quad, place);
    }
    if (flags & kLastUnit) {
      const UnitInfo finished = info;
      rows.store(shared.merged + warp * group * Traits::part_row, group, quad, place);
      __syncwarp();
      if (lane == 0) shared.free[stage].arrive();
      finish_item<Traits>(call, shared, finished, group);
      rows.clear();
    } else {
      __syncwarp();
      if (lane == 0) shared.free[stage].arrive();
    }
    if (++stage == num_stages) {
      stage = 0;
      phase ^= 1;
    }
  }
}

#endif

template <typename Traits>
__global__ void __launch_bounds__(Traits::threads, 2)
    decode_attention(const __grid_constant__ DecodeAttention call, int num_stages, int group) {
#ifdef ELASTIC_BULK_COPIES
  extern __shared__ __align__(128) uint8_t memory[];
  ptx::allow_next_kernel();
  const DecodeShare share = call.shares[blockIdx.x];
  if (share.units == 0) return;
  const DecodeShared<Traits> shared(memory, num_stages, group);
  if (threadIdx.x == Traits::consumers) {
    for (int stage = 0; stage < num_stages; ++stage) {
      shared.full[stage].initialize(1);
      shared.free[stage].initialize(Traits::consumer_warps);
    }
    ptx::fence_barrier_initialization();
  }
  __syncthreads();
  if (threadIdx.x >= Traits::consumers) stream_units<Traits>(call, shared, share, num_stages, group);
  else multiply_units<Traits>(call, shared, share.units, num_stages, group);
#endif
}

template <typename Element, int head_dim>
cudaError_t launch_decode(const DecodeAttention& call, int multiprocessors, cudaStream_t stream) {
  using Traits = DecodeTraits<Element, head_dim>;
  const int group = call.num_query_heads / call.num_key_value_heads, stages = Traits::stages(group);
  const int bytes = stages * Traits::stage_bytes(group) + Traits::fixed_bytes(group);
  const auto kernel = decode_attention<Traits>;
  static const cudaError_t prepared = [&] {
    const cudaError_t status = cudaFuncSetAttribute(kernel, cudaFuncAttributePreferredSharedMemoryCarveout, cudaSharedmemCarveoutMaxShared);
    return status != cudaSuccess
               ? status
               : cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, Traits::shared_memory - 1024);
  }();
  if (prepared != cudaSuccess) return prepared;
  cudaLaunchAttribute attribute{};
  attribute.id = cudaLaunchAttributeProgrammaticStreamSerialization;
  attribute.val.programmaticStreamSerializationAllowed = call.early;
  cudaLaunchConfig_t configuration{};
  configuration.gridDim = dim3(static_cast<unsigned>(multiprocessors));
  configuration.blockDim = dim3(Traits::threads);
  configuration.dynamicSmemBytes = static_cast<size_t>(bytes);
  configuration.stream = stream;
  configuration.attrs = &attribute;
  configuration.numAttrs = 1;
  return cudaLaunchKernelEx(&configuration, kernel, call, stages, group);
}

}  // namespace elastic
