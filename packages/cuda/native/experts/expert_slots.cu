// Rows to their slots, and the slots' sums back to the rows.
#include "addon/expert_operations.h"
#include "core/device/check.h"
#include "core/device/device.h"
#include "core/elements/block_sums.cuh"
#include "core/elements/elements.cuh"

namespace elastic {
namespace {

constexpr int kThreads = 256;

/** A block for a slot; one without a row becomes NaN. */
template <int width, typename T>
__global__ void __launch_bounds__(kThreads) copy_to_slots(Rows<const T> input, int64_t rows, const int32_t* row_of_slot, Rows<T> output, int64_t columns) {
  const int64_t slot = blockIdx.x;
  const int32_t row = row_of_slot[slot];
  const bool there = row >= 0 && row < rows;
  for (int64_t i = threadIdx.x * width; i < columns; i += kThreads * width) {
    float values[width];
#pragma unroll
    for (int k = 0; k < width; ++k) values[k] = NAN;
    if (there) load_floats(input[row] + i, values);
    store_floats(output[slot] + i, values);
  }
}

/** Where a row's choices lie and what they weigh. */
struct Choices {
  Rows<const int32_t> slots;
  /** No data: all weigh 1. */
  Rows<const float> weights;
  int count;
  int64_t slot_count;

  __device__ float weight(int64_t row, int choice) const { return weights.data == nullptr ? 1.0f : weights[row][choice]; }
  /** -1 where a slot lies outside. */
  __device__ int32_t slot(int64_t row, int choice) const {
    const int32_t slot = slots[row][choice];
    return slot >= 0 && slot < slot_count ? slot : -1;
  }
};

template <int width, typename In, typename Out>
__global__ void __launch_bounds__(kThreads) sum_slots(Rows<const In> input, Choices choices, Rows<Out> output, bool accumulate, int64_t columns) {
  const int64_t row = blockIdx.x;
  for (int64_t i = threadIdx.x * width; i < columns; i += kThreads * width) {
    float sums[width] = {}, values[width];
    for (int choice = 0; choice < choices.count; ++choice) {
      const int32_t slot = choices.slot(row, choice);
      const float weight = slot < 0 ? NAN : choices.weight(row, choice);
      load_floats(input[slot < 0 ? 0 : slot] + i, values);
#pragma unroll
      for (int k = 0; k < width; ++k) sums[k] = fmaf(weight, values[k], sums[k]);
    }
    if (accumulate) {
      load_floats(static_cast<const Out*>(output[row]) + i, values);
#pragma unroll
      for (int k = 0; k < width; ++k) sums[k] += values[k];
    }
    store_floats(output[row] + i, sums);
  }
}

/** A block for a choice of a row: its slot's gradient, and its weight's. */
template <typename In, typename Dy, typename Dx>
__global__ void __launch_bounds__(kThreads) slot_gradients(Rows<const In> input, Choices choices, Rows<const Dy> output_gradient,
                                                           Rows<Dx> input_gradient, Rows<float> weights_gradient, int64_t columns) {
  const int64_t row = blockIdx.x;
  const int choice = static_cast<int>(blockIdx.y);
  const int32_t slot = choices.slot(row, choice);
  if (slot < 0) return;
  const float weight = choices.weight(row, choice);
  float product = 0;
  for (int64_t i = threadIdx.x; i < columns; i += kThreads) {
    const float gradient = to_float(output_gradient[row][i]);
    // Read before it is written: the gradient may replace the slot's input.
    product = fmaf(gradient, to_float(input[slot][i]), product);
    input_gradient[slot][i] = from_float<Dx>(weight * gradient);
  }
  if (weights_gradient.data == nullptr) return;
  product = block_sum(product);
  if (threadIdx.x == 0) weights_gradient[row][choice] = product;
}

Choices choices_of(const ExpertGroups& groups, const Matrix& weights) {
  return {rows_of<const int32_t>(groups.slots), rows_of<const float>(weights), static_cast<int>(groups.slots.columns), groups.rows.columns};
}

}  // namespace

namespace backend {

void dispatch_rows(const Matrix& input, const ExpertGroups& groups, const Matrix& output) {
  with_width(reads_vectors(input) && reads_vectors(output), [&]<typename W>(W) {
    with_float_type(input.dtype, [&]<typename T>(T*) {
      copy_to_slots<W::kValue, T><<<static_cast<unsigned>(output.rows), kThreads, 0, Device::instance().stream>>>(
          rows_of<const T>(input), input.rows, reinterpret_cast<const int32_t*>(groups.rows.data), rows_of<T>(output), output.columns);
    });
  });
  check(cudaGetLastError(), "dispatchRows");
}

void combine_rows(const Matrix& input, const ExpertGroups& groups, const Matrix& weights, const Matrix& output, bool accumulate) {
  const Choices choices = choices_of(groups, weights);
  with_width(reads_vectors(input) && reads_vectors(output), [&]<typename W>(W) {
    with_float_type(input.dtype, [&]<typename In>(In*) {
      with_float_type(output.dtype, [&]<typename Out>(Out*) {
        sum_slots<W::kValue, In, Out><<<static_cast<unsigned>(output.rows), kThreads, 0, Device::instance().stream>>>(
            rows_of<const In>(input), choices, rows_of<Out>(output), accumulate, output.columns);
      });
    });
  });
  check(cudaGetLastError(), "combineRows");
}

void combine_rows_backward(const Matrix& input, const ExpertGroups& groups, const Matrix& weights, const Matrix& output_gradient,
                           const Matrix& input_gradient, const Matrix& weights_gradient) {
  const Choices choices = choices_of(groups, weights);
  const dim3 grid(static_cast<unsigned>(output_gradient.rows), static_cast<unsigned>(groups.slots.columns));
  with_float_type(input.dtype, [&]<typename In>(In*) {
    with_float_type(output_gradient.dtype, [&]<typename Dy>(Dy*) {
      with_float_type(input_gradient.dtype, [&]<typename Dx>(Dx*) {
        slot_gradients<In, Dy, Dx><<<grid, kThreads, 0, Device::instance().stream>>>(
            rows_of<const In>(input), choices, rows_of<const Dy>(output_gradient), rows_of<Dx>(input_gradient),
            rows_of<float>(weights_gradient), input.columns);
      });
    });
  });
  check(cudaGetLastError(), "combineRowsBackward");
}

}  // namespace backend
}  // namespace elastic
