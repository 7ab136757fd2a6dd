// C functions over the kernels, for the benchmark that runs them beside PyTorch in one process.
#include <cstdio>
#include <memory>

#include "attention/forward_call.h"
#include "core/capability.h"
#include "core/check.h"

#define EXPORT extern "C" __attribute__((visibility("default")))

namespace {

struct Prepared {
  elastic::ForwardCall call;
  void* workspace = nullptr;
  int multiprocessors = 0;
  int capability = 0;
  ~Prepared() { cudaFree(workspace); }
};

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
          head_dim,   static_cast<elastic::HalfType>(type), scale,  {}, {}};
  int start = 0;
  for (int i = 0; i < num_sequences; ++i) {
    const int query_length = lengths[3 * i], key_length = lengths[3 * i + 1], capacity = lengths[3 * i + 2];
    const int blocks = (key_length + 127) / 128, first = (key_length - query_length) / 128;
    call.sequences.push_back({keys[i], values[i], static_cast<const uint8_t*>(masks[i]), start, query_length, key_length,
                              blocks - first, blocks, capacity * num_key_value_heads});
    start += query_length;
    for (int head = 0; head < num_key_value_heads; ++head) {
      const int32_t* p = patterns + 4 * (i * num_key_value_heads + head);
      call.heads.push_back({static_cast<elastic::PatternType>(p[0]), p[1], p[2], p[3], head * capacity, capacity, 0, 0});
    }
  }
  int device = 0;
  elastic::check(cudaGetDevice(&device), "cudaGetDevice");
  elastic::check(cudaDeviceGetAttribute(&prepared->multiprocessors, cudaDevAttrMultiProcessorCount, device), "attribute");
  int major = 0, minor = 0;
  elastic::check(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device), "attribute");
  elastic::check(cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, device), "attribute");
  prepared->capability = elastic::limited_capability(10 * major + minor);
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
