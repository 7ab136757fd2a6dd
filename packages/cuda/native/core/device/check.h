// CUDA calls that fail become exceptions with the call's name.
#pragma once
#include <cuda_runtime_api.h>

#include <string>

#include "addon/device_failure.h"

namespace elastic {

/** Whether an error leaves the process without a usable device, by what CUDA's documentation says of each. */
inline bool is_sticky(cudaError_t status) {
  switch (status) {
    case cudaErrorECCUncorrectable:
    case cudaErrorIllegalAddress:
    case cudaErrorLaunchTimeout:
    case cudaErrorAssert:
    case cudaErrorHardwareStackError:
    case cudaErrorIllegalInstruction:
    case cudaErrorMisalignedAddress:
    case cudaErrorInvalidAddressSpace:
    case cudaErrorInvalidPc:
    case cudaErrorLaunchFailure:
      return true;
    default:
      return false;
  }
}

/** A failed call, in CUDA's words. */
struct CudaError : DeviceFailure {
  CudaError(cudaError_t status, const std::string& what)
      : DeviceFailure(what + ": " + cudaGetErrorString(status), is_sticky(status)), status(status) {}
  cudaError_t status;
};

inline void check(cudaError_t status, const char* what) {
  if (status == cudaSuccess) return;
  cudaGetLastError();  // Clears an error that does not stick, so that the next call starts clean.
  throw CudaError(status, what);
}

}  // namespace elastic
