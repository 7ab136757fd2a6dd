#include "attention/forward/forward_sm90.h"

namespace elastic {

// One source file for each of these, so that they compile side by side.
#define ELASTIC_DECLARE(name)                                                                                    \
  cudaError_t name(const ForwardParameters& parameters, bool dual, int multiprocessors, cudaStream_t stream);    \
  cudaError_t name##_terms(const ForwardParameters& parameters, int multiprocessors, cudaStream_t stream);
ELASTIC_DECLARE(forward_sm90_bf16_64)
ELASTIC_DECLARE(forward_sm90_bf16_96)
ELASTIC_DECLARE(forward_sm90_bf16_128)
ELASTIC_DECLARE(forward_sm90_f16_64)
ELASTIC_DECLARE(forward_sm90_f16_96)
ELASTIC_DECLARE(forward_sm90_f16_128)
#undef ELASTIC_DECLARE
cudaError_t forward_sm90_bf16_64_wide(const ForwardParameters& parameters, int multiprocessors, cudaStream_t stream);
cudaError_t forward_sm90_f16_64_wide(const ForwardParameters& parameters, int multiprocessors, cudaStream_t stream);

cudaError_t launch_forward_sm90(const ForwardParameters& parameters, ForwardVariant variant, int head_dim, HalfType type,
                                int multiprocessors, cudaStream_t stream) {
  const bool bf16 = type == HalfType::BFloat16;
  const auto launch = [&](auto of_bf16, auto of_f16, auto terms_of_bf16, auto terms_of_f16) {
    if (variant == ForwardVariant::Terms) return (bf16 ? terms_of_bf16 : terms_of_f16)(parameters, multiprocessors, stream);
    return (bf16 ? of_bf16 : of_f16)(parameters, variant == ForwardVariant::Dual, multiprocessors, stream);
  };
  if (variant == ForwardVariant::Wide) {
    if (!forward_sm90_has_wide(head_dim)) return cudaErrorInvalidValue;
    return (bf16 ? forward_sm90_bf16_64_wide : forward_sm90_f16_64_wide)(parameters, multiprocessors, stream);
  }
  switch (head_dim) {
    case 64:
      return launch(forward_sm90_bf16_64, forward_sm90_f16_64, forward_sm90_bf16_64_terms, forward_sm90_f16_64_terms);
    case 96:
      return launch(forward_sm90_bf16_96, forward_sm90_f16_96, forward_sm90_bf16_96_terms, forward_sm90_f16_96_terms);
    case 128:
      return launch(forward_sm90_bf16_128, forward_sm90_f16_128, forward_sm90_bf16_128_terms, forward_sm90_f16_128_terms);
    default:
      return cudaErrorInvalidValue;
  }
}

}  // namespace elastic
