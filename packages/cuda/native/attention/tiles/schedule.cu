#include "attention/tiles/schedule.h"

namespace elastic {
namespace {

/** Keys and values that may stay in L2 while the tiles of a section read them, in bytes. */
constexpr int64_t kSectionBytes = 32 << 20;
constexpr int kThreads = 128;

__global__ void build_schedule(Schedule schedule, const SequenceEntry* sequences, HeadEntry* heads, int num_sequences,
                               int num_key_value_heads, int group, int row_bytes, int query_rows,
                               const DecisionEntry* decisions, int num_decisions) {
  extern __shared__ uint8_t types[];
  for (int i = threadIdx.x; i < num_decisions * num_key_value_heads; i += kThreads) {
    const DecisionEntry& decision = decisions[i / num_key_value_heads];
    const int head = i % num_key_value_heads;
    // The attention would read beyond its tables by an index that is none.
    const int choice = min(static_cast<int>(decision.choice[head]), decision.num_choices - 1);
    static_cast<PatternEntry&>(heads[decision.first_head + head]) = decision.choices[choice];
  }
  __syncthreads();
  const int total = num_sequences * num_key_value_heads;
  for (int i = threadIdx.x; i < total; i += kThreads) types[i] = static_cast<uint8_t>(heads[i].type);
  __syncthreads();
  if (threadIdx.x != 0) return;
  int work = 0, segments = 0, listed = 0;
  constexpr PatternType order[] = {PatternType::Full, PatternType::Threshold, PatternType::Selected, PatternType::Streaming, PatternType::Sliding};
  for (const PatternType type : order) {
    for (int sequence = 0; sequence < num_sequences; ++sequence) {
      const SequenceEntry& entry = sequences[sequence];
      if (entry.query_length == 0) continue;
      const int tiles = (entry.key_length + query_rows - 1) / query_rows - entry.offset() / query_rows;
      const int64_t head_bytes = int64_t{2} * entry.key_length * row_bytes;
      // A head that reads a window: neighbouring tiles share it.
      const bool windowed = type == PatternType::Streaming || type == PatternType::Sliding;
      const int section = windowed ? 1 : static_cast<int>(max(kSectionBytes / head_bytes, int64_t{1}));
      int in_section = 0;
      for (int head = 0; head < num_key_value_heads; ++head) {
        if (types[sequence * num_key_value_heads + head] != static_cast<uint8_t>(type)) continue;
        if (in_section == 0) {
          schedule.segments[segments++] = Segment{work, sequence, listed, 0};
        }
        schedule.heads[listed++] = head;
        ++schedule.segments[segments - 1].num_heads;
        work += tiles * group;
        in_section = in_section + 1 == section ? 0 : in_section + 1;
      }
    }
  }
  *schedule.num_segments = segments;
  *schedule.num_work = work;
  *schedule.next_work = 0;
}

}  // namespace

size_t schedule_bytes(int num_sequences, int num_key_value_heads) {
  const size_t heads = static_cast<size_t>(num_sequences) * num_key_value_heads;
  return heads * (sizeof(Segment) + sizeof(int32_t)) + 4 * sizeof(int32_t);
}

Schedule schedule_in(void* memory, int num_sequences, int num_key_value_heads) {
  const size_t heads = static_cast<size_t>(num_sequences) * num_key_value_heads;
  auto* segments = static_cast<Segment*>(memory);
  auto* order = reinterpret_cast<int32_t*>(segments + heads);
  return Schedule{segments, order, order + heads, order + heads + 1, order + heads + 2};
}

cudaError_t launch_schedule(Schedule schedule, const SequenceEntry* sequences, HeadEntry* heads, int num_sequences,
                            int num_key_value_heads, int group, int row_bytes, int query_rows,
                            const DecisionEntry* decisions, int num_decisions, cudaStream_t stream) {
  const size_t shared = static_cast<size_t>(num_sequences) * num_key_value_heads;
  build_schedule<<<1, kThreads, shared, stream>>>(schedule, sequences, heads, num_sequences, num_key_value_heads, group,
                                                  row_bytes, query_rows, decisions, num_decisions);
  return cudaGetLastError();
}

}  // namespace elastic
