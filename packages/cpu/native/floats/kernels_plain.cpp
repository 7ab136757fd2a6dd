// The float kernels compiled for Plain; see the compile options in CMakeLists.txt.
#define ELASTIC_PANEL_ROWS 2
#include "floats/elementwise.h"
#include "floats/decode_rows.h"
#include "floats/multiply_panel.h"
#include "floats/softmax.h"
#include "floats/gradients/gradients.h"

ELASTIC_DEFINE_FLOAT_KERNELS(float_kernels_plain, "plain")
ELASTIC_DEFINE_GRADIENT_KERNELS(gradient_kernels_plain)
