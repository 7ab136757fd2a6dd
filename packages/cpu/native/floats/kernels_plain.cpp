// The float kernels compiled for any processor; see the compile options in CMakeLists.txt.
#include "floats/panel_shape.h"

namespace elastic {
namespace {
#if defined(__aarch64__)
constexpr PanelShape kPanelShape = {.rows = 6, .vectors = 4, .bf16_rows = 3, .shares_widened = true};
#else
constexpr PanelShape kPanelShape = {.rows = 4, .vectors = 2, .bf16_rows = 3, .shares_widened = true};
#endif
}  // namespace
}  // namespace elastic

#include "floats/elementwise.h"
#include "floats/decode_rows.h"
#include "floats/multiply_panel.h"
#include "floats/multiply_panel_bf16.h"
#include "floats/round_blocks.h"
#include "floats/widen_blocks.h"
#include "floats/softmax.h"
#include "floats/gradients/gradients.h"

ELASTIC_DEFINE_FLOAT_KERNELS(float_kernels_plain, "plain")
ELASTIC_DEFINE_GRADIENT_KERNELS(gradient_kernels_plain)
