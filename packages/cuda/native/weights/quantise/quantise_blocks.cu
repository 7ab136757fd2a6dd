#include "weights/quantise/quantise_blocks.h"

#include <stdexcept>

#include "core/device/check.h"
#include "core/elements/floats.cuh"

namespace elastic::weights {
namespace {

constexpr int kThreads = 128;

/** As JavaScript rounds: halves go up. */
__device__ inline double rounded(double value) { return floor(value + 0.5); }

__device__ inline int clamped(double value, double least, double most) { return static_cast<int>(fmax(least, fmin(most, rounded(value)))); }

__device__ inline uint16_t half_pattern(double value) { return __half_as_ushort(__float2half_rn(static_cast<float>(value))); }

__device__ inline double half_value(uint16_t pattern) { return __half2float(__ushort_as_half(pattern)); }

__device__ inline void write_half(uint8_t* target, uint16_t pattern) {
  target[0] = static_cast<uint8_t>(pattern);
  target[1] = static_cast<uint8_t>(pattern >> 8);
}

/** A thread for a block of 32. */
template <typename In>
__global__ void __launch_bounds__(kThreads) quantise_q8_0(Rows<const In> input, int64_t blocks_of_row, int64_t total, uint8_t* target) {
  const int64_t index = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (index >= total) return;
  const In* values = input[index / blocks_of_row] + index % blocks_of_row * 32;
  float largest = 0;
  for (int i = 0; i < 32; ++i) largest = fmaxf(largest, fabsf(to_float(values[i])));
  const uint16_t pattern = half_pattern(largest / 127.0);
  const double scale = half_value(pattern), inverse = scale == 0 ? 0 : 1 / scale;
  uint8_t* block = target + index * 34;
  write_half(block, pattern);
  for (int i = 0; i < 32; ++i) block[2 + i] = static_cast<uint8_t>(clamped(to_float(values[i]) * inverse, -127, 127));
}

__device__ inline int nibble(double value) { return clamped(value, 0, 15); }

/** The scale and the minimum, not negative, of 32 values. */
struct Fit {
  double scale;
  double minimum;
};

template <typename In>
__device__ inline double squared_error(const In* values, const Fit& fit) {
  const double inverse = 1 / fit.scale;
  double error = 0;
  for (int i = 0; i < 32; ++i) {
    const double value = to_float(values[i]);
    const double difference = nibble((value + fit.minimum) * inverse) * fit.scale - fit.minimum - value;
    error += difference * difference;
  }
  return error;
}

/** Of a few parts of the range of the values, each fitted by least squares, the one that leaves the smallest error. */
template <typename In>
__device__ inline Fit fit_group(const In* values) {
  double low = 0, high = -INFINITY;
  for (int i = 0; i < 32; ++i) {
    low = fmin(low, static_cast<double>(to_float(values[i])));
    high = fmax(high, static_cast<double>(to_float(values[i])));
  }
  Fit best{fmax(0.0, high - low) / 15, -low};
  if (best.scale == 0) return best;
  double least = INFINITY;
  const double range = high - low;
  constexpr double kNarrowings[] = {1, 0.95, 0.9, 0.85};
  for (int candidate = 0; candidate < 4; ++candidate) {
    const double narrowing = kNarrowings[candidate];
    const double inverse = 15 / (range * narrowing), start = low + (range * (1 - narrowing)) / 2;
    double sum = 0, squares = 0, products = 0, total = 0;
    for (int i = 0; i < 32; ++i) {
      const double value = to_float(values[i]);
      const double integer = nibble((value - start) * inverse);
      sum += integer;
      squares += integer * integer;
      products += integer * value;
      total += value;
    }
    const double determinant = 32 * squares - sum * sum;
    if (determinant == 0) continue;
    Fit fit{(32 * products - sum * total) / determinant, (sum * products - squares * total) / determinant};
    if (fit.minimum < 0) fit = {products / squares, 0};
    if (!(fit.scale > 0)) continue;
    const double error = squared_error(values, fit);
    if (error < least) {
      least = error;
      best = fit;
    }
  }
  return best;
}

/** The largest of eight neighbouring lanes. */
__device__ inline double largest_of_eight(double value) {
  for (int step = 1; step < 8; step *= 2) value = fmax(value, __shfl_xor_sync(0xffffffffu, value, step));
  return value;
}

__device__ inline int six_bits(double value, double unit) { return unit == 0 ? 0 : clamped(value / unit, 0, 63); }

/** The 12 bytes of six bits of scale and of minimum of each of eight groups. */
__device__ inline void write_six_bits(uint8_t* bytes, const int (&scales)[8], const int (&minimums)[8]) {
  for (int group = 0; group < 4; ++group) {
    const int scale = scales[group + 4], minimum = minimums[group + 4];
    bytes[group] = static_cast<uint8_t>(scales[group] | (scale >> 4) << 6);
    bytes[4 + group] = static_cast<uint8_t>(minimums[group] | (minimum >> 4) << 6);
    bytes[8 + group] = static_cast<uint8_t>((scale & 15) | (minimum & 15) << 4);
  }
}

/** Spreads four nibbles to the low halves of four bytes. */
__device__ inline uint32_t spread(uint32_t nibbles) {
  return (nibbles & 0xfu) | (nibbles & 0xf0u) << 4 | (nibbles & 0xf00u) << 8 | (nibbles & 0xf000u) << 12;
}

/** Eight lanes for a block of 256, a group each. */
template <typename In>
__global__ void __launch_bounds__(kThreads) quantise_q4_k(Rows<const In> input, int64_t blocks_of_row, int64_t total, uint8_t* target) {
  const int64_t index = (static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x) / 8;
  const bool there = index < total;
  const int64_t block = there ? index : total - 1;
  const int group = threadIdx.x % 8;
  const In* values = input[block / blocks_of_row] + block % blocks_of_row * 256 + group * 32;
  const Fit fit = fit_group(values);
  const uint16_t scale_pattern = half_pattern(largest_of_eight(fit.scale) / 63), minimum_pattern = half_pattern(largest_of_eight(fit.minimum) / 63);
  const double scale = half_value(scale_pattern), minimum = half_value(minimum_pattern);
  const int scale_bits = six_bits(fit.scale, scale), minimum_bits = six_bits(fit.minimum, minimum);
  const double group_scale = scale * scale_bits, group_minimum = minimum * minimum_bits, inverse = group_scale == 0 ? 0 : 1 / group_scale;
  uint32_t nibbles[4];
  for (int word = 0; word < 4; ++word) {
    nibbles[word] = 0;
    for (int i = 0; i < 8; ++i) nibbles[word] |= static_cast<uint32_t>(nibble((to_float(values[8 * word + i]) + group_minimum) * inverse)) << (4 * i);
  }
  uint8_t* to = target + block * 144;
  // Of two groups that share bytes the first lane writes both.
  for (int word = 0; word < 4; ++word) {
    const uint32_t others = __shfl_down_sync(0xffffffffu, nibbles[word], 1);
    if (!there || group % 2 != 0) continue;
    auto* words = reinterpret_cast<uint32_t*>(to + 16 + group / 2 * 32) + 2 * word;
    words[0] = spread(nibbles[word] & 0xffffu) | spread(others & 0xffffu) << 4;
    words[1] = spread(nibbles[word] >> 16) | spread(others >> 16) << 4;
  }
  int scales[8], minimums[8];
  for (int i = 0; i < 8; ++i) {
    scales[i] = __shfl_sync(0xffffffffu, scale_bits, i, 8);
    minimums[i] = __shfl_sync(0xffffffffu, minimum_bits, i, 8);
  }
  if (!there || group != 0) return;
  write_half(to, scale_pattern);
  write_half(to + 2, minimum_pattern);
  write_six_bits(to + 4, scales, minimums);
}

unsigned blocks_for(int64_t threads) { return static_cast<unsigned>((threads + kThreads - 1) / kThreads); }

}  // namespace

void quantise_blocks(const Matrix& input, WeightFormat format, char* blocks, cudaStream_t stream) {
  if (input.rows == 0) return;
  auto* target = reinterpret_cast<uint8_t*>(blocks);
  with_float_type(input.dtype, [&]<typename In>(In*) {
    const Rows<const In> rows{reinterpret_cast<const In*>(input.data), input.row_stride};
    if (format == WeightFormat::Q8_0) {
      const int64_t of_row = input.columns / 32, total = input.rows * of_row;
      quantise_q8_0<<<blocks_for(total), kThreads, 0, stream>>>(rows, of_row, total, target);
    } else if (format == WeightFormat::Q4_K) {
      const int64_t of_row = input.columns / 256, total = input.rows * of_row;
      quantise_q4_k<<<blocks_for(8 * total), kThreads, 0, stream>>>(rows, of_row, total, target);
    } else {
      throw std::logic_error("floats are not rounded to this format");
    }
  });
  check(cudaGetLastError(), "quantising of weights");
}

}  // namespace elastic::weights
