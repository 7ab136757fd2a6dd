#include "decode/step/decode_call.h"

#include <cstring>

#include "attention/tables/attention_entries.h"
#include "core/device/check.h"
#include "core/device/device.h"
#include "core/memory/staging.h"
#include "decode/attention/decode_attention.h"

namespace elastic {
namespace {

/** Copies a table behind those before it; its place. */
template <typename Entry>
size_t append_table(std::vector<char>& tables, const std::vector<Entry>& entries) {
  const size_t place = (tables.size() + 15) / 16 * 16, bytes = entries.size() * sizeof(Entry);
  tables.resize(place + bytes);
  std::memcpy(tables.data() + place, entries.data(), bytes);
  return place;
}

struct Shares {
  std::vector<DecodeShare> blocks;
  std::vector<DecodeItem> items;
};

Shares share_out(const std::vector<SequenceEntry>& sequences, const std::vector<HeadEntry>& heads, int multiprocessors) {
  const size_t per_sequence = heads.size() / sequences.size();
  std::vector<int64_t> first{0};
  for (size_t item = 0; item < heads.size(); ++item) {
    first.push_back(first.back() + item_work(KeyUnits(heads[item], sequences[item / per_sequence].key_length, 1).count));
  }
  const int64_t work = first.back();
  const int blocks = decode_blocks(work, multiprocessors), items = static_cast<int>(heads.size());
  Shares shares;
  for (size_t item = 0; item < heads.size(); ++item) shares.items.push_back(decode_item(work, first[item], first[item + 1], blocks));
  size_t item = 0;
  for (int block = 0; block < blocks; ++block) {
    while (first[item + 1] <= share_start(work, block, blocks)) ++item;
    shares.blocks.push_back(decode_share(first.data(), items, static_cast<int>(item), block, blocks));
  }
  return shares;
}

}  // namespace

bool decode_serves(const AttentionCall& call, const AttentionSequence& sequence) {
  const bool half = call.query.dtype == DType::BF16 || call.query.dtype == DType::F16;
  if (Device::instance().capability != 90 || !half || !forward_sm90_has(static_cast<int>(call.head_dim))) return false;
  if (sequence.length != 1 || call.output.dtype != call.query.dtype || sequence.keys.dtype != call.query.dtype) return false;
  if (!aligned_rows(call.query) || !aligned_rows(call.output)) return false;
  if (!aligned_rows(sequence.keys) || !aligned_rows(sequence.values)) return false;
  if (sequence.keys.row_stride != call.head_dim || sequence.values.row_stride != call.head_dim) return false;
  const auto heads = static_cast<int64_t>(sequence.patterns.size());
  if (call.num_query_heads / heads > kMostGroup) return false;
  for (size_t head = 0; head < sequence.patterns.size(); ++head) {
    const HeadStore& store = sequence.stores[head];
    if (sequence.patterns[head].type == HeadPattern::Type::Selected) return false;
    if (store.ring_tokens % kUnitKeys != 0 || store.sink_tokens % kUnitKeys != 0) return false;
  }
  return true;
}

void run_decode(const AttentionCall& call, const std::vector<const AttentionSequence*>& all) {
  const Device& device = Device::instance();
  const size_t most = DecodeMemory::kMostItems / all.front()->patterns.size();
  for (size_t begin = 0; begin < all.size(); begin += most) {
    std::vector<SequenceEntry> sequences;
    std::vector<HeadEntry> heads;
    for (size_t i = begin; i < std::min(all.size(), begin + most); ++i) {
      sequences.push_back(sequence_entry(*all[i]));
      append_head_entries(*all[i], heads);
    }
    const Shares shares = share_out(sequences, heads, device.multiprocessors);
    std::vector<char> tables;
    const size_t sequence_place = append_table(tables, sequences), head_place = append_table(tables, heads);
    const size_t share_place = append_table(tables, shares.blocks), item_place = append_table(tables, shares.items);
    const Scratch memory(tables.size());
    upload_small(memory.data(), tables.data(), tables.size(), device.stream);
    DecodeAttention decode{};
    decode.query = call.query.data;
    decode.query_stride = call.query.row_stride;
    decode.output = call.output.data;
    decode.output_stride = call.output.row_stride;
    decode.log_sum_exp = reinterpret_cast<float*>(call.log_sum_exp.data);
    decode.sequences = reinterpret_cast<const SequenceEntry*>(memory.data() + sequence_place);
    decode.heads = reinterpret_cast<const HeadEntry*>(memory.data() + head_place);
    decode.shares = reinterpret_cast<const DecodeShare*>(memory.data() + share_place);
    decode.items = reinterpret_cast<const DecodeItem*>(memory.data() + item_place);
    decode.num_query_heads = static_cast<int32_t>(call.num_query_heads);
    decode.num_key_value_heads = static_cast<int32_t>(all.front()->patterns.size());
    decode.head_stride = decode.num_key_value_heads;
    decode.most_tokens = 1;
    decode.scores = score_terms(call);
    decode.partial = DecodeMemory::instance().partial;
    decode.arrived = DecodeMemory::instance().arrived;
    const HalfType type = call.query.dtype == DType::BF16 ? HalfType::BFloat16 : HalfType::Float16;
    check(launch_decode_attention(decode, static_cast<int>(call.head_dim), type, static_cast<int>(shares.blocks.size()), device.stream),
          "decode attention");
  }
}

}  // namespace elastic
