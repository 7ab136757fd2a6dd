// Collective calls over all ranks: they block the calling thread, not the core it runs on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace elastic::mpi {

void barrier();
/** Bytes of rank `root`; on that rank they are `own`. */
std::vector<uint8_t> broadcast(const uint8_t* own, size_t length, int root);
/** In place. Throws, on every rank, when the lengths or types of the ranks differ. */
void all_reduce_sum(void* values, size_t count, bool is_double);
std::vector<std::vector<uint8_t>> all_gather(const uint8_t* own, size_t length);

int rank();
int size();
/** Throws std::runtime_error with MPI's words when `code` is an error. */
void check(int code, const char* what);

}  // namespace elastic::mpi
