// What an addon gives the shared code: its memory and its types. Each addon defines these functions once.
#pragma once
#include <cstddef>

#include "addon/values/numeric.h"

namespace elastic {

/** Memory that tensors live in. @throws OutOfMemory */
char* allocate_memory(std::size_t bytes);
void free_memory(char* data);
/** Copies between the host and that memory; done when they return. */
void write_memory(char* target, const char* host, std::size_t bytes);
void read_memory(char* host, const char* source, std::size_t bytes);
/** Whether kernels compute with this type. */
bool computes_with(DType dtype);
/** Whether kernels read the rows of a rounded cache as they lie. */
bool reads_rounded_rows();

}  // namespace elastic
