#include "selection/estimate_sm90.h"

#include <algorithm>

#include "attention/forward/forward_sm90.h"
#include "core/device/check.h"
#include "core/elements/floats.cuh"
#include "attention/tiles/tensor_map.h"
#include "ptx/cluster.cuh"
#include "ptx/tensor_copy.cuh"
#include "ptx/warp_group_matrix.cuh"

namespace elastic {
namespace {

/** Query groups of a row tile. */
constexpr int kRows = 128, kColumns = kEstimateColumns, kTileBlocks = kColumns / kEstimateBlock;
constexpr int kStages = 4;
/** Thread blocks that work on neighbouring row tiles and share what they read of the keys. */
constexpr int kCluster = 2;
constexpr int kConsumers = 2, kThreads = 128 * (kConsumers + 1);

struct EstimateParameters {
  /** [head_dim, heads, stride, groups] and [head_dim, stride, groups]: complete groups, and the last one too. */
  CUtensorMap query[2];
  CUtensorMap keys[kEstimateHeads][2];
  int32_t query_heads[kEstimateHeads];
  int32_t num_heads;
  int32_t group;
  int32_t stride;
  /** Tokens of the last group when it is not complete, else `stride`. */
  int32_t last_tokens;
  int32_t groups;
  /** Pairs of row tiles: of the first and behind the last group. */
  int32_t first_pair;
  int32_t end_pair;
  float scale_log2;
  bool round_bf16;
  EstimateParts parts;
};

template <typename Element_, int columns_>
struct Traits {
  using Element = Element_;
  /** Elements of a step along the inner dimension. */
  static constexpr int columns = columns_;
  static constexpr int row_bytes = columns * 2;
  static constexpr int query_bytes = kRows * row_bytes;
  static constexpr int key_bytes = kColumns * row_bytes;
  static constexpr ptx::Swizzle swizzle = columns == 64 ? ptx::Swizzle::Bytes128 : ptx::Swizzle::Bytes64;
};

template <typename T>
struct alignas(1024) EstimateShared {
  uint8_t query[kStages][T::query_bytes];
  uint8_t keys[kStages][T::key_bytes];
  ptx::Barrier full[kStages], free[kStages];
};

#ifdef ELASTIC_HOPPER

/** Tiles of one query head, in pairs of row tiles. */
__device__ inline int count_tiles(const EstimateParameters& parameters) {
  return (parameters.end_pair * (parameters.end_pair + 1) - parameters.first_pair * (parameters.first_pair + 1)) / 2;
}

/** One tile of work: a row tile of a query head against a column tile of its keys. */
struct Work {
  int head;
  int member;
  int row_tile;
  int column_tile;

  /** Pairs of row tiles see the same column tiles: pair p has p + 1 of them. */
  __device__ Work(const EstimateParameters& parameters, int index, int rank) {
    // Blocks that work at a time share keys: tiles of one key-value head, all its query heads side by side.
    const int per_head = count_tiles(parameters) * parameters.group;
    const int at = parameters.first_pair * (parameters.first_pair + 1) / 2 + index % per_head / parameters.group;
    int pair = static_cast<int>((sqrtf(1.0f + 8.0f * static_cast<float>(at)) - 1.0f) * 0.5f);
    while (pair * (pair + 1) / 2 > at) --pair;
    while ((pair + 1) * (pair + 2) / 2 <= at) ++pair;
    head = index / per_head;
    member = index % parameters.group;
    row_tile = 2 * pair + rank;
    column_tile = at - pair * (pair + 1) / 2;
  }
};

template <typename T>
__device__ void produce(const EstimateParameters& parameters, EstimateShared<T>& shared, int parts, int rank) {
  uint32_t loaded = 0;
  const int num_work = count_tiles(parameters) * parameters.num_heads * parameters.group;
  for (int index = blockIdx.x / kCluster; index < num_work; index += gridDim.x / kCluster) {
    const Work work(parameters, index, rank);
    const int query_head = parameters.query_heads[work.head] + work.member;
    for (int m = 0; m < parameters.stride; ++m) {
      // Queries run backwards through a group, keys forwards.
      const int query_token = parameters.stride - 1 - m;
      const CUtensorMap& query = parameters.query[query_token < parameters.last_tokens];
      const CUtensorMap& keys = parameters.keys[work.head][m < parameters.last_tokens];
      for (int part = 0; part < parts; ++part, ++loaded) {
        const int stage = loaded % kStages;
        shared.free[stage].wait((loaded / kStages & 1) ^ 1);
        shared.full[stage].arrive_and_expect(T::query_bytes + T::key_bytes);
        ptx::copy_box(shared.query[stage], query, shared.full[stage], part * T::columns, query_head, query_token,
                      work.row_tile * kRows);
        constexpr int share = kColumns / kCluster;
        ptx::copy_box_to_cluster(shared.keys[stage] + rank * share * T::row_bytes, keys, shared.full[stage],
                                 (1 << kCluster) - 1, part * T::columns, m, work.column_tile * kColumns + rank * share);
      }
    }
  }
  // The other block may still release stages here: neither exits before all are free.
  for (int i = 0; i < kStages; ++i, ++loaded) shared.free[loaded % kStages].wait((loaded / kStages & 1) ^ 1);
}

/** Writes what remains of a thread's two rows of scores. Columns of one block of keys are four lanes' pairs. */
__device__ void reduce_scores(const EstimateParameters& parameters, const Work& work, float (&scores)[2][64], int thread_row) {
  const int lane = threadIdx.x % 32;
  const EstimateParts& parts = parameters.parts;
#pragma unroll
  for (int r = 0; r < 2; ++r) {
    const int group = work.row_tile * kRows + thread_row + 8 * r;
    const int64_t row = (work.head * parameters.group + work.member) * parts.rows + group - parts.first_group;
    const int64_t tile = row * parts.tiles + work.column_tile;
    float highest = -INFINITY;
#pragma unroll
    for (int j = 0; j < kColumns / 8; ++j) {
#pragma unroll
      for (int c = 0; c < 2; ++c) {
        float& score = scores[j / 16][4 * (j % 16) + 2 * r + c];
        if (parameters.round_bf16) score = __bfloat162float(__float2bfloat16_rn(score));
        if (work.column_tile * kColumns + 8 * j + lane % 4 * 2 + c > group) score = -INFINITY;
        highest = fmaxf(highest, score);
      }
    }
    highest = fmaxf(highest, __shfl_xor_sync(0xffffffffu, highest, 1));
    highest = fmaxf(highest, __shfl_xor_sync(0xffffffffu, highest, 2));
    const float shift = highest == -INFINITY ? 0.0f : -highest * parameters.scale_log2;
    float sum = 0;
    const bool there = group < parameters.groups;
#pragma unroll
    for (int four = 0; four < kColumns / 32; ++four) {
      float mine = 0;
#pragma unroll
      for (int q = 0; q < 4; ++q) {
        const int j = 4 * four + q;
        const float* pair = &scores[j / 16][4 * (j % 16) + 2 * r];
        float mass = exp2_fast(fmaf(pair[0], parameters.scale_log2, shift)) + exp2_fast(fmaf(pair[1], parameters.scale_log2, shift));
        mass += __shfl_xor_sync(0xffffffffu, mass, 1);
        mass += __shfl_xor_sync(0xffffffffu, mass, 2);
        sum += mass;
        if (lane % 4 == q) mine = mass;
      }
      if (there) parts.masses[tile * kTileBlocks + 4 * four + lane % 4] = mine;
    }
    if (there && lane % 4 == 0) {
      reinterpret_cast<float2*>(parts.sums)[tile] = make_float2(highest, sum);
    }
  }
}

template <typename T>
__device__ void consume(const EstimateParameters& parameters, EstimateShared<T>& shared, int parts, int rank) {
  using Product = ptx::MatrixProduct<typename T::Element, 128>;
  const int consumer = threadIdx.x / 128 - 1, lane = threadIdx.x % 32;
  const int thread_row = consumer * 64 + threadIdx.x % 128 / 32 * 16 + lane / 4;
  const uint64_t query = ptx::matrix_descriptor<T::swizzle>(shared.query[0] + consumer * 64 * T::row_bytes, 0, 8 * T::row_bytes);
  const uint64_t keys = ptx::matrix_descriptor<T::swizzle>(shared.keys[0], 0, 8 * T::row_bytes);
  const auto release = [&](int stage) {
    if (lane < kCluster) ptx::arrive_in_cluster(shared.free[stage], lane);
  };
  uint32_t used = 0;
  const int num_work = count_tiles(parameters) * parameters.num_heads * parameters.group, steps = parameters.stride * parts;
  for (int index = blockIdx.x / kCluster; index < num_work; index += gridDim.x / kCluster) {
    float scores[2][64];
    for (int step = 0; step < steps; ++step, ++used) {
      const int stage = used % kStages;
      shared.full[stage].wait(used / kStages & 1);
      ptx::keep_in_place(scores[0]);
      ptx::keep_in_place(scores[1]);
      ptx::matrix_fence();
#pragma unroll
      for (int k = 0; k < T::columns / 16; ++k) {
        const uint64_t a = ptx::advance(query, stage * T::query_bytes + 32 * k);
        const uint64_t b = ptx::advance(keys, stage * T::key_bytes + 32 * k);
        Product::shared(scores[0], a, b, step + k > 0);
        Product::shared(scores[1], a, ptx::advance(b, 128 * T::row_bytes), step + k > 0);
      }
      ptx::matrix_commit();
      // The step before is done; its slot can be filled again.
      ptx::matrix_wait<1>();
      if (step > 0) release((used - 1) % kStages);
    }
    ptx::matrix_wait<0>();
    ptx::keep_in_place(scores[0]);
    ptx::keep_in_place(scores[1]);
    release((used - 1) % kStages);
    reduce_scores(parameters, Work(parameters, index, rank), scores, thread_row);
  }
}

#endif

template <typename T>
__global__ void __cluster_dims__(kCluster, 1, 1) __launch_bounds__(kThreads, 1)
    estimate_scores(const __grid_constant__ EstimateParameters parameters, int parts) {
#ifdef ELASTIC_HOPPER
  extern __shared__ uint8_t memory[];
  auto& shared = *reinterpret_cast<EstimateShared<T>*>((reinterpret_cast<uintptr_t>(memory) + 1023) & ~1023ull);
  const int rank = static_cast<int>(ptx::cluster_rank());
  if (threadIdx.x == 0) {
    for (int stage = 0; stage < kStages; ++stage) {
      shared.full[stage].initialize(1);
      shared.free[stage].initialize(4 * kConsumers * kCluster);
    }
    ptx::fence_barrier_initialization();
  }
  ptx::cluster_sync();
  if (threadIdx.x < 128) {
    asm volatile("setmaxnreg.dec.sync.aligned.u32 40;");
    if (threadIdx.x == 0) produce<T>(parameters, shared, parts, rank);
    __syncwarp();
  } else {
    asm volatile("setmaxnreg.inc.sync.aligned.u32 232;");
    consume<T>(parameters, shared, parts, rank);
  }
  // Shared memory must outlive the arrivals of the other block.
  ptx::cluster_sync();
#endif
}

template <typename T>
void launch(const EstimateParameters& parameters, int parts, int multiprocessors, cudaStream_t stream) {
  constexpr int bytes = sizeof(EstimateShared<T>) + 1024;
  check(cudaFuncSetAttribute(estimate_scores<T>, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes), "cudaFuncSetAttribute");
  estimate_scores<T><<<multiprocessors / kCluster * kCluster, kThreads, bytes, stream>>>(parameters, parts);
  check(cudaGetLastError(), "xattentionEstimate, scores");
}

}  // namespace

bool estimate_sm90_serves(const Estimate& estimate, int capability) {
  const Matrix &query = estimate.query, &keys = estimate.keys;
  const bool half = keys.dtype == DType::BF16 || keys.dtype == DType::F16;
  const bool aligned = reinterpret_cast<uintptr_t>(query.data) % 16 == 0 && reinterpret_cast<uintptr_t>(keys.data) % 16 == 0 &&
                       query.row_stride % 8 == 0;
  // Capped scores are reduced by the general kernel.
  return capability == 90 && estimate.soft_cap == 0 && half && query.dtype == keys.dtype && aligned &&
         forward_sm90_has(static_cast<int>(estimate.head_dim)) && estimate.block_size == kEstimateBlock * estimate.stride &&
         estimate.groups() >= 2 && estimate.groups() < (1 << 20);
}

void launch_estimate_sm90(const Estimate& estimate, size_t first, size_t count, const EstimateParts& parts,
                          int multiprocessors, cudaStream_t stream) {
  const HalfType type = estimate.keys.dtype == DType::BF16 ? HalfType::BFloat16 : HalfType::Float16;
  const int head_dim = static_cast<int>(estimate.head_dim), columns = box_columns(head_dim);
  EstimateParameters parameters{};
  parameters.num_heads = static_cast<int32_t>(count);
  parameters.group = static_cast<int32_t>(estimate.group);
  parameters.stride = static_cast<int32_t>(estimate.stride);
  parameters.groups = static_cast<int32_t>(estimate.groups());
  const int64_t end_group = std::min(estimate.groups(), parts.first_group + parts.rows);
  parameters.first_pair = static_cast<int32_t>(parts.first_group / kEstimateRows);
  parameters.end_pair = static_cast<int32_t>((end_group + kEstimateRows - 1) / kEstimateRows);
  parameters.last_tokens = static_cast<int32_t>(estimate.tokens - (estimate.groups() - 1) * estimate.stride);
  parameters.scale_log2 = static_cast<float>(1.44269504088896341 * estimate.score_scale());
  parameters.round_bf16 = estimate.round_bf16;
  parameters.parts = parts;
  for (int whole = 0; whole < 2; ++whole) {
    const int64_t groups = estimate.groups() - 1 + whole;
    parameters.query[whole] = grouped_heads_map(estimate.query.data, type, groups, estimate.stride, estimate.num_query_heads,
                                                head_dim, estimate.query.row_stride, kRows);
    for (size_t i = 0; i < count; ++i) {
      const char* keys = estimate.keys.row(estimate.heads[first + i].store.first_slot);
      parameters.keys[i][whole] = grouped_rows_map(keys, type, groups, estimate.stride, head_dim, kColumns / kCluster);
    }
  }
  for (size_t i = 0; i < count; ++i) {
    parameters.query_heads[i] = static_cast<int32_t>(estimate.heads[first + i].key_value_head * estimate.group);
  }
  const int parts_of_row = head_dim / columns;
  if (columns == 64) {
    if (type == HalfType::BFloat16) launch<Traits<__nv_bfloat16, 64>>(parameters, parts_of_row, multiprocessors, stream);
    else launch<Traits<__half, 64>>(parameters, parts_of_row, multiprocessors, stream);
  } else {
    if (type == HalfType::BFloat16) launch<Traits<__nv_bfloat16, 32>>(parameters, parts_of_row, multiprocessors, stream);
    else launch<Traits<__half, 32>>(parameters, parts_of_row, multiprocessors, stream);
  }
}

}  // namespace elastic
