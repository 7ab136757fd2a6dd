#include "nccl/libraries.h"

#include <dlfcn.h>

#include <stdexcept>

namespace elastic::nccl {
namespace {

template <typename Function>
void find(void* library, const char* name, Function& function, std::string& missing) {
  function = reinterpret_cast<Function>(dlsym(library, name));
  if (function == nullptr && missing.empty()) missing = std::string(name) + " is missing from its library";
}

Libraries open_libraries() {
  Libraries found = {};
  void* driver = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  if (driver == nullptr) {
    found.unavailable = "no CUDA driver (libcuda.so.1) was found";
    return found;
  }
  void* nccl = dlopen("libnccl.so.2", RTLD_NOW | RTLD_LOCAL);
  if (nccl == nullptr) {
    found.unavailable = "NCCL (libnccl.so.2) was not found";
    return found;
  }
  std::string missing;
  find(driver, "cuInit", found.driver_init, missing);
  find(driver, "cuDeviceGetCount", found.device_count, missing);
  find(driver, "cuDeviceGet", found.device_get, missing);
  find(driver, "cuDeviceGetPCIBusId", found.device_address, missing);
  find(driver, "cuDevicePrimaryCtxRetain", found.context_retain, missing);
  find(driver, "cuCtxSetCurrent", found.context_set, missing);
  find(driver, "cuMemAlloc_v2", found.memory_allocate, missing);
  find(driver, "cuMemFree_v2", found.memory_free, missing);
  find(driver, "cuMemcpyHtoD_v2", found.copy_to_device, missing);
  find(driver, "cuMemcpyDtoH_v2", found.copy_to_host, missing);
  find(driver, "cuStreamSynchronize", found.stream_synchronize, missing);
  find(driver, "cuGetErrorString", found.driver_error, missing);
  find(nccl, "ncclGetUniqueId", found.unique_id, missing);
  find(nccl, "ncclCommInitRank", found.open, missing);
  find(nccl, "ncclCommDestroy", found.destroy, missing);
  find(nccl, "ncclAllReduce", found.all_reduce, missing);
  find(nccl, "ncclGetErrorString", found.error_text, missing);
  if (!missing.empty()) {
    found.unavailable = missing;
    return found;
  }
  int devices = 0;
  if (found.driver_init(0) != 0 || found.device_count(&devices) != 0 || devices == 0) {
    found.unavailable = "the CUDA driver found no GPU";
  }
  return found;
}

}  // namespace

const Libraries& libraries() {
  static const Libraries opened = open_libraries();
  return opened;
}

void check_driver(int code, const char* what) {
  if (code == 0) return;
  const char* words = nullptr;
  libraries().driver_error(code, &words);
  throw std::runtime_error(std::string("CUDA ") + what + " failed: " + (words == nullptr ? std::to_string(code) : words));
}

void check_nccl(int code, const char* what) {
  if (code != 0) throw std::runtime_error(std::string("NCCL ") + what + " failed: " + libraries().error_text(code));
}

}  // namespace elastic::nccl
