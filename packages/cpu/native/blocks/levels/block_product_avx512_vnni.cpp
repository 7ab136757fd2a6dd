// Weights in blocks by rounded rows, by the dot products of AVX-512 VNNI.
#if defined(__x86_64__)
#include "blocks/levels/block_product.h"
#include "blocks/levels/vectors_of_16.h"

namespace elastic {

void multiply_blocks_avx512_vnni(const RoundedRows& rows, int64_t count, const char* panel, BlockFormat format, float* sums) {
  multiply_panel_blocks<Avx512VnniLanes>(rows, count, panel, format, sums);
}

}  // namespace elastic
#endif
