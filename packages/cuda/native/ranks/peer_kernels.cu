#include "ranks/peer_kernels.h"

#include <algorithm>

#include "core/device/check.h"
#include "core/elements/floats.cuh"

namespace elastic {
namespace {

constexpr int kThreads = 512;
/** A rank that does not come within so long will not come: its process ends, and this one's kernel must. */
constexpr uint64_t kPatience = 30'000'000'000;

__device__ void store_release(uint32_t* flag, uint32_t value) {
  asm volatile("st.release.sys.global.u32 [%0], %1;" ::"l"(flag), "r"(value) : "memory");
}

__device__ uint32_t load_acquire(const uint32_t* flag) {
  uint32_t value;
  asm volatile("ld.acquire.sys.global.u32 %0, [%1];" : "=r"(value) : "l"(flag) : "memory");
  return value;
}

__device__ uint64_t nanoseconds() {
  uint64_t now;
  asm volatile("mov.u64 %0, %globaltimer;" : "=l"(now));
  return now;
}

/** Where a block finds, on GPU `at`, what rank `from` sent in an exchange. */
__device__ char* inbox(const PeerView& peers, int at, int from, uint32_t exchange) {
  const size_t place = (static_cast<size_t>(exchange & 1) * peers.size + from) * kPeerBlocks + blockIdx.x;
  return peers.inboxes[at] + place * kPeerChunk;
}

/**
 * Tells every rank that this block's data of an exchange are in its inbox, and waits for theirs. An inbox has two halves: what a
 * rank writes for one exchange was read before that rank came to the one between.
 */
__device__ void meet(const PeerView& peers, uint32_t exchange) {
  __threadfence_system();
  __syncthreads();
  const int other = threadIdx.x;
  if (other < peers.size && other != peers.rank) {
    store_release(peers.flags[other] + peers.rank * kPeerBlocks + blockIdx.x, exchange);
    const uint32_t* theirs = peers.flags[peers.rank] + other * kPeerBlocks + blockIdx.x;
    const uint64_t begun = nanoseconds();
    while (static_cast<int32_t>(load_acquire(theirs) - exchange) < 0) {
      if (nanoseconds() - begun > kPatience) __trap();
    }
  }
  __syncthreads();
}

/** Sends 16-byte units [0, units) of a block's part to every other rank. */
__device__ void send(const PeerView& peers, uint32_t exchange, const uint4* part, int64_t units) {
  for (int64_t unit = threadIdx.x; unit < units; unit += kThreads) {
    const uint4 bits = part[unit];
    for (int step = 1; step < peers.size; ++step) {
      // Each rank begins with another one: the links are used evenly.
      const int other = (peers.rank + step) % peers.size;
      reinterpret_cast<uint4*>(inbox(peers, other, peers.rank, exchange))[unit] = bits;
    }
  }
}

template <typename T>
__global__ void __launch_bounds__(kThreads) peer_sum(PeerView peers, uint4* values, int64_t total) {
  constexpr int64_t kUnits = kPeerChunk / sizeof(uint4);
  constexpr int kElements = sizeof(uint4) / sizeof(T);
  uint32_t exchange = peers.exchanges[blockIdx.x];
  for (int64_t start = static_cast<int64_t>(blockIdx.x) * kUnits; start < total; start += gridDim.x * kUnits) {
    const int64_t units = min(kUnits, total - start);
    uint4* part = values + start;
    send(peers, ++exchange, part, units);
    meet(peers, exchange);
    for (int64_t unit = threadIdx.x; unit < units; unit += kThreads) {
      const uint4 own = part[unit];
      float sums[kElements] = {};
      for (int from = 0; from < peers.size; ++from) {
        // Past the first cache, which may hold what was there two exchanges ago.
        const uint4 bits = from == peers.rank ? own : __ldcg(reinterpret_cast<const uint4*>(inbox(peers, peers.rank, from, exchange)) + unit);
        const T* elements = reinterpret_cast<const T*>(&bits);
#pragma unroll
        for (int i = 0; i < kElements; ++i) sums[i] = from == 0 ? to_float(elements[i]) : sums[i] + to_float(elements[i]);
      }
      uint4 result;
      T* elements = reinterpret_cast<T*>(&result);
#pragma unroll
      for (int i = 0; i < kElements; ++i) elements[i] = from_float<T>(sums[i]);
      part[unit] = result;
    }
  }
  __syncthreads();
  if (threadIdx.x == 0) peers.exchanges[blockIdx.x] = exchange;
}

__device__ void place(const PeerColumns& columns, int from, int64_t element, float value) {
  const int32_t width = columns.first[from + 1] - columns.first[from];
  columns.output[element / width * columns.output_stride + columns.first[from] + element % width] = value;
}

__global__ void __launch_bounds__(kThreads) peer_gather(PeerView peers, PeerColumns columns, int64_t longest) {
  constexpr int64_t kElements = kPeerChunk / sizeof(float);
  const auto elements_of = [&](int rank) { return columns.rows * (columns.first[rank + 1] - columns.first[rank]); };
  uint32_t exchange = peers.exchanges[blockIdx.x];
  // All ranks take as many exchanges, whoever has most.
  for (int64_t start = static_cast<int64_t>(blockIdx.x) * kElements; start < longest; start += gridDim.x * kElements) {
    ++exchange;
    const int64_t own = min(kElements, elements_of(peers.rank) - start);
    for (int64_t i = threadIdx.x; i < own; i += kThreads) {
      const float value = columns.input[start + i];
      for (int other = 0; other < peers.size; ++other) {
        if (other != peers.rank) reinterpret_cast<float*>(inbox(peers, other, peers.rank, exchange))[i] = value;
      }
      place(columns, peers.rank, start + i, value);
    }
    meet(peers, exchange);
    for (int from = 0; from < peers.size; ++from) {
      if (from == peers.rank) continue;
      const float* sent = reinterpret_cast<const float*>(inbox(peers, peers.rank, from, exchange));
      const int64_t count = min(kElements, elements_of(from) - start);
      for (int64_t i = threadIdx.x; i < count; i += kThreads) place(columns, from, start + i, __ldcg(sent + i));
    }
  }
  __syncthreads();
  if (threadIdx.x == 0) peers.exchanges[blockIdx.x] = exchange;
}

/** Blocks for so many bytes; the same on every rank. */
unsigned blocks_for(int64_t bytes) {
  return static_cast<unsigned>(std::clamp<int64_t>((bytes + kPeerChunk - 1) / kPeerChunk, 1, kPeerBlocks));
}

}  // namespace

void launch_peer_sum(const PeerView& peers, void* values, int64_t bytes, DType dtype, cudaStream_t stream) {
  if (bytes == 0) return;
  with_float_type(dtype, [&](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    peer_sum<T><<<blocks_for(bytes), kThreads, 0, stream>>>(peers, static_cast<uint4*>(values), bytes / static_cast<int64_t>(sizeof(uint4)));
  });
  check(cudaGetLastError(), "a sum over ranks");
}

void launch_peer_gather(const PeerView& peers, const PeerColumns& columns, cudaStream_t stream) {
  int64_t longest = 0;
  for (int rank = 0; rank < peers.size; ++rank) longest = std::max(longest, columns.rows * (columns.first[rank + 1] - columns.first[rank]));
  if (longest == 0) return;
  peer_gather<<<blocks_for(longest * static_cast<int64_t>(sizeof(float))), kThreads, 0, stream>>>(peers, columns, longest);
  check(cudaGetLastError(), "a gather over ranks");
}

}  // namespace elastic
