#include "mpi/collectives.h"

#include <mpi.h>

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <string>
#include <thread>

namespace elastic::mpi {
namespace {

/** Largest single message: counts are `int` in MPI. */
constexpr size_t message_bytes = size_t{1} << 30;
/** Polls without a nap: a few hundred microseconds, the time of a small message between ranks that are in step. */
constexpr int eager_polls = 1000;
constexpr std::chrono::microseconds longest_nap{1000};

/** Waits for a request. MPI's own wait spins, which takes a core from ranks that still compute. */
void complete(MPI_Request& request, const char* what) {
  std::chrono::microseconds nap{20};
  for (int polls = 0;; polls++) {
    int done = 0;
    check(MPI_Test(&request, &done, MPI_STATUS_IGNORE), what);
    if (done != 0) return;
    if (polls < eager_polls) continue;
    std::this_thread::sleep_for(nap);
    nap = std::min(nap * 2, longest_nap);
  }
}

void broadcast_bytes(uint8_t* data, size_t length, int root) {
  for (size_t start = 0; start < length; start += message_bytes) {
    MPI_Request request;
    const int count = static_cast<int>(std::min(message_bytes, length - start));
    check(MPI_Ibcast(data + start, count, MPI_BYTE, root, MPI_COMM_WORLD, &request), "broadcast");
    complete(request, "broadcast");
  }
}

/** The same two numbers from every rank. */
std::vector<uint64_t> gather_pairs(uint64_t first, uint64_t second) {
  const uint64_t own[2] = {first, second};
  std::vector<uint64_t> all(2 * static_cast<size_t>(size()));
  MPI_Request request;
  check(MPI_Iallgather(own, 2, MPI_UINT64_T, all.data(), 2, MPI_UINT64_T, MPI_COMM_WORLD, &request), "gather");
  complete(request, "gather");
  return all;
}

}  // namespace

void check(int code, const char* what) {
  if (code == MPI_SUCCESS) return;
  char words[MPI_MAX_ERROR_STRING] = {};
  int length = 0;
  MPI_Error_string(code, words, &length);
  throw std::runtime_error(std::string("MPI ") + what + " failed: " + std::string(words, static_cast<size_t>(length)));
}

int rank() {
  int rank = 0;
  check(MPI_Comm_rank(MPI_COMM_WORLD, &rank), "rank");
  return rank;
}

int size() {
  int size = 0;
  check(MPI_Comm_size(MPI_COMM_WORLD, &size), "size");
  return size;
}

void barrier() {
  MPI_Request request;
  check(MPI_Ibarrier(MPI_COMM_WORLD, &request), "barrier");
  complete(request, "barrier");
}

std::vector<uint8_t> broadcast(const uint8_t* own, size_t length, int root) {
  const bool mine = rank() == root;
  uint64_t bytes = mine ? length : 0;
  broadcast_bytes(reinterpret_cast<uint8_t*>(&bytes), sizeof bytes, root);
  std::vector<uint8_t> data(bytes);
  if (mine) std::copy(own, own + length, data.begin());
  broadcast_bytes(data.data(), data.size(), root);
  return data;
}

void all_reduce_sum(void* values, size_t count, bool is_double) {
  // Ranks that disagree would hang or read past their arrays.
  const auto all = gather_pairs(count, is_double ? 1 : 0);
  for (size_t other = 0; other < all.size() / 2; other++) {
    if (all[2 * other] == count && (all[2 * other + 1] != 0) == is_double) continue;
    throw std::runtime_error("rank " + std::to_string(other) + " sums " + std::to_string(all[2 * other]) + " values of " +
                             (all[2 * other + 1] != 0 ? "float64" : "float32") + ", rank " + std::to_string(rank()) + " sums " +
                             std::to_string(count) + " of " + (is_double ? "float64" : "float32"));
  }
  const size_t bytes = is_double ? sizeof(double) : sizeof(float);
  for (size_t start = 0; start < count; start += message_bytes / bytes) {
    MPI_Request request;
    void* part = static_cast<uint8_t*>(values) + start * bytes;
    const int length = static_cast<int>(std::min(message_bytes / bytes, count - start));
    check(MPI_Iallreduce(MPI_IN_PLACE, part, length, is_double ? MPI_DOUBLE : MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD, &request), "sum");
    complete(request, "sum");
  }
}

bool Announced::agree() const {
  return std::all_of(calls.begin(), calls.end(), [this](uint64_t call) { return call == calls.front(); });
}

Announced announce(uint64_t call, uint64_t length) {
  const auto pairs = gather_pairs(call, length);
  Announced announced;
  for (size_t other = 0; other < pairs.size() / 2; other++) {
    announced.calls.push_back(pairs[2 * other]);
    announced.lengths.push_back(pairs[2 * other + 1]);
  }
  return announced;
}

std::vector<std::vector<uint8_t>> all_gather(const uint8_t* own, size_t length) {
  return all_gather(own, length, announce(0, length).lengths);
}

std::vector<std::vector<uint8_t>> all_gather(const uint8_t* own, size_t length, const std::vector<uint64_t>& lengths) {
  const auto ranks = static_cast<size_t>(size());
  const auto self = static_cast<size_t>(rank());
  std::vector<std::vector<uint8_t>> all(ranks);
  for (size_t root = 0; root < ranks; root++) {
    all[root].resize(lengths[root]);
    if (root == self) std::copy(own, own + length, all[root].begin());
    broadcast_bytes(all[root].data(), all[root].size(), static_cast<int>(root));
  }
  return all;
}

void all_reduce_sum_in_order(float* values, size_t count) {
  // Every rank sums a part over all ranks, in their order, and the parts come back: the same bits everywhere, whatever
  // algorithm this MPI would take.
  const auto ranks = static_cast<size_t>(size());
  const size_t share = (count + ranks - 1) / ranks;
  std::vector<float> mine(share * ranks, 0.0F);
  std::copy(values, values + count, mine.begin());
  std::vector<float> parts(share * ranks);
  MPI_Request request;
  const int length = static_cast<int>(share);
  check(MPI_Ialltoall(mine.data(), length, MPI_FLOAT, parts.data(), length, MPI_FLOAT, MPI_COMM_WORLD, &request), "sum");
  complete(request, "sum");
  for (size_t other = 1; other < ranks; other++) {
    for (size_t i = 0; i < share; i++) parts[i] += parts[other * share + i];
  }
  check(MPI_Iallgather(parts.data(), length, MPI_FLOAT, mine.data(), length, MPI_FLOAT, MPI_COMM_WORLD, &request), "sum");
  complete(request, "sum");
  std::copy(mine.begin(), mine.begin() + static_cast<std::ptrdiff_t>(count), values);
}

}  // namespace elastic::mpi
