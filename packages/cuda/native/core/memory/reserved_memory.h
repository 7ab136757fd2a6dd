// Device memory that grows where it lies: an address range is reserved once, memory comes under it piece by piece.
#pragma once
#include <cstddef>

namespace elastic {

/** Reserves addresses; nothing is there yet. @throws std::runtime_error */
char* reserve_addresses(std::size_t bytes);
/** Puts memory under the first `bytes` of a reservation. @throws OutOfMemory, and nothing changed then */
void grow_reserved(char* base, std::size_t bytes);
/** Waits for the device and gives the memory back, not the addresses. */
void clear_reserved(char* base);
/** Waits for the device and gives a reservation back; false when the address is no reservation's. */
bool free_reserved(char* base);

}  // namespace elastic
