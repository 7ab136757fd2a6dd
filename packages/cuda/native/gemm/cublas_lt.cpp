#include "gemm/cublas_lt.h"

#include <dlfcn.h>

#include <array>
#include <cstdlib>
#include <map>
#include <mutex>
#include <stdexcept>
#include <tuple>
#include <utility>

#include "core/device/check.h"
#include "core/device/device.h"

namespace elastic {
namespace {

// The part of cublasLt.h that is used, by the library's documented values.
using Handle = void*;
using Descriptor = void*;
using Layout = void*;
using Preference = void*;

struct Algorithm {
  uint64_t data[8];
};

/** cublasLtMatmulHeuristicResult_t. */
struct HeuristicResult {
  Algorithm algorithm;
  size_t workspace_bytes;
  int status;
  float waves;
  int reserved[4];
};

constexpr int kCompute32F = 68;
constexpr int kOperationT = 1;
constexpr int kDescriptorTransposeA = 3;
constexpr int kDescriptorScalesA = 17, kDescriptorScalesB = 18, kDescriptorFastSums = 25;
constexpr int kDescriptorScaleModeA = 31, kDescriptorScaleModeB = 32;
/** A scale for each row of A and each column of B; for 128 inputs of each; for 128 inputs of 128 of them. */
constexpr int kScaleOfVector = 3, kScaleOfVector128 = 4, kScaleOfBlock128 = 5;
constexpr int kTypeE4M3 = 28;
constexpr int kPreferenceMaxWorkspace = 1;
constexpr int kPreferenceAlignmentA = 5, kPreferenceAlignmentB = 6, kPreferenceAlignmentC = 7, kPreferenceAlignmentD = 8;
constexpr size_t kWorkspaceBytes = size_t{32} << 20;

/** cudaDataType. */
int data_type(DType dtype) { return dtype == DType::F32 ? 0 : dtype == DType::F16 ? 2 : 14; }

struct Library {
  int (*create)(Handle*);
  int (*descriptor_create)(Descriptor*, int compute, int scale);
  int (*descriptor_destroy)(Descriptor);
  int (*descriptor_set)(Descriptor, int attribute, const void*, size_t);
  int (*layout_create)(Layout*, int type, uint64_t rows, uint64_t columns, int64_t leading);
  int (*layout_destroy)(Layout);
  int (*preference_create)(Preference*);
  int (*preference_destroy)(Preference);
  int (*preference_set)(Preference, int attribute, const void*, size_t);
  int (*heuristic)(Handle, Descriptor, Layout a, Layout b, Layout c, Layout d, Preference, int requested,
                   HeuristicResult*, int* found);
  int (*matmul)(Handle, Descriptor, const void* alpha, const void* a, Layout, const void* b, Layout, const void* beta,
                const void* c, Layout, void* d, Layout, const Algorithm*, void* workspace, size_t, cudaStream_t);
  std::string problem;
  Handle handle = nullptr;
  char* workspace = nullptr;

  Library();
};

template <typename Function>
void find(void* library, const char* name, Function& function, std::string& problem) {
  function = reinterpret_cast<Function>(dlsym(library, name));
  if (function == nullptr) problem = std::string("cuBLASLt has no ") + name;
}

Library::Library() {
  const char* named = std::getenv("ELASTIC_ATTENTION_CUBLASLT");
  const std::array<const char*, 5> names{named, "libcublasLt.so.13", "libcublasLt.so.12",
                                         "/usr/local/cuda/lib64/libcublasLt.so.13",
                                         "/usr/local/cuda/lib64/libcublasLt.so.12"};
  void* library = nullptr;
  for (const char* name : names) {
    if (library == nullptr && name != nullptr) library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
  }
  if (library == nullptr) {
    problem = "cuBLASLt was not found: install the CUDA 12 or 13 libraries, or name libcublasLt.so in "
              "ELASTIC_ATTENTION_CUBLASLT";
    return;
  }
  find(library, "cublasLtCreate", create, problem);
  find(library, "cublasLtMatmulDescCreate", descriptor_create, problem);
  find(library, "cublasLtMatmulDescDestroy", descriptor_destroy, problem);
  find(library, "cublasLtMatmulDescSetAttribute", descriptor_set, problem);
  find(library, "cublasLtMatrixLayoutCreate", layout_create, problem);
  find(library, "cublasLtMatrixLayoutDestroy", layout_destroy, problem);
  find(library, "cublasLtMatmulPreferenceCreate", preference_create, problem);
  find(library, "cublasLtMatmulPreferenceDestroy", preference_destroy, problem);
  find(library, "cublasLtMatmulPreferenceSetAttribute", preference_set, problem);
  find(library, "cublasLtMatmulAlgoGetHeuristic", heuristic, problem);
  find(library, "cublasLtMatmul", matmul, problem);
  if (!problem.empty()) return;
  if (create(&handle) != 0) {
    problem = "cuBLASLt does not start on this device";
    return;
  }
  void* memory = nullptr;
  if (cudaMalloc(&memory, kWorkspaceBytes) != cudaSuccess) {
    cudaGetLastError();
    problem = "there is no device memory for cuBLASLt's workspace of 32 MiB";
    return;
  }
  workspace = static_cast<char*>(memory);
}

Library& library() {
  static Library instance;
  return instance;
}

void check_lt(int status, const char* what) {
  if (status != 0) throw std::runtime_error(std::string(what) + " failed with cuBLASLt status " + std::to_string(status));
}

/** A product's descriptors and the algorithm chosen for them; kept, since a model repeats its shapes. */
struct Plan {
  Descriptor descriptor = nullptr;
  Layout weight = nullptr, input = nullptr, output = nullptr;
  Algorithm algorithm{};

  ~Plan() {
    Library& lt = library();
    if (descriptor != nullptr) lt.descriptor_destroy(descriptor);
    for (const Layout layout : {weight, input, output}) {
      if (layout != nullptr) lt.layout_destroy(layout);
    }
  }
};

using PlanKey = std::tuple<int64_t, int64_t, int64_t, int64_t, int64_t, int, int, bool, bool, int, uint32_t, uint32_t, uint32_t>;

/** The power of two that an address is a multiple of, up to what algorithms ask for at most. */
uint32_t alignment(const void* data) {
  const auto address = reinterpret_cast<uintptr_t>(data) | 256;
  return static_cast<uint32_t>(address & (~address + 1));
}

/** Where the scales of one call are. */
void set_scales(const Plan& plan, const MatrixProductCall& call) {
  Library& lt = library();
  check_lt(lt.descriptor_set(plan.descriptor, kDescriptorScalesA, &call.weight_scales, sizeof call.weight_scales), "weight scales");
  check_lt(lt.descriptor_set(plan.descriptor, kDescriptorScalesB, &call.input_scales, sizeof call.input_scales), "input scales");
}

void prepare_scales(const Plan& plan, const MatrixProductCall& call) {
  Library& lt = library();
  const bool vectors = call.scales_of == ScalesOf::Vectors;
  const int weight_mode = vectors ? kScaleOfVector : kScaleOfBlock128, input_mode = vectors ? kScaleOfVector : kScaleOfVector128;
  check_lt(lt.descriptor_set(plan.descriptor, kDescriptorScaleModeA, &weight_mode, sizeof weight_mode), "scale mode");
  check_lt(lt.descriptor_set(plan.descriptor, kDescriptorScaleModeB, &input_mode, sizeof input_mode), "scale mode");
  const int8_t fast = vectors;
  check_lt(lt.descriptor_set(plan.descriptor, kDescriptorFastSums, &fast, sizeof fast), "fast sums");
  set_scales(plan, call);
}

/** cuBLAS counts in columns: the product is computed as outputᵀ = weight · inputᵀ. */
void prepare(Plan& plan, const MatrixProductCall& call) {
  Library& lt = library();
  const bool scaled = call.weight_scales != nullptr;
  const int type = scaled ? kTypeE4M3 : data_type(call.dtype), output_type = data_type(call.output_dtype);
  check_lt(lt.descriptor_create(&plan.descriptor, kCompute32F, data_type(DType::F32)), "cublasLtMatmulDescCreate");
  if (!call.weight_rows_are_inputs) {
    const int transpose = kOperationT;
    check_lt(lt.descriptor_set(plan.descriptor, kDescriptorTransposeA, &transpose, sizeof transpose), "transpose");
  }
  if (scaled) prepare_scales(plan, call);
  const auto rows = static_cast<uint64_t>(call.rows), inputs = static_cast<uint64_t>(call.inputs);
  const auto outputs = static_cast<uint64_t>(call.outputs);
  if (call.weight_rows_are_inputs) {
    check_lt(lt.layout_create(&plan.weight, type, outputs, inputs, call.outputs), "weight layout");
  } else {
    check_lt(lt.layout_create(&plan.weight, type, inputs, outputs, call.inputs), "weight layout");
  }
  check_lt(lt.layout_create(&plan.input, type, inputs, rows, call.input_stride), "input layout");
  check_lt(lt.layout_create(&plan.output, output_type, outputs, rows, call.output_stride), "output layout");
  Preference preference = nullptr;
  check_lt(lt.preference_create(&preference), "cublasLtMatmulPreferenceCreate");
  const size_t workspace = kWorkspaceBytes;
  lt.preference_set(preference, kPreferenceMaxWorkspace, &workspace, sizeof workspace);
  const std::pair<int, const void*> operands[] = {{kPreferenceAlignmentA, call.weight}, {kPreferenceAlignmentB, call.input},
                                                  {kPreferenceAlignmentC, call.output}, {kPreferenceAlignmentD, call.output}};
  for (const auto& [attribute, data] : operands) {
    const uint32_t bytes = alignment(data);
    lt.preference_set(preference, attribute, &bytes, sizeof bytes);
  }
  HeuristicResult result{};
  int found = 0;
  const int status = lt.heuristic(lt.handle, plan.descriptor, plan.weight, plan.input, plan.output, plan.output,
                                  preference, 1, &result, &found);
  lt.preference_destroy(preference);
  check_lt(status, "cublasLtMatmulAlgoGetHeuristic");
  if (found == 0) throw std::runtime_error("cuBLASLt has no algorithm for a product");
  plan.algorithm = result.algorithm;
}

const Plan& plan_for(const MatrixProductCall& call) {
  static std::mutex mutex;
  static std::map<PlanKey, Plan> plans;
  const PlanKey key{call.rows,   call.inputs, call.outputs, call.input_stride, call.output_stride,
                    static_cast<int>(call.dtype), static_cast<int>(call.output_dtype), call.accumulate,
                    call.weight_rows_are_inputs,
                    call.weight_scales == nullptr ? -1 : static_cast<int>(call.scales_of),
                    alignment(call.weight), alignment(call.input), alignment(call.output)};
  const std::lock_guard lock(mutex);
  const auto known = plans.find(key);
  if (known != plans.end()) return known->second;
  // Prompts of many lengths would collect plans for ever.
  constexpr size_t kMostPlans = 4096;
  if (plans.size() >= kMostPlans) plans.clear();
  Plan& plan = plans[key];
  try {
    prepare(plan, call);
  } catch (...) {
    plans.erase(key);
    throw;
  }
  return plan;
}

}  // namespace

const std::string& cublas_lt_problem() { return library().problem; }

bool multiplies_e4m3(ScalesOf scales_of) {
  const auto does = [](ScalesOf mode) {
    if (Device::instance().capability < 89 || !library().problem.empty()) return false;
    // The heuristic looks at no memory; addresses stand for aligned ones.
    const auto* place = reinterpret_cast<const float*>(uintptr_t{256});
    Plan plan;
    try {
      prepare(plan, {place, 512, place, const_cast<float*>(place), 512, 512, 512, 512, DType::BF16, DType::BF16, false, false, place, place, mode});
      return true;
    } catch (const std::runtime_error&) {
      return false;
    }
  };
  static const bool vectors = does(ScalesOf::Vectors), blocks = does(ScalesOf::Blocks);
  return scales_of == ScalesOf::Vectors ? vectors : blocks;
}

void multiply(const MatrixProductCall& call, cudaStream_t stream) {
  Library& lt = library();
  if (!lt.problem.empty()) throw std::runtime_error(lt.problem);
  const Plan& plan = plan_for(call);
  if (call.weight_scales != nullptr) set_scales(plan, call);
  const float alpha = 1, beta = call.accumulate ? 1 : 0;
  check_lt(lt.matmul(lt.handle, plan.descriptor, &alpha, call.weight, plan.weight, call.input, plan.input, &beta,
                     call.output, plan.output, call.output, plan.output, &plan.algorithm, lt.workspace, kWorkspaceBytes,
                     stream),
           "cublasLtMatmul");
}

}  // namespace elastic
