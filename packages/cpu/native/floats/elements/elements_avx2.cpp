// The element kernels compiled for AVX2; see the compile options in CMakeLists.txt.
#include "floats/elements/elements.h"

ELASTIC_DEFINE_ELEMENT_KERNELS(element_kernels_avx2)
