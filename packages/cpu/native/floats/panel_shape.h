#pragma once

namespace elastic {

/** Sums that the product kernels of a level keep in registers. */
struct PanelShape {
  /** Rows of one group. */
  int rows;
  /** Vectors of outputs of a whole group of rows; fewer rows take more. */
  int vectors;
  /** Rows of a group whose bf16 weights are widened on the way into registers. */
  int bf16_rows;
  /** Whether more rows than that share a widened copy of a bf16 panel: where widening costs more than reading the copy. */
  bool shares_widened;
};

}  // namespace elastic
