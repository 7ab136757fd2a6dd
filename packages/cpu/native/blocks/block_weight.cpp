#include "blocks/block_weight.h"

#include <cstring>
#include <stdexcept>

namespace elastic {
namespace {

constexpr int64_t kLine = 64;

int64_t header_bytes(int64_t parts) {
  return (static_cast<int64_t>(sizeof(int64_t)) + parts * static_cast<int64_t>(sizeof(PartEntry)) + kLine - 1) / kLine * kLine;
}

}  // namespace

BlockWeight BlockWeight::of(const std::vector<PartEntry>& entries, int64_t inputs, char* buffer) {
  BlockWeight weight;
  weight.inputs = inputs;
  for (const PartEntry& entry : entries) {
    const auto format = static_cast<BlockFormat>(entry.format);
    if (!weight.parts.empty() && weight.parts.back().format == format) {
      weight.parts.back().outputs += entry.outputs;
    } else {
      weight.parts.push_back({format, entry.outputs, inputs, weight.outputs, nullptr});
    }
    weight.outputs += entry.outputs;
  }
  if (buffer == nullptr) return weight;
  char* data = buffer + header_bytes(static_cast<int64_t>(weight.parts.size()));
  for (BlockPart& part : weight.parts) {
    part.data = data;
    data += part.bytes();
  }
  return weight;
}

BlockWeight BlockWeight::in(char* buffer, int64_t bytes, int64_t outputs, int64_t inputs) {
  int64_t count = 0;
  if (bytes >= kLine) std::memcpy(&count, buffer, sizeof(count));
  if (count < 0 || count > bytes / static_cast<int64_t>(sizeof(PartEntry)) || header_bytes(count) > bytes) throw std::range_error("the buffer holds no weight in blocks");
  std::vector<PartEntry> entries(static_cast<std::size_t>(count));
  if (count > 0) std::memcpy(entries.data(), buffer + sizeof(count), entries.size() * sizeof(PartEntry));
  BlockWeight weight = of(entries, inputs, buffer);
  if (weight.outputs != outputs || weight.bytes() != bytes) throw std::range_error("the weight's buffer has another size");
  return weight;
}

int64_t BlockWeight::bytes() const {
  int64_t bytes = header_bytes(static_cast<int64_t>(parts.size()));
  for (const BlockPart& part : parts) bytes += part.bytes();
  return bytes;
}

void BlockWeight::write_entries(char* buffer) const {
  const auto count = static_cast<int64_t>(parts.size());
  std::memset(buffer, 0, static_cast<std::size_t>(header_bytes(count)));
  std::memcpy(buffer, &count, sizeof(count));
  for (int64_t i = 0; i < count; ++i) {
    const BlockPart& part = parts[static_cast<std::size_t>(i)];
    const PartEntry entry{static_cast<int64_t>(part.format), part.outputs};
    std::memcpy(buffer + sizeof(count) + i * static_cast<int64_t>(sizeof(entry)), &entry, sizeof(entry));
  }
}

int64_t BlockWeight::panels() const {
  int64_t count = 0;
  for (const BlockPart& part : parts) count += part.panels();
  return count;
}

}  // namespace elastic
