// The gates between both sides of attention, and rows on their way back from a cache.
#include <algorithm>

#include "core/thread_pool.h"
#include "floats/gradients/gradient_table.h"
#include "floats/kernel_table.h"
#include "training/training_operations.h"

namespace elastic::backend {
namespace {

/** Rows that one sum covers: the same pieces, and so the same result, on any number of threads. */
constexpr int64_t kPieceRows = 64;

/** Consecutive rows of one sequence. */
struct Piece {
  int64_t sequence;
  int64_t first;
  int64_t last;
};

std::vector<Piece> pieces_of(const std::vector<RowRange>& sequences) {
  std::vector<Piece> pieces;
  for (std::size_t i = 0; i < sequences.size(); ++i) {
    for (int64_t row = sequences[i].start; row < sequences[i].end; row += kPieceRows) {
      pieces.push_back({static_cast<int64_t>(i), row, std::min(row + kPieceRows, sequences[i].end)});
    }
  }
  return pieces;
}

}  // namespace

void gate_mix(const GatedOutputs& outputs, const Matrix& output) {
  const GradientKernels& kernels = gradient_kernels();
  const std::vector<Piece> pieces = pieces_of(outputs.sequences);
  const int64_t bytes = outputs.head_width * byte_size(output.dtype);
  parallel_for(static_cast<int64_t>(pieces.size()), [&](int64_t index) {
    const Piece& piece = pieces[static_cast<std::size_t>(index)];
    const float* gates = outputs.gates.floats(piece.sequence);
    for (int64_t row = piece.first; row < piece.last; ++row) {
      for (int64_t head = 0; head < outputs.gates.columns; ++head) {
        const int64_t at = head * bytes;
        kernels.mix(outputs.full.row(row) + at, outputs.sparse.row(row) + at, output.row(row) + at, output.dtype, gates[head],
                    outputs.head_width);
      }
    }
  });
}

void gate_gradient(const GatedOutputs& outputs, const Matrix& output_gradient) {
  const GradientKernels& kernels = gradient_kernels();
  const std::vector<Piece> pieces = pieces_of(outputs.sequences);
  const int64_t heads = outputs.gates.columns, width = outputs.head_width;
  const int64_t bytes = width * byte_size(outputs.full.dtype), gradient_bytes = width * byte_size(output_gradient.dtype);
  std::vector<double> sums(pieces.size() * static_cast<std::size_t>(heads));
  parallel_for(static_cast<int64_t>(pieces.size()), [&](int64_t index) {
    const Piece& piece = pieces[static_cast<std::size_t>(index)];
    for (int64_t head = 0; head < heads; ++head) {
      double sum = 0;
      for (int64_t row = piece.first; row < piece.last; ++row) {
        const char* gradient = output_gradient.row(row) + head * gradient_bytes;
        sum += kernels.mix_gradient(outputs.full.row(row) + head * bytes, outputs.sparse.row(row) + head * bytes,
                                    outputs.full.dtype, gradient, output_gradient.dtype, width);
      }
      sums[static_cast<std::size_t>(index * heads + head)] = sum;
    }
  });
  std::vector<double> totals(outputs.sequences.size() * static_cast<std::size_t>(heads), 0.0);
  for (std::size_t i = 0; i < sums.size(); ++i) {
    const auto head = static_cast<int64_t>(i) % heads;
    totals[static_cast<std::size_t>(pieces[i / static_cast<std::size_t>(heads)].sequence * heads + head)] += sums[i];
  }
  for (int64_t sequence = 0; sequence < outputs.gates.rows; ++sequence) {
    for (int64_t head = 0; head < heads; ++head) {
      outputs.gates.floats(sequence)[head] = static_cast<float>(totals[static_cast<std::size_t>(sequence * heads + head)]);
    }
  }
}

void cache_gather(const CacheGather& gather) {
  const Matrix &source = gather.source, &target = gather.target;
  const int64_t head_dim = source.columns, bytes = head_dim * byte_size(target.dtype);
  const FloatKernels& kernels = float_kernels();
  parallel_rows(target.rows, kPieceRows, [&](int64_t first, int64_t last) {
    for (std::size_t head = 0; head < gather.stores.size(); ++head) {
      for (int64_t token = first; token < last; ++token) {
        const char* row = source.row(gather.stores[head].slot(gather.position + token));
        kernels.convert(row, source.dtype, target.row(token) + static_cast<int64_t>(head) * bytes, target.dtype, head_dim);
      }
    }
  });
}

}  // namespace elastic::backend
