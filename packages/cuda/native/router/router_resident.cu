// The thread blocks of a cluster share a head. Each averages a part of its rows and holds a part of every MLP's hidden units:
// the rows of the first matrix and the columns of the second, which arrive while the keys are averaged. So the blocks wait
// for one another three times only: for the average, and for the sums of each MLP. The kernel begins while the previous one
// still runs, and reads nothing before that is complete.
#include "router/router_resident.h"

#include <algorithm>

#include "core/device/check.h"
#include "core/device/device.h"
#include "ptx/dependent_launch.cuh"
#include "router/resident_steps.cuh"

namespace elastic {
namespace {

using namespace resident;

template <typename T>
__global__ void __launch_bounds__(kThreads)
    route_resident(Rows<const T> keys, Rows<float> output, const __grid_constant__ ResidentRouter router) {
#ifdef ELASTIC_CLUSTERS
  extern __shared__ __align__(16) float memory[];
  __shared__ ptx::Barrier exchanges[3];
  /** Whole rows of each MLP; the last layer's are with the second. */
  __shared__ ptx::Barrier loaded[2];
  const int rank = static_cast<int>(ptx::cluster_rank()), head = blockIdx.x / kCluster;
  const ResidentPlaces& places = router.places;
  const int head_dim = router.inputs[0];
  float* x = memory + places.x;
  float* hidden = memory + places.hidden;
  if (threadIdx.x == 0) {
    const int counts[3] = {head_dim, router.outputs[1], router.outputs[3]};
    for (ptx::Barrier& barrier : exchanges) barrier.initialize(1);
    for (ptx::Barrier& barrier : loaded) barrier.initialize(1);
    ptx::fence_barrier_initialization();
    for (int i = 0; i < 3; ++i) exchanges[i].arrive_and_expect(static_cast<uint32_t>(kCluster * counts[i] * 4));
    loaded[0].arrive_and_expect(static_cast<uint32_t>(router.inputs[0] * router.outputs[0] / kCluster * 4));
    loaded[1].arrive_and_expect(static_cast<uint32_t>(
        (router.inputs[2] * router.outputs[2] / kCluster + (rank == 0 ? router.inputs[4] * router.outputs[4] : 0)) * 4));
  }
  __syncwarp();
  ptx::cluster_arrive();
  // Up to here the previous kernel may still run and write keys, and weights too.
  ptx::wait_for_previous_kernel();

  // A group of copies and a barrier for each MLP, in the order in which they are needed.
#pragma unroll 1
  for (int layer = 0; layer < kLayers; ++layer) {
    if (share_of(layer) != Share::None || rank == 0) fetch_layer(router, layer, rank, memory, loaded[layer > 1]);
    if (layer == 1) ptx::commit_copies();
  }
  ptx::commit_copies();

  const PooledRows rows(router.pools[blockIdx.y]);
  const float sum = sum_keys<T>(keys, rows, head, head_dim, rank, memory + places.stripes);
  // Nobody writes to a block that has not begun.
  ptx::cluster_wait();
  send_columns(sum, memory + places.received[0], head_dim, rank, exchanges[0]);
  exchanges[0].wait_for_cluster(0);
  if (threadIdx.x < static_cast<unsigned>(head_dim)) {
    x[threadIdx.x] = sum_received(memory + places.received[0], head_dim, threadIdx.x) / static_cast<float>(rows.count);
  }
#pragma unroll 1
  for (int mlp = 0; mlp < 2; ++mlp) {
    const int in = 2 * mlp, out = in + 1, units = router.outputs[in] / kCluster, outputs = router.outputs[out];
    const float *biases = memory + places.biases[in], *output_biases = memory + places.biases[out];
    if (mlp == 0) ptx::wait_for_copies<1>();
    else ptx::wait_for_copies<0>();
    loaded[mlp].wait(0);
    __syncthreads();
    multiply_rows(memory + places.weights[in], x, units, router.inputs[in], [&](int first, const float4& sums, int place, int width) {
      for (int i = place; i < 4; i += width) hidden[first + i] = activated(element(sums, i) + biases[first + i]);
    });
    __syncthreads();
    // The last exchange is for the first block, which ends the head.
    const int receivers = mlp == 0 ? kCluster : 1;
    ptx::Barrier& exchange = exchanges[1 + mlp];
    float* received = memory + places.received[1 + mlp];
    multiply_rows(memory + places.weights[out], hidden, outputs, units, [&](int first, const float4& sums, int place, int width) {
      for (int block = place; block < receivers; block += width) ptx::send_four(received + rank * outputs + first, sums, exchange, block);
    });
    if (mlp > 0 && rank != 0) return;
    exchange.wait_for_cluster(0);
    for (int i = threadIdx.x; i < outputs; i += kThreads) {
      const float value = sum_received(received, outputs, i) + output_biases[i];
      x[i] = mlp == 0 ? value : activated(value);
    }
  }
  __syncthreads();
  const int last = kLayers - 1, classes = router.outputs[last];
  const float* biases = memory + places.biases[last];
  float* logits = output[blockIdx.y] + head * classes;
  multiply_rows(memory + places.weights[last], x, classes, router.inputs[last], [&](int first, const float4& sums, int place, int width) {
    for (int i = place; i < min(4, classes - first); i += width) logits[first + i] = element(sums, i) + biases[first + i];
    if (router.decision == nullptr || first > 0 || place > 0) return;
    const float sparse = sums.x + biases[0], retrieval = sums.y + biases[1];
    const bool keeps_all = static_cast<double>(retrieval) - static_cast<double>(sparse) > router.threshold;
    router.decision[blockIdx.y * router.decision_stride + head] = keeps_all ? 0 : 1;
  });
#endif
}

}  // namespace

bool try_resident_router(const RouterCall& router, cudaStream_t stream) {
  if (Device::instance().capability < 90 || router.round_bf16 || router.head_dim % 4 != 0 || router.head_dim > kThreads) return false;
  const auto element = static_cast<uintptr_t>(byte_size(router.keys.dtype));
  if (reinterpret_cast<uintptr_t>(router.keys.data) % (4 * element) != 0 || router.keys.row_stride % 4 != 0) return false;
  for (const RouterCall::Pool& pool : router.pools) {
    int64_t rows = 0;
    for (int64_t range = 0; range < pool.count; ++range) rows += pool.ranges[range][1] - pool.ranges[range][0];
    if (rows > kMostRows) return false;
  }
  ResidentRouter resident{};
  for (int layer = 0; layer < kLayers; ++layer) {
    const auto& [weight, bias] = router.layers[static_cast<size_t>(layer)];
    if (weight.row_stride != weight.columns || weight.columns % 4 != 0 || reinterpret_cast<uintptr_t>(weight.data) % 16 != 0) return false;
    if (weight.rows > 65536 || weight.columns > 65536) return false;
    // Hidden units are shared by the blocks, four at least; sums travel by fours.
    const Share share = share_of(layer);
    if ((share == Share::Rows && weight.rows % (4 * kCluster) != 0) || (share == Share::Columns && weight.rows % 4 != 0)) return false;
    resident.weights[layer] = reinterpret_cast<const float*>(weight.data);
    resident.biases[layer] = reinterpret_cast<const float*>(bias.data);
    resident.inputs[layer] = static_cast<int>(weight.columns);
    resident.outputs[layer] = static_cast<int>(weight.rows);
  }
  const int64_t hidden_floats = int64_t{resident.outputs[0]} * (resident.inputs[0] + resident.outputs[1]) +
                                int64_t{resident.outputs[2]} * (resident.inputs[2] + resident.outputs[3]);
  if (hidden_floats / kCluster * 4 > kSharedLimit) return false;
  resident.threshold = router.threshold;
  resident.decision_stride = router.decision.row_stride;
  resident.places = places_of(resident.inputs, resident.outputs);
  const int64_t bytes = int64_t{resident.places.all} * 4;
  if (bytes > kSharedLimit) return false;
  cudaLaunchAttribute attributes[2]{};
  attributes[0].id = cudaLaunchAttributeClusterDimension;
  attributes[0].val.clusterDim = {kCluster, 1, 1};
  attributes[1].id = cudaLaunchAttributeProgrammaticStreamSerialization;
  attributes[1].val.programmaticStreamSerializationAllowed = 1;
  cudaLaunchConfig_t configuration{};
  configuration.blockDim = dim3(kThreads);
  configuration.dynamicSmemBytes = static_cast<size_t>(bytes);
  configuration.stream = stream;
  configuration.attrs = attributes;
  configuration.numAttrs = 2;
  for (size_t first = 0; first < router.pools.size(); first += kMostPools) {
    const size_t count = std::min<size_t>(kMostPools, router.pools.size() - first);
    std::copy_n(router.pools.begin() + static_cast<std::ptrdiff_t>(first), count, resident.pools);
    configuration.gridDim = dim3(static_cast<unsigned>(router.heads) * kCluster, static_cast<unsigned>(count));
    Matrix output = router.output;
    output.data = output.row(static_cast<int64_t>(first));
    if (router.decision.data != nullptr) resident.decision = reinterpret_cast<uint8_t*>(router.decision.row(static_cast<int64_t>(first)));
    with_float_type(router.keys.dtype, [&]<typename T>(T*) {
      static const cudaError_t prepared = cudaFuncSetAttribute(route_resident<T>, cudaFuncAttributeMaxDynamicSharedMemorySize, kSharedLimit);
      check(prepared, "routerLogits");
      check(cudaLaunchKernelEx(&configuration, route_resident<T>, rows_of<const T>(router.keys), rows_of<float>(output), resident),
            "routerLogits");
    });
  }
  return true;
}

}  // namespace elastic
