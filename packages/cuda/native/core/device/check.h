// CUDA calls that fail become exceptions with the call's name.
#pragma once
#include <cuda_runtime_api.h>

#include <stdexcept>
#include <string>

namespace elastic {

struct CudaError : std::runtime_error {
  CudaError(cudaError_t status, const std::string& what)
      : std::runtime_error(what + ": " + cudaGetErrorString(status)), status(status) {}
  cudaError_t status;
};

inline void check(cudaError_t status, const char* what) {
  if (status == cudaSuccess) return;
  cudaGetLastError();  // Clears an error that does not stick, so that the next call starts clean.
  throw CudaError(status, what);
}

}  // namespace elastic
