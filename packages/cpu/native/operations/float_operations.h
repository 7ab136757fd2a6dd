#pragma once
#include "core/call.h"

namespace elastic {

void rms_norm(Call& call);
void head_norm(Call& call);
void rotary(Call& call);
void swiglu(Call& call);
void embedding(Call& call);
void add(Call& call);
void cast(Call& call);
void softmax(Call& call);
void argmax(Call& call);

}  // namespace elastic
