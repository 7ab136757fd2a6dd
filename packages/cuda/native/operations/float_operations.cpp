// Row-wise operations: each is one launch.
#include "addon/operations.h"
#include "core/device/check.h"
#include "core/device/device.h"
#include "core/memory/staging.h"
#include "operations/row_kernels.h"

namespace elastic::backend {
namespace {

cudaStream_t stream() { return Device::instance().stream; }

}  // namespace

void rms_norm(const Matrix& input, const Matrix& weight, const Matrix& output, float epsilon) {
  launch_rms_norm(input, weight, output, epsilon, stream());
}

void head_norm(const Matrix& heads, const Matrix& weight, float epsilon) {
  launch_head_norm(heads, weight, epsilon, stream());
}

void rotary(const Matrix& heads, const Matrix& positions, const Matrix& cosine, const Matrix& sine, const Rotation& rotation) {
  launch_rotary(heads, positions, cosine, sine, rotation, stream());
}

void embedding(const Matrix& ids, const Matrix& table, const Matrix& output, float factor) {
  launch_embedding(ids, table, output, factor, stream());
}

void add(const Matrix& a, const Matrix& b, const Matrix& output, float factor) { launch_add(a, b, output, factor, stream()); }

void cast(const Matrix& input, const Matrix& output) { launch_cast(input, output, stream()); }

void copy_spans(const Matrix& source, const Matrix& destination, const std::vector<RowSpan>& spans) {
  std::vector<int32_t> triples;
  for (const RowSpan& span : spans) {
    for (const int64_t value : {span.from, span.to, span.rows}) triples.push_back(static_cast<int32_t>(value));
  }
  if (triples.empty()) return;
  const Scratch table(triples.size() * sizeof(int32_t));
  upload_small(table.data(), triples.data(), triples.size() * sizeof(int32_t), Device::instance().stream);
  launch_copy_spans(source, destination, reinterpret_cast<const int32_t*>(table.data()),
                    static_cast<int64_t>(spans.size()), stream());
}

}  // namespace elastic::backend
