#include "core/device/device.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "addon/backend.h"
#include "addon/buffer_table.h"
#include "addon/reserved_buffers.h"
#include "core/device/capability.h"
#include "core/device/check.h"
#include "core/memory/poison.h"
#include "core/memory/staging.h"

namespace elastic {
namespace {

/** Which of the processes that share this machine this one is: those of --gpus, or of a launcher (Open MPI, MPICH, Slurm); 0 without. */
int local_rank() {
  for (const char* name : {"ELASTIC_ATTENTION_RANK", "OMPI_COMM_WORLD_LOCAL_RANK", "MPI_LOCALRANKID", "SLURM_LOCALID"}) {
    if (const char* value = std::getenv(name)) return std::max(0, std::atoi(value));
  }
  return 0;
}

Device start() {
  int count = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  if (status != cudaSuccess || count == 0) {
    cudaGetLastError();
    if (status == cudaErrorInsufficientDriver) {
      throw std::runtime_error("no CUDA device can be used: there is no NVIDIA driver, or one older than CUDA " +
                               std::to_string(CUDART_VERSION / 1000));
    }
    throw std::runtime_error(status == cudaSuccess || status == cudaErrorNoDevice
                                 ? "no CUDA device is present"
                                 : std::string("no CUDA device can be used: ") + cudaGetErrorString(status));
  }
  Device device{};
  if (std::getenv("ELASTIC_ATTENTION_RANK") != nullptr && local_rank() >= count) {
    throw std::runtime_error("rank " + std::to_string(local_rank()) + " has no GPU of its own: this process sees " + std::to_string(count));
  }
  // NCCL's sums of `distributed` choose in the same way.
  device.id = local_rank() % count;
  check(cudaSetDevice(device.id), "cudaSetDevice");
  cudaDeviceProp properties;
  check(cudaGetDeviceProperties(&properties, device.id), "cudaGetDeviceProperties");
  device.multiprocessors = properties.multiProcessorCount;
  device.capability = limited_capability(properties.major * 10 + properties.minor);
  device.memory_bytes = properties.totalGlobalMem;
  device.name = properties.name;
  if (device.capability < 80) {
    throw std::runtime_error("the device (" + device.name + ") is older than compute capability 8.0");
  }
  check(cudaStreamCreateWithFlags(&device.stream, cudaStreamNonBlocking), "cudaStreamCreate");
  // The pool keeps what tensors give back: asking the driver again costs more than a layer's work.
  cudaMemPool_t pool;
  check(cudaDeviceGetDefaultMemPool(&pool, device.id), "cudaDeviceGetDefaultMemPool");
  uint64_t keep = UINT64_MAX;
  check(cudaMemPoolSetAttribute(pool, cudaMemPoolAttrReleaseThreshold, &keep), "cudaMemPoolSetAttribute");
  return device;
}

/** Copies of at most so many bytes to the device do not wait for it. */
constexpr size_t kSmallBytes = size_t{64} << 10;

char* allocate_in_order(size_t bytes) {
  void* data = nullptr;
  const cudaError_t status = cudaMallocAsync(&data, bytes == 0 ? 1 : bytes, Device::instance().stream);
  if (status == cudaErrorMemoryAllocation) {
    cudaGetLastError();
    throw OutOfMemory(bytes);
  }
  check(status, "cudaMallocAsync");
  poison_fresh(data, bytes, Device::instance().stream);
  return static_cast<char*>(data);
}

}  // namespace

const Device& Device::instance() {
  static const Device device = start();
  // Every thread begins on the first device.
  thread_local const cudaError_t status = cudaSetDevice(device.id);
  check(status, "cudaSetDevice");
  return device;
}

Scratch::Scratch(size_t bytes) : data_(allocate_in_order(bytes)) {}
Scratch::~Scratch() { cudaFreeAsync(data_, Device::instance().stream); }

char* allocate_memory(std::size_t bytes) { return allocate_in_order(bytes); }
void free_memory(char* data) {
  if (!free_reserved(data)) cudaFreeAsync(data, Device::instance().stream);
}

void write_memory(char* target, const char* host, std::size_t bytes) {
  const cudaStream_t stream = Device::instance().stream;
  if (bytes <= kSmallBytes) return upload_small(target, host, bytes, stream);
  check(cudaMemcpyAsync(target, host, bytes, cudaMemcpyHostToDevice, stream), "cudaMemcpyAsync to the device");
  check(cudaStreamSynchronize(stream), "cudaStreamSynchronize");
}

void read_memory(char* host, const char* source, std::size_t bytes) {
  const cudaStream_t stream = Device::instance().stream;
  check(cudaMemcpyAsync(host, source, bytes, cudaMemcpyDeviceToHost, stream), "cudaMemcpyAsync to the host");
  check(cudaStreamSynchronize(stream), "cudaStreamSynchronize");
}

bool computes_with(DType dtype) { return dtype == DType::F32 || dtype == DType::BF16 || dtype == DType::F16; }
bool reads_rounded_rows() { return false; }

}  // namespace elastic
