// Each format's product: a few to a file, so that builds run in parallel.
#pragma once
#include "weights/few_rows/few_rows.h"

namespace elastic::weights {

void few_rows_q8_0(const FewRows& call, cudaStream_t stream);
void few_rows_q4_0(const FewRows& call, cudaStream_t stream);
void few_rows_q4_1(const FewRows& call, cudaStream_t stream);
void few_rows_q5_0(const FewRows& call, cudaStream_t stream);
void few_rows_q5_1(const FewRows& call, cudaStream_t stream);
void few_rows_q4_k(const FewRows& call, cudaStream_t stream);
void few_rows_q5_k(const FewRows& call, cudaStream_t stream);
void few_rows_q6_k(const FewRows& call, cudaStream_t stream);
void few_rows_iq4_nl(const FewRows& call, cudaStream_t stream);
void few_rows_i4(const FewRows& call, cudaStream_t stream);
void few_rows_e4m3(const FewRows& call, cudaStream_t stream);
void few_rows_i8(const FewRows& call, cudaStream_t stream);

}  // namespace elastic::weights
