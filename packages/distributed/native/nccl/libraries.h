// The CUDA driver and NCCL, opened at run time: one build serves machines with and without them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace elastic::nccl {

/** The name of a group of ranks; the layout is NCCL's and part of its binary interface. */
struct UniqueId {
  char bytes[128];
};

using Communicator = void*;
/** Address in the memory of a GPU. */
using DevicePointer = uint64_t;
enum class DataType : int { float32 = 7, float64 = 8 };
inline constexpr int sum_operation = 0;

/** Functions of both libraries. Each returns 0 when it succeeded. */
struct Libraries {
  int (*driver_init)(unsigned);
  int (*device_count)(int*);
  int (*device_get)(int*, int);
  int (*device_address)(char*, int length, int device);
  int (*context_retain)(void**, int);
  int (*context_set)(void*);
  int (*memory_allocate)(DevicePointer*, size_t);
  int (*memory_free)(DevicePointer);
  int (*copy_to_device)(DevicePointer, const void*, size_t);
  int (*copy_to_host)(void*, DevicePointer, size_t);
  int (*stream_synchronize)(void*);
  int (*driver_error)(int, const char**);

  int (*unique_id)(UniqueId*);
  int (*open)(Communicator*, int size, UniqueId id, int rank);
  int (*destroy)(Communicator);
  int (*all_reduce)(const void*, void*, size_t, DataType, int, Communicator, void*);
  const char* (*error_text)(int);

  /** Empty when both libraries and a GPU were found; else why not. */
  std::string unavailable;
};

/** Opened once. */
const Libraries& libraries();

/** Throw std::runtime_error in the library's own words. */
void check_driver(int code, const char* what);
void check_nccl(int code, const char* what);

}  // namespace elastic::nccl
