#include "weights/few_rows/few_rows.h"

#include "weights/few_rows/few_rows_instances.h"

namespace elastic::weights {

void multiply_few_rows(const FewRows& call, cudaStream_t stream) {
  /** In the order of WeightFormat. */
  constexpr decltype(&few_rows_q8_0) kProducts[kWeightFormats] = {
      few_rows_q8_0, few_rows_q4_0, few_rows_q4_1, few_rows_q5_0,  few_rows_q5_1, few_rows_q4_k,
      few_rows_q5_k, few_rows_q6_k, few_rows_iq4_nl, few_rows_i4, few_rows_e4m3, few_rows_i8,
  };
  kProducts[static_cast<int>(call.weight.format())](call, stream);
}

}  // namespace elastic::weights
