// XAttention: antidiagonal scores are a matrix product of groups of rows. On Hopper one kernel reduces them as they come;
// elsewhere a bounded piece of them exists at a time.
#include <algorithm>

#include "addon/operations.h"
#include "core/device/check.h"
#include "core/device/device.h"
#include "gemm/cublas_lt.h"
#include "selection/choose_blocks.h"
#include "selection/gather_queries.h"

namespace elastic {
namespace {

/** Scores kept at a time, in bytes: enough rows for every multiprocessor, few enough to skip most later keys. */
constexpr int64_t kScoreBytes = int64_t{64} << 20;

/** Parts kept at a time, in bytes: several heads of a short prompt, some rows of a head of a long one. */
constexpr int64_t kPartBytes = int64_t{256} << 20;

void estimate_by_parts(const Estimate& estimate) {
  const Device& device = Device::instance();
  const int64_t groups = estimate.groups(), tiles = (groups + kEstimateColumns - 1) / kEstimateColumns;
  constexpr int64_t tile_floats = kEstimateColumns / kEstimateBlock + 2;
  const int64_t head_row_bytes = estimate.group * tiles * tile_floats * 4;
  const int64_t all_rows = (groups + kEstimateRows - 1) / kEstimateRows * kEstimateRows;
  const auto most_heads = static_cast<size_t>(std::clamp<int64_t>(kPartBytes / (head_row_bytes * all_rows), 1, kEstimateHeads));
  const size_t heads = std::min(most_heads, estimate.heads.size());
  const int64_t wanted = std::max<int64_t>(1, kPartBytes / head_row_bytes / kEstimateRows) * kEstimateRows;
  const int64_t rows = heads > 1 ? all_rows : std::min(all_rows, wanted);
  const int64_t num_tiles = static_cast<int64_t>(heads) * estimate.group * rows * tiles;
  const Scratch scratch(static_cast<size_t>(num_tiles * tile_floats * 4));
  EstimateParts parts{0, rows, tiles, reinterpret_cast<float*>(scratch.data()), nullptr};
  parts.sums = parts.masses + num_tiles * (tile_floats - 2);
  for (size_t first = 0; first < estimate.heads.size(); first += heads) {
    const size_t count = std::min(heads, estimate.heads.size() - first);
    for (parts.first_group = 0; parts.first_group < groups; parts.first_group += rows) {
      launch_estimate_sm90(estimate, first, count, parts, device.multiprocessors, device.stream);
      for (size_t i = 0; i < count; ++i) {
        EstimateParts of_head = parts;
        const int64_t before = static_cast<int64_t>(i) * estimate.group * rows * tiles;
        of_head.masses += before * (tile_floats - 2);
        of_head.sums += before * 2;
        launch_choose_blocks(estimate, estimate.heads[first + i].key_value_head * estimate.group, estimate.group, of_head,
                             device.stream);
      }
    }
  }
}

}  // namespace

void backend::xattention_estimate(const Estimate& estimate) {
  if (estimate_sm90_serves(estimate, Device::instance().capability)) return estimate_by_parts(estimate);
  const cudaStream_t stream = Device::instance().stream;
  const DType dtype = estimate.keys.dtype;
  const int64_t groups = estimate.groups(), per_block = estimate.block_size / estimate.stride;
  const int64_t depth = estimate.stride * estimate.head_dim, row_bytes = depth * byte_size(dtype);
  // Rows of scores start at multiples of 16 bytes.
  const int64_t stride = (groups + 3) / 4 * 4;
  const int64_t wanted = std::max<int64_t>(1, kScoreBytes / (stride * 4 * estimate.group) / per_block) * per_block;
  const int64_t rows = std::min(wanted, (groups + per_block - 1) / per_block * per_block);
  const bool ragged = estimate.tokens % estimate.stride != 0;
  const Scratch scores(static_cast<size_t>(estimate.group * rows * stride * 4));
  const Scratch queries(static_cast<size_t>(estimate.group * rows * row_bytes));
  const Scratch padded(ragged ? static_cast<size_t>(groups * row_bytes) : 1);
  for (const auto& [key_value_head, store] : estimate.heads) {
    // `stride` rows of the cache are one row of the product already; only a last, partial one needs zeros.
    const char* keys = estimate.keys.row(store.first_slot);
    if (ragged) {
      const auto bytes = static_cast<size_t>(estimate.tokens * estimate.head_dim * byte_size(dtype));
      check(cudaMemcpyAsync(padded.data(), keys, bytes, cudaMemcpyDeviceToDevice, stream), "cudaMemcpyAsync");
      check(cudaMemsetAsync(padded.data() + bytes, 0, static_cast<size_t>(groups * row_bytes) - bytes, stream),
            "cudaMemsetAsync");
      keys = padded.data();
    }
    const int64_t head = key_value_head * estimate.group;
    for (int64_t first = 0; first < groups; first += rows) {
      const int64_t count = std::min(rows, groups - first);
      launch_gather_queries(estimate, head, estimate.group, first, count, queries.data(), stream);
      // One product for all query heads of the group; later keys are never scored against these queries.
      multiply({queries.data(), depth, keys, scores.data(), stride, estimate.group * count, depth, first + count, dtype,
                DType::F32, false},
               stream);
      launch_choose_blocks(estimate, head, estimate.group, first, count, reinterpret_cast<const float*>(scores.data()),
                           stride, stream);
    }
  }
}

}  // namespace elastic
