#include "addon/reserved_buffers.h"

#include "addon/buffer_table.h"
#include "addon/buffers.h"
#include "addon/call.h"
#include "addon/exports.h"

namespace elastic {
namespace {

Napi::Value reserve(const Napi::CallbackInfo& info) {
  return guarded_value(info, [&](Call& call) {
    const int64_t bytes = call.integer("bytes");
    call.require(bytes > 0, "bytes must be positive");
    char* data = reserve_addresses(static_cast<std::size_t>(bytes));
    const uint32_t id = BufferTable::instance().adopt(data, 0);
    own_buffer(info.Env(), id);
    return Napi::Number::New(info.Env(), id);
  });
}

void grow(Call& call) {
  const int64_t id = call.integer("buffer"), bytes = call.integer("bytes");
  call.require(id > 0 && id <= UINT32_MAX && bytes >= 0, "that is no buffer");
  const BufferTable::Block block = BufferTable::instance().find(static_cast<uint32_t>(id));
  call.require(block.data != nullptr && static_cast<std::size_t>(bytes) >= block.bytes, "that buffer does not grow");
  grow_reserved(block.data, static_cast<std::size_t>(bytes));
  BufferTable::instance().resize(static_cast<uint32_t>(id), static_cast<std::size_t>(bytes));
}

void clear(Call& call) {
  const int64_t id = call.integer("buffer");
  call.require(id > 0 && id <= UINT32_MAX, "that is no buffer");
  const BufferTable::Block block = BufferTable::instance().find(static_cast<uint32_t>(id));
  call.require(block.data != nullptr, "that is no buffer");
  BufferTable::instance().resize(static_cast<uint32_t>(id), 0);
  clear_reserved(block.data);
}

}  // namespace

void export_reserved_buffers(Napi::Env env, Napi::Object exports, const CallContext* context) {
  export_function<reserve>(env, exports, "reserve", context);
  export_operation<grow>(env, exports, "grow", context);
  export_operation<clear>(env, exports, "clear", context);
}

}  // namespace elastic
