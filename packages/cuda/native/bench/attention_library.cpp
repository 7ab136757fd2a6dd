// C functions over the kernels, for the benchmark that runs them beside PyTorch in one process.
#include <cstdio>
#include <memory>
#include <stdexcept>

#include "attention/backward/backward_call.h"
#include "attention/forward/forward_call.h"
#include "core/device/capability.h"
#include "core/device/check.h"

#define EXPORT extern "C" __attribute__((visibility("default")))

namespace {

struct Prepared {
  elastic::ForwardCall call;
  void* workspace = nullptr;
  int multiprocessors = 0;
  int capability = 0;
  ~Prepared() { cudaFree(workspace); }
};

struct PreparedBackward {
  elastic::BackwardCall call;
  std::unique_ptr<elastic::BackwardLayout> layout;
  void* workspace = nullptr;
  int multiprocessors = 0;
  ~PreparedBackward() { cudaFree(workspace); }
};

/** Sequences of key and value caches [numKeyValueHeads, capacity, headDim]; see the functions below. */
template <typename Call>
void read_sequences(Call& call, int num_sequences, const void* const* keys, const void* const* values,
                    const void* const* masks, const int32_t* lengths, const int32_t* patterns) {
  int start = 0;
  for (int i = 0; i < num_sequences; ++i) {
    const int query_length = lengths[3 * i], key_length = lengths[3 * i + 1], capacity = lengths[3 * i + 2];
    const int blocks = (key_length + 127) / 128, first = (key_length - query_length) / 128;
    const elastic::SequenceEntry entry{keys[i], values[i], static_cast<const uint8_t*>(masks[i]), start, query_length, key_length,
                                       blocks - first, blocks, capacity * call.num_key_value_heads, 0, 0, nullptr};
    if constexpr (requires { call.add(entry); }) {
      if (!call.add(entry)) throw std::invalid_argument("one launch does not take so many sequences");
    } else {
      call.sequences.push_back(entry);
    }
    start += query_length;
    for (int head = 0; head < call.num_key_value_heads; ++head) {
      const int32_t* p = patterns + 4 * (i * call.num_key_value_heads + head);
      call.heads.push_back({{static_cast<elastic::PatternType>(p[0]), p[1], p[2], p[3]}, head * capacity, capacity, 0, 0});
    }
  }
}

int device_attribute(cudaDeviceAttr attribute) {
  int device = 0, value = 0;
  elastic::check(cudaGetDevice(&device), "cudaGetDevice");
  elastic::check(cudaDeviceGetAttribute(&value, attribute, device), "attribute");
  return value;
}

elastic::Matrix matrix(void* data, int64_t rows, int64_t columns, int64_t stride, int type) {
  return {static_cast<char*>(data), rows, columns, stride, static_cast<elastic::DType>(type)};
}

}  // namespace

/**
 * Prepares a call on sequences of key and value caches [numKeyValueHeads, capacity, headDim] each; `patterns` holds
 * type, sink, local and block size of every head of every sequence, `lengths` query length, key length and capacity.
 */
EXPORT void* elastic_forward_create(const void* query, int64_t query_stride, int64_t tokens, void* output,
                                    int64_t output_stride, float* lse, void* sparse_output, float* sparse_lse,
                                    int num_query_heads, int num_key_value_heads, int head_dim, int type, float scale,
                                    int num_sequences, const void* const* keys, const void* const* values,
                                    const void* const* masks, const int32_t* lengths, const int32_t* patterns) try {
  auto prepared = std::make_unique<Prepared>();
  auto& call = prepared->call;
  call = {query,      query_stride,    tokens,     output,   output_stride,
          lse,        sparse_output,   sparse_lse, num_query_heads, num_key_value_heads,
          head_dim,   static_cast<elastic::HalfType>(type), elastic::score_terms(scale, 0, nullptr),  {}, {}, {}, {}};
  read_sequences(call, num_sequences, keys, values, masks, lengths, patterns);
  prepared->multiprocessors = device_attribute(cudaDevAttrMultiProcessorCount);
  prepared->capability = elastic::limited_capability(10 * device_attribute(cudaDevAttrComputeCapabilityMajor) +
                                                     device_attribute(cudaDevAttrComputeCapabilityMinor));
  elastic::check(cudaMalloc(&prepared->workspace, elastic::forward_workspace_bytes(call)), "cudaMalloc");
  std::vector<char> tables(elastic::forward_table_bytes(call));
  elastic::write_forward_tables(call, tables.data());
  elastic::check(cudaMemcpy(prepared->workspace, tables.data(), tables.size(), cudaMemcpyHostToDevice), "cudaMemcpy");
  return prepared.release();
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return nullptr;
}

EXPORT int elastic_forward_run(void* prepared, cudaStream_t stream) try {
  auto* p = static_cast<Prepared*>(prepared);
  elastic::run_forward(p->call, p->workspace, p->capability, p->multiprocessors, stream);
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}

EXPORT void elastic_forward_destroy(void* prepared) { delete static_cast<Prepared*>(prepared); }

/**
 * Prepares a backward call: tensors are [tokens, numQueryHeads * headDim] with their row strides in `strides` (query,
 * output, output gradient, query gradient), gradients of keys and values are laid out like the caches. Types of gradients
 * are 0 f32, 1 bf16, 2 f16.
 */
EXPORT void* elastic_backward_create(void* query, void* output, void* output_gradient, void* query_gradient, float* lse,
                                     const int64_t* strides, int64_t tokens, int num_query_heads, int num_key_value_heads,
                                     int head_dim, int type, int gradient_type, float scale, int accumulate,
                                     int deterministic, int num_sequences, const void* const* keys,
                                     const void* const* values, void* const* key_gradients, void* const* value_gradients,
                                     const void* const* masks, const int32_t* lengths, const int32_t* patterns) try {
  auto prepared = std::make_unique<PreparedBackward>();
  auto& call = prepared->call;
  const int element = type + 1;
  const int64_t width = int64_t{num_query_heads} * head_dim;
  call.query = matrix(query, tokens, width, strides[0], element);
  call.rows = {matrix(output, tokens, width, strides[1], element), matrix(output_gradient, tokens, width, strides[2], element),
               matrix(query_gradient, tokens, width, strides[3], gradient_type),
               matrix(lse, tokens, num_query_heads, num_query_heads, 0), num_sequences};
  call.num_query_heads = num_query_heads;
  call.num_key_value_heads = num_key_value_heads;
  call.head_dim = head_dim;
  call.type = static_cast<elastic::HalfType>(type);
  call.scale = scale;
  call.accumulate = accumulate != 0;
  call.deterministic = deterministic != 0;
  read_sequences(call, num_sequences, keys, values, masks, lengths, patterns);
  for (int i = 0; i < num_sequences; ++i) {
    const int64_t slots = call.sequences[static_cast<size_t>(i)].num_slots;
    call.gradients.push_back({matrix(key_gradients[i], slots, head_dim, head_dim, gradient_type),
                              matrix(value_gradients[i], slots, head_dim, head_dim, gradient_type)});
  }
  prepared->layout = std::make_unique<elastic::BackwardLayout>(call);
  prepared->multiprocessors = device_attribute(cudaDevAttrMultiProcessorCount);
  elastic::check(cudaMalloc(&prepared->workspace, prepared->layout->bytes), "cudaMalloc");
  std::vector<char> tables(prepared->layout->table_bytes);
  elastic::write_backward_tables(call, *prepared->layout, tables.data());
  elastic::check(cudaMemcpy(prepared->workspace, tables.data(), tables.size(), cudaMemcpyHostToDevice), "cudaMemcpy");
  return prepared.release();
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return nullptr;
}

EXPORT int elastic_backward_run(void* prepared, cudaStream_t stream) try {
  auto* p = static_cast<PreparedBackward*>(prepared);
  elastic::run_backward_sm90(p->call, *p->layout, p->workspace, p->multiprocessors, stream);
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}

EXPORT void elastic_backward_destroy(void* prepared) { delete static_cast<PreparedBackward*>(prepared); }
