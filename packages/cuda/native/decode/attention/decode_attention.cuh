// One warp streams units of keys and values into a ring in shared memory; four warps, sixteen keys each, multiply.
#pragma once
#include "decode/attention/decode_stages.cuh"
#include "decode/attention/join_parts.cuh"
#include "decode/attention/warp_rows.cuh"
#include "ptx/bulk_copy.cuh"
#include "ptx/dependent_launch.cuh"

namespace elastic {

#ifdef ELASTIC_BULK_COPIES

/**
 * Copies of queries held back until the previous kernel is complete: earlier keys and values can be fetched while it runs,
 * queries and the newest token cannot. Lane i holds the query of stage i.
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

/** Pieces that a unit of chosen pages is copied in, and what stands for its first key. */
constexpr int kMostPagesInUnit = kUnitKeys / 16;
constexpr int kPagesStart = -kUnitKeys;

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
      // Each lane looks up one unit; one of pages lies in several places.
      int start = 0, rows = 0, places[kMostPagesInUnit] = {};
      const int index = unit + base + lane;
      const bool of_pages = base + lane < count && units.is_pages(index);
      // Which pages were chosen is known once the previous kernel is complete.
      if (__any_sync(0xffffffffu, of_pages)) queries.wait();
      if (of_pages) {
        const int32_t* chosen = call.chosen_pages + static_cast<int64_t>(item) * call.most_pages + units.first_page(index);
        const int pages = min(units.pages_in_unit, units.pages - units.first_page(index));
        for (int page = 0; page < pages; ++page) places[page] = sequence.row(head.slot(chosen[page] * head.block_size));
        start = kPagesStart;
        rows = pages * head.block_size;
      } else if (base + lane < count) {
        start = units.key(index);
        rows = min(kUnitKeys, sequence.key_length - start);
        places[0] = sequence.row(head.slot(start));
      }
      for (int i = 0; i < min(32, count - base); ++i) {
        const int first_key = __shfl_sync(0xffffffffu, start, i), keys_there = __shfl_sync(0xffffffffu, rows, i);
        int64_t offsets[kMostPagesInUnit];
#pragma unroll
        for (int page = 0; page < kMostPagesInUnit; ++page) {
          offsets[page] = static_cast<int64_t>(__shfl_sync(0xffffffffu, places[page], i)) * Traits::row_bytes;
        }
        const bool is_pages = first_key == kPagesStart;
        const bool first = base + i == 0, last = base + i + 1 == count;
        const uint32_t query_bytes = first ? group * Traits::query_bytes : 0;
        // All stages are in use, or this unit holds the newest token.
        if (phase == 0 || first_key + kUnitKeys >= sequence.key_length) queries.wait();
        if (lane == 0) {
          const int seen_from = is_pages || first_key + kUnitKeys <= units.sink_end ? first_key : units.local_start;
          UnitInfo info{};
          info.flags = (first ? kFirstUnit : 0) | (last ? kLastUnit : 0) | (shares.blocks == 1 ? kWholeItem : 0) |
                       (keys_there == kUnitKeys && first_key >= seen_from ? kAllSeen : 0) | (second ? kSecondPart : 0);
          // All keys of chosen pages are seen.
          info.start = is_pages ? 0 : first_key;
          info.rows = keys_there;
          info.sink_end = is_pages ? keys_there : units.sink_end;
          info.local_start = units.local_start;
          info.item = item;
          info.query_row = sequence.query_start;
          info.query_head = key_value_head * group;
          info.skip_limit = head.skip_limit(sequence.key_length);
          info.shared = shares;
          shared.free[stage].wait(phase);
          shared.infos[stage] = info;
          // Copies are of whole lines of 16 bytes, which four rounded rows are: a page has those behind the last one, too.
          const int copied = Traits::rounded ? (keys_there + 3) / 4 * 4 : keys_there;
          shared.full[stage].arrive_and_expect(2 * copied * Traits::row_bytes + query_bytes);
          const int piece = is_pages ? head.block_size : copied;
          const uint32_t bytes = piece * Traits::row_bytes;
#pragma unroll
          for (int page = 0; page < kMostPagesInUnit; ++page) {
            if (page * piece >= keys_there) break;
            ptx::copy_bytes(shared.keys(stage) + page * bytes, keys + offsets[page], bytes, shared.full[stage]);
            ptx::copy_bytes(shared.values(stage) + page * bytes, values + offsets[page], bytes, shared.full[stage]);
          }
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

template <typename Traits>
__device__ void multiply_units(const DecodeAttention& call, const DecodeShared<Traits>& shared, int units, int num_stages, int group) {
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, quad = lane / 4, place = lane % 4;
  const int first_row = warp * Traits::warp_keys;
  WarpRows<Traits> rows;
  rows.clear();
  // Writes below must not overtake reads of the previous kernel.
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
      bool visible[4] = {true, true, true, true};
      uint8_t* values = shared.values(stage) + first_row * Traits::row_bytes;
      if (!(flags & kAllSeen)) {
        const int end = info.start + info.rows, sink_end = info.sink_end, local_start = info.local_start;
        const auto sees = [&](int key) { return key < end && (key < sink_end || key >= local_start); };
#pragma unroll
        for (int i = 0; i < 4; ++i) visible[i] = sees(start + place * 2 + i % 2 + i / 2 * 8);
        // Values that no query sees may be NaN, and 0 · NaN is NaN.
        for (int row = 0; row < Traits::warp_keys; ++row) {
          if (sees(start + row)) continue;
          for (int i = lane; i < Traits::row_bytes / 4; i += 32) reinterpret_cast<uint32_t*>(values + row * Traits::row_bytes)[i] = 0;
        }
        ptx::fence_shared_for_async();
        __syncwarp();
      }
      rows.attend(shared.keys(stage) + first_row * Traits::row_bytes, values, visible, call.scores, info.skip_limit, group, quad, place);
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

template <typename Element, int head_dim, bool rounded = false>
cudaError_t launch_decode(const DecodeAttention& call, int multiprocessors, cudaStream_t stream) {
  using Traits = DecodeTraits<Element, head_dim, rounded>;
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
