// One warp streams units of keys and values into a ring in shared memory; four warps, sixteen keys each, multiply. Where an item has
// more than 16 query rows, four others multiply the rest of them by the same keys.
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
  /** Bytes from one token's queries to the next's, and of each token. */
  int64_t stride;
  uint32_t bytes;
  const uint8_t* source = nullptr;
  int tokens = 0;
  bool waited = false;

  __device__ void add(int stage, const void* query, int count) {
    if (static_cast<int>(threadIdx.x % 32) != stage) return;
    source = static_cast<const uint8_t*>(query);
    tokens = count;
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
    for (int token = 0; token < tokens; ++token) {
      ptx::copy_bytes(shared.queries(stage) + token * bytes, source + token * stride, bytes, shared.full[stage]);
    }
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
  WaitingQueries<Traits> queries{shared, call.query_stride * int64_t{sizeof(typename Traits::Element)}, static_cast<uint32_t>(group * Traits::query_bytes)};
  while (left > 0) {
    const int sequence_index = item / call.num_key_value_heads, key_value_head = item % call.num_key_value_heads;
    const HeadEntry head = call.heads[sequence_index * call.head_stride + key_value_head];
    const SequenceEntry sequence = call.sequences[sequence_index];
    const DecodeItem shares = call.items[item];
    // The entry is of the first token.
    const int tokens = sequence.query_length, length = sequence.key_length + tokens - 1;
    const KeyUnits units(head, length, tokens);
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
        rows = min(kUnitKeys, length - start);
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
        const uint32_t query_bytes = first ? tokens * group * Traits::query_bytes : 0;
        // All stages are in use, or this unit may hold tokens of the step.
        if (phase == 0 || first_key + kUnitKeys > length - kMostStepTokens) queries.wait();
        if (lane == 0) {
          const int seen_from = is_pages || first_key + kUnitKeys <= units.sink_end ? first_key : units.last_start;
          const bool all_seen = keys_there == kUnitKeys && first_key >= seen_from && first_key + kUnitKeys <= sequence.key_length;
          UnitInfo info{};
          info.flags = (first ? kFirstUnit : 0) | (last ? kLastUnit : 0) | (shares.blocks == 1 ? kWholeItem : 0) |
                       (all_seen ? kAllSeen : 0) | (second ? kSecondPart : 0);
          // All keys of chosen pages are seen.
          info.start = is_pages ? 0 : first_key;
          info.rows = keys_there;
          info.sink_end = is_pages ? keys_there : units.sink_end;
          info.local_start = units.local_start;
          info.item = item;
          info.query_row = sequence.query_start;
          info.query_head = key_value_head * group;
          info.tokens = tokens;
          info.length = length;
          info.pattern = head;
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
                      tokens);
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
  const int first_key = warp % Traits::key_warps * Traits::warp_keys, first_row = warp / Traits::key_warps * kTileRows;
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
    const int count = info.tokens * group;
    if (flags & kFirstUnit) rows.begin(shared.queries(stage), first_row, count, quad, place);
    // Keys that the token of one of this lane's two rows sees.
    const auto seen = [&](int r) { return info.length - max(0, info.tokens - 1 - (first_row + quad + 8 * r) / group); };
    if (first_key < info.rows && first_row < count) {
      const int start = info.start + first_key;
      bool visible[2][4] = {{true, true, true, true}, {true, true, true, true}};
      uint8_t* values = shared.values(stage) + first_key * Traits::row_bytes;
      if (!(flags & kAllSeen)) {
        const int end = info.start + info.rows, sink_end = info.sink_end, local_start = info.local_start;
#pragma unroll
        for (int r = 0; r < 2; ++r) {
          const int keys = min(end, seen(r)), window = window_start(info.pattern, seen(r));
#pragma unroll
          for (int i = 0; i < 4; ++i) {
            const int key = start + place * 2 + i % 2 + i / 2 * 8;
            visible[r][i] = key < keys && (key < sink_end || key >= window);
          }
        }
        // Values that no query sees may be NaN, and 0 · NaN is NaN. Every tile's warps write the same zeros.
        for (int row = 0; row < Traits::warp_keys; ++row) {
          const int key = start + row;
          if (key < end && (key < sink_end || key >= local_start)) continue;
          for (int i = lane; i < Traits::row_bytes / 4; i += 32) reinterpret_cast<uint32_t*>(values + row * Traits::row_bytes)[i] = 0;
        }
        ptx::fence_shared_for_async();
        __syncwarp();
      }
      float skip_limit[2] = {-INFINITY, -INFINITY};
      if (info.pattern.type == PatternType::Threshold) {
#pragma unroll
        for (int r = 0; r < 2; ++r) skip_limit[r] = info.pattern.skip_limit(seen(r));
      }
      rows.attend(shared.keys(stage) + first_key * Traits::row_bytes, values, visible, call.scores, skip_limit, first_row, count, quad, place);
    }
    if (flags & kLastUnit) {
      const UnitInfo finished = info;
      rows.store(shared.merged + warp % Traits::key_warps * count * Traits::part_row, first_row, count, quad, place);
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
__global__ void __launch_bounds__(Traits::threads, Traits::blocks_beside)
    decode_attention(const __grid_constant__ DecodeAttention call, int num_stages, int group) {
#ifdef ELASTIC_BULK_COPIES
  extern __shared__ __align__(128) uint8_t memory[];
  ptx::allow_next_kernel();
  const DecodeShare share = call.shares[blockIdx.x];
  if (share.units == 0) return;
  const DecodeShared<Traits> shared(memory, num_stages, call.most_tokens * group);
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

template <typename Traits>
cudaError_t launch_decode_tiles(const DecodeAttention& call, int multiprocessors, cudaStream_t stream) {
  const int group = call.num_query_heads / call.num_key_value_heads, rows = call.most_tokens * group, stages = Traits::stages(rows);
  const int bytes = stages * Traits::stage_bytes(rows) + Traits::fixed_bytes(rows);
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

template <typename Element, int head_dim, bool rounded = false>
cudaError_t launch_decode(const DecodeAttention& call, int multiprocessors, cudaStream_t stream) {
  const int rows = call.most_tokens * (call.num_query_heads / call.num_key_value_heads);
  if (rows > kMostRows) return cudaErrorInvalidValue;
  if (rows > kTileRows) return launch_decode_tiles<DecodeTraits<Element, head_dim, rounded, 2>>(call, multiprocessors, stream);
  return launch_decode_tiles<DecodeTraits<Element, head_dim, rounded>>(call, multiprocessors, stream);
}

}  // namespace elastic
