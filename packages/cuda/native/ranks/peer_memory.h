// Memory of this GPU that the GPUs of the other ranks write into, and theirs.
#pragma once
#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace elastic {

constexpr int kMostPeers = 16;
/** Blocks of a common kernel, each with an inbox and flags of its own. */
constexpr int kPeerBlocks = 128;
/** Bytes that one block takes from one rank at a time. */
constexpr size_t kPeerChunk = size_t{32} << 10;

/**
 * What kernels see. The inbox of a rank: [parity][source rank][block][chunk]; its flags: [source rank][block], the number of the
 * last exchange whose data are there. Exchanges are counted by block, in memory that only this rank touches.
 */
struct PeerView {
  char* inboxes[kMostPeers];
  uint32_t* flags[kMostPeers];
  uint32_t* exchanges;
  int rank;
  int size;
};

/** What a rank tells the others of its memory; plain bytes. */
struct PeerHandle {
  cudaIpcMemHandle_t inbox;
  cudaIpcMemHandle_t flags;
  cudaUUID_t device;
  char name[64];
  int ordinal;
};

/** Allocates this rank's side, or begins anew with other ranks; all ranks come to the next call together. @throws CudaError, std::runtime_error for more ranks than can be served */
PeerHandle open_peer_memory(int rank, int size);
/**
 * Maps the memory of all ranks. @returns why sums cannot go over it, in words: GPUs that do not reach each other, or one GPU of two
 * ranks; empty when they can. @throws CudaError
 */
std::string connect_peer_memory(const std::vector<PeerHandle>& handles);
/** @throws std::runtime_error where nothing is connected */
const PeerView& peer_memory();

}  // namespace elastic
