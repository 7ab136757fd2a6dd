#pragma once
#include <vector>

#include "addon/values/numeric.h"
#include "floats/kernel_table.h"

namespace elastic {

/**
 * A weight [outputs, inputs] in panels of 32 outputs, missing outputs zero.
 *
 * - F32: [panel][input][32].
 * - BF16: [panel][input / 32][2][16][16][2], the AMX operand layout: a tile holds 16 input pairs (rows) by 16 outputs;
 *   inputs are padded with zeros to a multiple of 32.
 */
struct PackedWeight {
  char* data;
  int64_t outputs;
  int64_t inputs;
  DType dtype;

  int64_t panels() const { return (outputs + kPanel - 1) / kPanel; }
  /** Inputs with padding. */
  int64_t depth() const {
    return dtype == DType::BF16 ? (inputs + kTileDepth - 1) / kTileDepth * kTileDepth : inputs;
  }
  int64_t panel_bytes() const { return depth() * kPanel * byte_size(dtype); }
  int64_t bytes() const { return panels() * panel_bytes(); }
  const char* panel(int64_t index) const { return data + index * panel_bytes(); }
};

/** Fills a weight from row-major matrices of any float dtype, joined along their outputs. */
void pack_weight(const PackedWeight& weight, const std::vector<Matrix>& sources);

}  // namespace elastic
