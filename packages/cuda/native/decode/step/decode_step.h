// A decode step whose batch is described by tables in fixed device memory, so that a captured graph can be replayed.
#pragma once
#include "addon/values/numeric.h"
#include "decode/attention/decode_attention.h"

namespace elastic {

/** The tables of a batch of `slots` tokens over all layers; an empty slot has length 0. */
struct DecodeBatch {
  /** I32 [slots]: tokens that each token sees, itself included. */
  const int32_t* lengths;
  /** [slots, layers, key-value heads]. */
  const HeadEntry* heads;
  /** The pool of all caches: rows of keys and values, and the page tables. */
  void* keys;
  void* values;
  int32_t pool_rows;
  int32_t page_shift;
  const int32_t* pages;
  int32_t slots;
  int32_t layers;
  int32_t key_value_heads;
  /** Tokens of one sequence that are attended together at most. */
  int32_t most_tokens;
  /** Of a rounded pool (`rounded_rows.h`) head_dim, else 0. */
  int32_t rounded_head_dim;
  /** What the plan of the step is written to, of `decode_plan_bytes`. */
  char* plan;

  __host__ __device__ SequenceEntry* sequences() const { return reinterpret_cast<SequenceEntry*>(plan); }
  DecodeShare* shares(int layer, int multiprocessors) const;
  DecodeItem* items(int layer, int multiprocessors) const;
  __host__ __device__ const HeadEntry* layer_heads(int layer) const { return heads + static_cast<int64_t>(layer) * key_value_heads; }
  __host__ __device__ int32_t head_stride() const { return layers * key_value_heads; }
};

int64_t decode_plan_bytes(int64_t slots, int64_t layers, int64_t key_value_heads, int multiprocessors);
/** Shares the keys of every layer out, from the lengths as they are when the kernel runs. */
void launch_decode_plan(const DecodeBatch& batch, int multiprocessors, cudaStream_t stream);

/** Angles of rotation: F32 [rows, turned / 2] each. */
struct DecodeAngles {
  Matrix cosine;
  Matrix sine;
};

/** How queries and keys turn: the first elements of a head, as many as the tables have angles for. */
struct DecodeRotation {
  /** Elements that turn together: i with i + turned / 2, or neighbours. */
  bool neighbours;
  /** A token turns by the row of its slot, not by that of its position. */
  bool by_slot;
  DecodeAngles query;
  DecodeAngles key;
  /** Half of the elements that turn; 0 in a layer without positions. */
  int32_t turned_pairs;
};

/** Norm and rotation of queries and keys, and the new row of each cache. */
struct DecodePreparation {
  /** [slots, (query heads + 2 · key-value heads) · head_dim]: queries are changed in place. */
  Matrix query_key_value;
  /** F32 [head_dim], or no data. */
  Matrix query_norm;
  Matrix key_norm;
  float epsilon;
  DecodeRotation rotation;
  int32_t query_heads;
  int32_t head_dim;
};

void launch_decode_preparation(const DecodeBatch& batch, int layer, const DecodePreparation& call, cudaStream_t stream);

}  // namespace elastic
