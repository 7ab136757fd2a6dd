#include "ranks/peer_memory.h"

#include <cstring>
#include <stdexcept>

#include "core/device/check.h"
#include "core/device/device.h"

namespace elastic {
namespace {

/** Of the process, which is one rank of one group at a time. */
struct Peers {
  PeerView view = {};
  bool connected = false;
};

Peers& peers() {
  // The driver may be gone before static objects are.
  static auto& instance = *new Peers;
  return instance;
}

size_t inbox_bytes(int size) { return 2 * static_cast<size_t>(size) * kPeerBlocks * kPeerChunk; }
size_t flag_count(int size) { return static_cast<size_t>(size) * kPeerBlocks; }

template <typename T>
T* allocate(size_t count) {
  void* data = nullptr;
  check(cudaMalloc(&data, count * sizeof(T)), "cudaMalloc of peer memory");
  return static_cast<T*>(data);
}

/** The memory of the ranks that were here before: they may have ended. */
void disconnect(PeerView& view) {
  for (int other = 0; other < view.size; other++) {
    if (other == view.rank || view.inboxes[other] == nullptr) continue;
    cudaIpcCloseMemHandle(view.inboxes[other]);
    cudaIpcCloseMemHandle(view.flags[other]);
    view.inboxes[other] = nullptr;
    view.flags[other] = nullptr;
  }
  cudaGetLastError();
}

void release(PeerView& view) {
  if (view.exchanges == nullptr) return;
  cudaFree(view.inboxes[view.rank]);
  cudaFree(view.flags[view.rank]);
  cudaFree(view.exchanges);
  cudaGetLastError();
  view = {};
}

}  // namespace

PeerHandle open_peer_memory(int rank, int size) {
  if (size < 1 || size > kMostPeers || rank < 0 || rank >= size) throw std::runtime_error("sums over peer memory take 1 to 16 ranks");
  const Device& device = Device::instance();
  PeerView& view = peers().view;
  // What other ranks have sent is there once this one's own work is done: counting can begin anew.
  check(cudaDeviceSynchronize(), "cudaDeviceSynchronize");
  disconnect(view);
  peers().connected = false;
  if (view.size != size || view.rank != rank) release(view);
  if (view.exchanges == nullptr) {
    view.inboxes[rank] = allocate<char>(inbox_bytes(size));
    view.flags[rank] = allocate<uint32_t>(flag_count(size));
    view.exchanges = allocate<uint32_t>(kPeerBlocks);
    view.rank = rank;
    view.size = size;
  }
  check(cudaMemset(view.flags[rank], 0, flag_count(size) * sizeof(uint32_t)), "cudaMemset");
  check(cudaMemset(view.exchanges, 0, kPeerBlocks * sizeof(uint32_t)), "cudaMemset");
  check(cudaDeviceSynchronize(), "cudaDeviceSynchronize");
  PeerHandle handle = {};
  check(cudaIpcGetMemHandle(&handle.inbox, view.inboxes[rank]), "cudaIpcGetMemHandle");
  check(cudaIpcGetMemHandle(&handle.flags, view.flags[rank]), "cudaIpcGetMemHandle");
  cudaDeviceProp properties;
  check(cudaGetDeviceProperties(&properties, device.id), "cudaGetDeviceProperties");
  handle.device = properties.uuid;
  handle.ordinal = device.id;
  std::strncpy(handle.name, properties.name, sizeof handle.name - 1);
  return handle;
}

std::string connect_peer_memory(const std::vector<PeerHandle>& handles) {
  Peers& own = peers();
  PeerView& view = own.view;
  const PeerHandle& mine = handles[static_cast<size_t>(view.rank)];
  for (int other = 0; other < view.size; other++) {
    const PeerHandle& theirs = handles[static_cast<size_t>(other)];
    if (other == view.rank) continue;
    const std::string pair = "ranks " + std::to_string(view.rank) + " and " + std::to_string(other);
    if (std::memcmp(&mine.device, &theirs.device, sizeof mine.device) == 0) return pair + " have the same GPU";
    int reaches = 0;
    if (cudaDeviceCanAccessPeer(&reaches, mine.ordinal, theirs.ordinal) != cudaSuccess || reaches == 0) {
      cudaGetLastError();
      return "the GPUs of " + pair + " do not reach each other's memory";
    }
  }
  for (int other = 0; other < view.size; other++) {
    if (other == view.rank) continue;
    void* inbox = nullptr;
    void* flags = nullptr;
    const PeerHandle& theirs = handles[static_cast<size_t>(other)];
    check(cudaIpcOpenMemHandle(&inbox, theirs.inbox, cudaIpcMemLazyEnablePeerAccess), "cudaIpcOpenMemHandle");
    check(cudaIpcOpenMemHandle(&flags, theirs.flags, cudaIpcMemLazyEnablePeerAccess), "cudaIpcOpenMemHandle");
    view.inboxes[other] = static_cast<char*>(inbox);
    view.flags[other] = static_cast<uint32_t*>(flags);
  }
  own.connected = true;
  return "";
}

const PeerView& peer_memory() {
  if (!peers().connected) throw std::runtime_error("the memory of the other ranks is not connected");
  return peers().view;
}

}  // namespace elastic
