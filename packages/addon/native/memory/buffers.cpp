#include "addon/buffers.h"

#include <mutex>
#include <unordered_set>

#include "addon/backend.h"
#include "addon/buffer_table.h"
#include "addon/exports.h"

namespace elastic {
namespace {

/** Buffers of one JavaScript environment: a worker that ends takes its memory with it. */
struct OwnedBuffers {
  std::unordered_set<uint32_t> ids;
  ~OwnedBuffers() {
    for (const uint32_t id : ids) BufferTable::instance().release(id);
  }
};

Napi::Value allocate(const Napi::CallbackInfo& info) {
  return guarded_value(info, [&](Call& call) {
    const int64_t bytes = call.integer("bytes");
    call.require(bytes >= 0, "bytes must not be negative");
    const uint32_t id = BufferTable::instance().allocate(static_cast<std::size_t>(bytes));
    info.Env().GetInstanceData<OwnedBuffers>()->ids.insert(id);
    return Napi::Number::New(info.Env(), id);
  });
}

Napi::Value release(const Napi::CallbackInfo& info) {
  return guarded_value(info, [&](Call& call) {
    const int64_t id = call.integer("buffer");
    const bool valid = id > 0 && id <= UINT32_MAX && BufferTable::instance().release(static_cast<uint32_t>(id));
    if (valid) info.Env().GetInstanceData<OwnedBuffers>()->ids.erase(static_cast<uint32_t>(id));
    return Napi::Boolean::New(info.Env(), valid);
  });
}

/** The bytes of the ArrayBufferView in the second argument; at least `bytes` long. */
char* view_bytes(const Napi::CallbackInfo& info, const Call& call, int64_t bytes) {
  if (info.Length() < 2 || !(info[1].IsTypedArray() || info[1].IsDataView())) {
    throw Napi::TypeError::New(info.Env(), "an array is expected");
  }
  if (info[1].IsDataView()) throw Napi::TypeError::New(info.Env(), "a typed array is expected, not a DataView");
  const auto array = info[1].As<Napi::TypedArray>();
  call.require(array.ByteLength() == static_cast<std::size_t>(bytes), "the array has another size than the tensor");
  return static_cast<char*>(array.ArrayBuffer().Data()) + array.ByteOffset();
}

template <bool to_device>
Napi::Value transfer(const Napi::CallbackInfo& info) {
  return guarded_value(info, [&](Call& call) {
    const Matrix matrix = call.tensor("tensor");
    const int64_t row_bytes = matrix.columns * byte_size(matrix.dtype);
    char* bytes = view_bytes(info, call, matrix.rows * row_bytes);
    const bool dense = matrix.row_stride == matrix.columns;
    const int64_t pieces = dense ? 1 : matrix.rows;
    const auto size = static_cast<std::size_t>(dense ? matrix.rows * row_bytes : row_bytes);
    if (size > 0) {
      for (int64_t row = 0; row < pieces; ++row) {
        char* host = bytes + row * row_bytes;
        if constexpr (to_device) {
          write_memory(matrix.row(row), host, size);
        } else {
          read_memory(host, matrix.row(row), size);
        }
      }
    }
    return info.Env().Undefined();
  });
}

}  // namespace

void own_buffer(Napi::Env env, uint32_t id) { env.GetInstanceData<OwnedBuffers>()->ids.insert(id); }

void export_buffers(Napi::Env env, Napi::Object exports, const CallContext* context) {
  if (env.GetInstanceData<OwnedBuffers>() == nullptr) env.SetInstanceData<OwnedBuffers>(new OwnedBuffers);
  export_function<allocate>(env, exports, "allocate", context);
  export_function<release>(env, exports, "release", context);
  export_function<transfer<true>>(env, exports, "write", context);
  export_function<transfer<false>>(env, exports, "read", context);
}

}  // namespace elastic
