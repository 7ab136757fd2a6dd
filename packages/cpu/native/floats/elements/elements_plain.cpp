// The element kernels compiled for any processor; see the compile options in CMakeLists.txt.
#include "floats/elements/elements.h"

ELASTIC_DEFINE_ELEMENT_KERNELS(element_kernels_plain)
