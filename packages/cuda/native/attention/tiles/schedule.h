// The order in which the tiles of an attention call are processed.
#pragma once
#include <cuda_runtime_api.h>

#include "attention/tables/attention_tables.h"

namespace elastic {

/** Tiles of some heads of one sequence, processed from the last query tile to the first, head after head in each. */
struct Segment {
  /** Number of all tiles before this segment. */
  int32_t first_work;
  int32_t sequence;
  /** Range in `Schedule::heads`. */
  int32_t first_head;
  int32_t num_heads;
};

/**
 * Heads that read much come first (full, then selected), so that the short tiles of streaming heads fill the end,
 * where multiprocessors would wait for one another. Full heads go in sections whose keys and values fit in L2.
 */
struct Schedule {
  Segment* segments;
  /** Key-value heads by segment. */
  int32_t* heads;
  int32_t* num_segments;
  int32_t* num_work;
  /** The next tile to take; zero before the attention starts. */
  int32_t* next_work;
};

/** Key-value heads of all sequences of one schedule. */
constexpr int kMaxScheduledHeads = 32768;

/** Bytes of a schedule for so many heads in all sequences. */
size_t schedule_bytes(int num_sequences, int num_key_value_heads);
/** Lays a schedule out in memory of that size. */
Schedule schedule_in(void* memory, int num_sequences, int num_key_value_heads);
/** Gives heads the patterns that were decided for them, then fills a schedule of tiles of `query_rows` from the tables; on the device. */
cudaError_t launch_schedule(Schedule schedule, const SequenceEntry* sequences, HeadEntry* heads, int num_sequences,
                            int num_key_value_heads, int group, int row_bytes, int query_rows,
                            const DecisionEntry* decisions, int num_decisions, cudaStream_t stream);

}  // namespace elastic
