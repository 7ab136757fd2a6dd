// How the resident router's weights and sums lie in the shared memory of a cluster's thread blocks.
#pragma once
#include <algorithm>

#include "addon/operations.h"

namespace elastic::resident {

constexpr int kThreads = 512;
constexpr int kCluster = 8;
constexpr int kLayers = RouterCall::kLayers;
/** Sequences of one launch: their row ranges are kernel parameters. */
constexpr int kMostPools = 16;
/** Rows that are averaged in float32. */
constexpr int64_t kMostRows = 4096;
constexpr int kSharedLimit = 220 * 1024;

#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
#define ELASTIC_CLUSTERS 1
#endif

/** How a layer is divided among the blocks: by rows, by columns, or not at all, when the first block computes it alone. */
enum class Share { Rows, Columns, None };

__host__ __device__ constexpr Share share_of(int layer) {
  return layer == kLayers - 1 ? Share::None : layer % 2 == 0 ? Share::Rows : Share::Columns;
}

/** Offsets in the shared memory of a thread block, in floats; multiples of four. */
struct ResidentPlaces {
  int weights[kLayers];
  int biases[kLayers];
  /** One after another from each block of the cluster: sums of keys, and of both MLPs. */
  int received[3];
  /** Sums of keys by stripes. */
  int stripes;
  int x;
  int hidden;
  int all;
};

struct ResidentRouter {
  const float* weights[kLayers];
  const float* biases[kLayers];
  int inputs[kLayers];
  int outputs[kLayers];
  ResidentPlaces places;
  RouterCall::Pool pools[kMostPools];
  /** [sequences, heads], rows `decision_stride` apart, or null: as in RouterCall. */
  uint8_t* decision;
  int64_t decision_stride;
  double threshold;
};

inline ResidentPlaces places_of(const int (&inputs)[kLayers], const int (&outputs)[kLayers]) {
  ResidentPlaces places{};
  const auto take = [&](int floats) {
    const int place = places.all;
    places.all += (floats + 3) / 4 * 4;
    return place;
  };
  for (int layer = 0; layer < kLayers; ++layer) {
    const Share share = share_of(layer);
    places.weights[layer] = take(inputs[layer] * outputs[layer] / (share == Share::None ? 1 : kCluster));
    places.biases[layer] = take(outputs[layer] / (share == Share::Rows ? kCluster : 1));
  }
  places.received[0] = take(kCluster * inputs[0]);
  places.received[1] = take(kCluster * outputs[1]);
  places.received[2] = take(kCluster * outputs[3]);
  places.stripes = take(4 * kThreads);
  places.x = take(std::max({inputs[0], outputs[1], outputs[3]}));
  places.hidden = take(std::max(outputs[0], outputs[2]) / kCluster);
  return places;
}

}  // namespace elastic::resident
