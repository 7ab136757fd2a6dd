// Copies to the host that are queued now and waited for later, each by itself.
#pragma once
#include <cstddef>
#include <cstdint>

namespace elastic {

/** Bytes of the largest read; more is for `read_memory`. */
constexpr size_t kPendingReadBytes = size_t{64} << 10;

/**
 * Queues a copy of rows into pinned memory, with an event behind it. @returns the number of the read
 * @throws CudaError; std::runtime_error where work is being captured
 */
int64_t start_read(const char* source, size_t rows, size_t row_bytes, size_t stride_bytes);
/** Waits for that copy, not for work that was queued after it. @throws std::range_error for an unknown read */
const char* await_read(int64_t read);
/** Gives the memory back without waiting; false when there is no such read. */
bool release_read(int64_t read);

}  // namespace elastic
