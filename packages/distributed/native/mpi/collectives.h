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

/** What a rank has come for, where ranks may come for different things: a number and a length from every rank. */
struct Announced {
  std::vector<uint64_t> calls;
  std::vector<uint64_t> lengths;
  /** Whether all have come for the same. */
  bool agree() const;
};
Announced announce(uint64_t call, uint64_t length);
/** Messages whose lengths every rank knows. */
std::vector<std::vector<uint8_t>> all_gather(const uint8_t* own, size_t length, const std::vector<uint64_t>& lengths);
/** Sum of float32 in place, of counts that are known to be equal; added in the order of ranks. */
void all_reduce_sum_in_order(float* values, size_t count);

int rank();
int size();
/** Throws std::runtime_error with MPI's words when `code` is an error. */
void check(int code, const char* what);

}  // namespace elastic::mpi
