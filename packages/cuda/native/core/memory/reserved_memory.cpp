#include "addon/reserved_buffers.h"

#include <cudaTypedefs.h>

#include <map>
#include <mutex>
#include <vector>

#include "addon/buffer_table.h"
#include "core/device/check.h"
#include "core/device/device.h"
#include "core/memory/poison.h"

namespace elastic {
namespace {

/** The driver's functions, found at run time: the addon must load where there is no driver. */
template <typename Function>
Function find(const char* name, unsigned version) {
  void* entry = nullptr;
  cudaDriverEntryPointQueryResult result;
  check(cudaGetDriverEntryPointByVersion(name, &entry, version, cudaEnableDefault, &result), name);
  if (entry == nullptr) throw std::runtime_error(std::string("the driver has no ") + name);
  return reinterpret_cast<Function>(entry);
}

struct Driver {
  PFN_cuMemGetAllocationGranularity_v10020 granularity = find<PFN_cuMemGetAllocationGranularity_v10020>("cuMemGetAllocationGranularity", 10020);
  PFN_cuMemAddressReserve_v10020 reserve = find<PFN_cuMemAddressReserve_v10020>("cuMemAddressReserve", 10020);
  PFN_cuMemAddressFree_v10020 free = find<PFN_cuMemAddressFree_v10020>("cuMemAddressFree", 10020);
  PFN_cuMemCreate_v10020 create = find<PFN_cuMemCreate_v10020>("cuMemCreate", 10020);
  PFN_cuMemRelease_v10020 release = find<PFN_cuMemRelease_v10020>("cuMemRelease", 10020);
  PFN_cuMemMap_v10020 map = find<PFN_cuMemMap_v10020>("cuMemMap", 10020);
  PFN_cuMemUnmap_v10020 unmap = find<PFN_cuMemUnmap_v10020>("cuMemUnmap", 10020);
  PFN_cuMemSetAccess_v10020 set_access = find<PFN_cuMemSetAccess_v10020>("cuMemSetAccess", 10020);
};

const Driver& driver() {
  static const Driver functions;
  return functions;
}

void check_driver(CUresult status, const char* what) {
  if (status != CUDA_SUCCESS) throw std::runtime_error(std::string(what) + " failed with code " + std::to_string(status));
}

struct Reservation {
  size_t reserved = 0;
  size_t mapped = 0;
  /** Sizes of the pieces, in order. */
  std::vector<std::pair<CUmemGenericAllocationHandle, size_t>> pieces;
};

std::mutex& mutex() {
  static std::mutex instance;
  return instance;
}

std::map<char*, Reservation>& reservations() {
  static auto& instance = *new std::map<char*, Reservation>;
  return instance;
}

CUmemAllocationProp properties() {
  CUmemAllocationProp result{};
  result.type = CU_MEM_ALLOCATION_TYPE_PINNED;
  result.location.type = CU_MEM_LOCATION_TYPE_DEVICE;
  result.location.id = Device::instance().id;
  return result;
}

size_t granularity() {
  static const size_t bytes = [] {
    size_t result = 0;
    const CUmemAllocationProp wanted = properties();
    check_driver(driver().granularity(&result, &wanted, CU_MEM_ALLOC_GRANULARITY_RECOMMENDED), "cuMemGetAllocationGranularity");
    return result;
  }();
  return bytes;
}

size_t rounded(size_t bytes) { return (bytes + granularity() - 1) / granularity() * granularity(); }

/** The pool of ordinary allocations keeps what it was given back: it may hold what is missing here. */
CUresult create(CUmemGenericAllocationHandle& handle, size_t bytes) {
  const CUmemAllocationProp wanted = properties();
  CUresult status = driver().create(&handle, bytes, &wanted, 0);
  if (status != CUDA_ERROR_OUT_OF_MEMORY) return status;
  check(cudaStreamSynchronize(Device::instance().stream), "cudaStreamSynchronize");
  cudaMemPool_t pool;
  check(cudaDeviceGetDefaultMemPool(&pool, wanted.location.id), "cudaDeviceGetDefaultMemPool");
  check(cudaMemPoolTrimTo(pool, 0), "cudaMemPoolTrimTo");
  return driver().create(&handle, bytes, &wanted, 0);
}

/** Waits for kernels that may still read the memory. */
void unmap(char* base, Reservation& memory) {
  cudaStreamSynchronize(Device::instance().stream);
  auto place = reinterpret_cast<CUdeviceptr>(base);
  for (const auto& [handle, bytes] : memory.pieces) {
    driver().unmap(place, bytes);
    driver().release(handle);
    place += bytes;
  }
  memory.pieces.clear();
  memory.mapped = 0;
}

}  // namespace

char* reserve_addresses(std::size_t bytes) {
  Device::instance();
  const size_t size = rounded(bytes);
  CUdeviceptr base = 0;
  check_driver(driver().reserve(&base, size, 0, 0, 0), "cuMemAddressReserve");
  const std::lock_guard lock(mutex());
  auto* address = reinterpret_cast<char*>(base);
  reservations()[address].reserved = size;
  return address;
}

void grow_reserved(char* base, std::size_t bytes) {
  const std::lock_guard lock(mutex());
  const auto found = reservations().find(base);
  if (found == reservations().end()) throw std::range_error("this memory does not grow");
  Reservation& memory = found->second;
  const size_t size = rounded(bytes);
  if (size > memory.reserved) throw std::range_error("more is asked for than was reserved");
  if (size <= memory.mapped) return;
  const size_t piece = size - memory.mapped;
  CUmemGenericAllocationHandle handle = 0;
  const CUresult status = create(handle, piece);
  if (status == CUDA_ERROR_OUT_OF_MEMORY) throw OutOfMemory(piece);
  check_driver(status, "cuMemCreate");
  const auto place = reinterpret_cast<CUdeviceptr>(base) + memory.mapped;
  try {
    check_driver(driver().map(place, piece, 0, handle, 0), "cuMemMap");
    CUmemAccessDesc access{};
    access.location = properties().location;
    access.flags = CU_MEM_ACCESS_FLAGS_PROT_READWRITE;
    const CUresult allowed = driver().set_access(place, piece, &access, 1);
    if (allowed != CUDA_SUCCESS) driver().unmap(place, piece);
    check_driver(allowed, "cuMemSetAccess");
  } catch (...) {
    driver().release(handle);
    throw;
  }
  memory.pieces.emplace_back(handle, piece);
  memory.mapped = size;
  poison_fresh(base + size - piece, piece, Device::instance().stream);
}

void clear_reserved(char* base) {
  const std::lock_guard lock(mutex());
  const auto found = reservations().find(base);
  if (found != reservations().end()) unmap(base, found->second);
}

bool free_reserved(char* base) {
  const std::lock_guard lock(mutex());
  const auto found = reservations().find(base);
  if (found == reservations().end()) return false;
  unmap(base, found->second);
  driver().free(reinterpret_cast<CUdeviceptr>(base), found->second.reserved);
  reservations().erase(found);
  return true;
}

}  // namespace elastic
