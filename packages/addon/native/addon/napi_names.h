// Names of napi.h for headers that declare an export: reading all of it takes longer than compiling most files.
#pragma once

namespace Napi {
class Env;
class Object;
}  // namespace Napi
