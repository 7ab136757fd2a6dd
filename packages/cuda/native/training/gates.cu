// The gates between both sides of attention.
#include "core/elements/block_sums.cuh"
#include "core/device/check.h"
#include "core/device/device.h"
#include "core/memory/staging.h"
#include "core/elements/elements.cuh"
#include "training/training_operations.h"

namespace elastic {
namespace {

constexpr int kThreads = 256;
/** Rows that one block sums or mixes. */
constexpr int64_t kPieceRows = 32;

/** Consecutive rows of one sequence. */
struct Piece {
  int32_t sequence;
  int32_t first;
  int32_t last;
};

/** The pieces of all sequences in device memory, and where each sequence's begin. */
struct Pieces {
  std::vector<Piece> host;
  /** One more than there are sequences. */
  std::vector<int32_t> starts;

  explicit Pieces(const std::vector<RowRange>& sequences) {
    for (std::size_t i = 0; i < sequences.size(); ++i) {
      starts.push_back(static_cast<int32_t>(host.size()));
      for (int64_t row = sequences[i].start; row < sequences[i].end; row += kPieceRows) {
        const int64_t last = row + kPieceRows < sequences[i].end ? row + kPieceRows : sequences[i].end;
        host.push_back({static_cast<int32_t>(i), static_cast<int32_t>(row), static_cast<int32_t>(last)});
      }
    }
    starts.push_back(static_cast<int32_t>(host.size()));
  }
};

/** A table in device memory for one call. */
template <typename T>
class Uploaded {
 public:
  explicit Uploaded(const std::vector<T>& values) : memory_(values.size() * sizeof(T)) {
    upload_small(memory_.data(), values.data(), values.size() * sizeof(T), Device::instance().stream);
  }
  const T* data() const { return reinterpret_cast<const T*>(memory_.data()); }

 private:
  Scratch memory_;
};

template <int width, typename T>
__global__ void __launch_bounds__(kThreads) mix_rows(const Piece* pieces, Rows<T> full, Rows<T> sparse, Rows<T> output, Rows<float> gates,
                                                     int64_t head_width, int64_t columns) {
  const Piece piece = pieces[blockIdx.x];
  const float* row_gates = gates[piece.sequence];
  const int64_t row_vectors = columns / width, total = (piece.last - piece.first) * row_vectors;
  for (int64_t index = threadIdx.x; index < total; index += kThreads) {
    const int64_t row = piece.first + index / row_vectors, column = index % row_vectors * width;
    const float gate = row_gates[column / head_width];
    // Whole gates copy, so that what is not chosen is not even read.
    if (gate == 1.0f || gate == 0.0f) {
      const auto* chosen = gate == 1.0f ? full[row] : sparse[row];
      *reinterpret_cast<Elements<width, T>*>(output[row] + column) = *reinterpret_cast<const Elements<width, T>*>(chosen + column);
      continue;
    }
    float a[width], b[width];
    load_floats(full[row] + column, a);
    load_floats(sparse[row] + column, b);
#pragma unroll
    for (int i = 0; i < width; ++i) a[i] = gate * a[i] + (1.0f - gate) * b[i];
    store_floats(output[row] + column, a);
  }
}

/** One head of one piece: partial[piece][head]. */
template <int width, typename T, typename Dy>
__global__ void __launch_bounds__(kThreads) gate_sums(const Piece* pieces, Rows<T> full, Rows<T> sparse, Rows<Dy> output_gradient,
                                                      float* partial, int64_t head_width) {
  const Piece piece = pieces[blockIdx.x];
  const int64_t first = blockIdx.y * head_width, head_vectors = head_width / width;
  const int64_t total = (piece.last - piece.first) * head_vectors;
  float sum = 0;
  for (int64_t index = threadIdx.x; index < total; index += kThreads) {
    const int64_t row = piece.first + index / head_vectors, column = first + index % head_vectors * width;
    float a[width], b[width], d[width];
    load_floats(full[row] + column, a);
    load_floats(sparse[row] + column, b);
    load_floats(output_gradient[row] + column, d);
#pragma unroll
    for (int i = 0; i < width; ++i) sum += d[i] * (a[i] - b[i]);
  }
  sum = block_sum(sum);
  if (threadIdx.x == 0) partial[static_cast<int64_t>(blockIdx.x) * gridDim.y + blockIdx.y] = sum;
}

/** A warp for each sequence and head adds its pieces in an order that does not change. */
__global__ void __launch_bounds__(kThreads) add_pieces(const int32_t* starts, const float* partial, Rows<float> gates, int heads, int total) {
  const int index = static_cast<int>((blockIdx.x * kThreads + threadIdx.x) / 32), lane = threadIdx.x % 32;
  if (index >= total) return;
  const int sequence = index / heads, head = index % heads;
  double sum = 0;
  for (int piece = starts[sequence] + lane; piece < starts[sequence + 1]; piece += 32) sum += partial[static_cast<int64_t>(piece) * heads + head];
#pragma unroll
  for (int step = 16; step > 0; step /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, step);
  if (lane == 0) gates[sequence][head] = static_cast<float>(sum);
}

bool wide_heads(const GatedOutputs& outputs, const Matrix& other) {
  return outputs.head_width % kVectorWidth == 0 && reads_vectors(outputs.full) && reads_vectors(outputs.sparse) && reads_vectors(other);
}

}  // namespace

void backend::gate_mix(const GatedOutputs& outputs, const Matrix& output) {
  const Pieces pieces(outputs.sequences);
  if (pieces.host.empty() || output.columns == 0) return;
  const Uploaded<Piece> table(pieces.host);
  with_float_type(output.dtype, [&]<typename T>(T*) {
    with_width(wide_heads(outputs, output), [&]<typename W>(W) {
      mix_rows<W::kValue><<<static_cast<unsigned>(pieces.host.size()), kThreads, 0, Device::instance().stream>>>(
          table.data(), rows_of<T>(outputs.full), rows_of<T>(outputs.sparse), rows_of<T>(output),
          rows_of<float>(outputs.gates), outputs.head_width, output.columns);
    });
  });
  check(cudaGetLastError(), "gateMix");
}

void backend::gate_gradient(const GatedOutputs& outputs, const Matrix& output_gradient) {
  const cudaStream_t stream = Device::instance().stream;
  const Pieces pieces(outputs.sequences);
  const int64_t heads = outputs.gates.columns, total = outputs.gates.rows * heads;
  if (total == 0) return;
  const Uploaded<int32_t> starts(pieces.starts);
  const Scratch partial((pieces.host.size() * static_cast<size_t>(heads) + 1) * sizeof(float));
  if (!pieces.host.empty()) {
    const Uploaded<Piece> table(pieces.host);
    const dim3 grid(static_cast<unsigned>(pieces.host.size()), static_cast<unsigned>(heads));
    with_float_type(outputs.full.dtype, [&]<typename T>(T*) {
      with_float_type(output_gradient.dtype, [&]<typename Dy>(Dy*) {
        with_width(wide_heads(outputs, output_gradient), [&]<typename W>(W) {
          gate_sums<W::kValue><<<grid, kThreads, 0, stream>>>(
              table.data(), rows_of<T>(outputs.full), rows_of<T>(outputs.sparse),
              rows_of<Dy>(output_gradient), reinterpret_cast<float*>(partial.data()), outputs.head_width);
        });
      });
    });
    check(cudaGetLastError(), "gateGradient");
  }
  add_pieces<<<static_cast<unsigned>((total * 32 + kThreads - 1) / kThreads), kThreads, 0, stream>>>(
      starts.data(), reinterpret_cast<const float*>(partial.data()), rows_of<float>(outputs.gates),
      static_cast<int>(heads), static_cast<int>(total));
  check(cudaGetLastError(), "gateGradient");
}

}  // namespace elastic
