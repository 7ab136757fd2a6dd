// What JavaScript sees of NCCL.
#include <napi.h>

#include <cstring>
#include <map>
#include <memory>
#include <mutex>

#include "nccl/group.h"
#include "promise_call.h"

namespace elastic::nccl {
namespace {

std::mutex groups_mutex;
std::map<uint32_t, std::shared_ptr<Group>> groups;
uint32_t next_group = 1;

std::shared_ptr<Group> group_of(const Napi::CallbackInfo& info) {
  const auto number = static_cast<uint32_t>(integer_of(info, 0, "communicator"));
  const std::lock_guard lock(groups_mutex);
  const auto found = groups.find(number);
  if (found == groups.end()) throw Napi::TypeError::New(info.Env(), "no such communicator");
  return found->second;
}

Napi::Value unavailable(const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(), libraries().unavailable);
}

/** Throws unless both libraries are there: their functions are null otherwise. */
const Libraries& required(const Napi::CallbackInfo& info) {
  if (!libraries().unavailable.empty()) throw Napi::Error::New(info.Env(), libraries().unavailable);
  return libraries();
}

Napi::Value device_count(const Napi::CallbackInfo& info) {
  int devices = 0;
  if (required(info).device_count(&devices) != 0) devices = 0;
  return Napi::Number::New(info.Env(), devices);
}

Napi::Value device_address(const Napi::CallbackInfo& info) {
  const Libraries& library = required(info);
  char address[32] = {};
  int device = 0;
  try {
    check_driver(library.device_get(&device, integer_of(info, 0, "device")), "device");
    check_driver(library.device_address(address, sizeof address, device), "address");
  } catch (const std::runtime_error& error) {
    throw Napi::Error::New(info.Env(), error.what());
  }
  return Napi::String::New(info.Env(), address);
}

Napi::Value unique_id(const Napi::CallbackInfo& info) {
  UniqueId id = {};
  try {
    check_nccl(required(info).unique_id(&id), "name");
  } catch (const std::runtime_error& error) {
    throw Napi::Error::New(info.Env(), error.what());
  }
  auto bytes = Napi::Uint8Array::New(info.Env(), sizeof id.bytes);
  std::memcpy(bytes.Data(), id.bytes, sizeof id.bytes);
  return bytes;
}

Napi::Value open_group(const Napi::CallbackInfo& info) {
  required(info);
  const Bytes bytes = bytes_of(info, 0, "id");
  UniqueId id = {};
  if (bytes.length != sizeof id.bytes) throw Napi::TypeError::New(info.Env(), "an id has 128 bytes");
  std::memcpy(id.bytes, bytes.data, sizeof id.bytes);
  const int rank = integer_of(info, 1, "rank");
  const int size = integer_of(info, 2, "size");
  const int device = integer_of(info, 3, "device");
  auto opened = std::make_shared<std::shared_ptr<Group>>();
  return PromiseCall::start(
      info.Env(), info.Env().Undefined(), [=] { *opened = std::make_shared<Group>(id, rank, size, device); },
      [=](Napi::Env env) -> Napi::Value {
        const std::lock_guard lock(groups_mutex);
        groups.emplace(next_group, *opened);
        return Napi::Number::New(env, next_group++);
      });
}

Napi::Value start_sum(const Napi::CallbackInfo& info) {
  const auto group = group_of(info);
  const bool wide = is_double(info, 1, "values");
  const Bytes values = bytes_of(info, 1, "values");
  const size_t count = values.length / (wide ? sizeof(double) : sizeof(float));
  return PromiseCall::start(
      info.Env(), info[1], [=] { group->all_reduce_sum(values.data, count, wide ? DataType::float64 : DataType::float32); }, undefined);
}

void close_group(const Napi::CallbackInfo& info) {
  group_of(info);
  const std::lock_guard lock(groups_mutex);
  groups.erase(static_cast<uint32_t>(integer_of(info, 0, "communicator")));
}

Napi::Object initialize(Napi::Env env, Napi::Object exports) {
  exports.Set("unavailable", Napi::Function::New(env, unavailable));
  exports.Set("deviceCount", Napi::Function::New(env, device_count));
  exports.Set("deviceAddress", Napi::Function::New(env, device_address));
  exports.Set("uniqueId", Napi::Function::New(env, unique_id));
  exports.Set("open", Napi::Function::New(env, open_group));
  exports.Set("allReduceSum", Napi::Function::New(env, start_sum));
  exports.Set("close", Napi::Function::New(env, close_group));
  return exports;
}

}  // namespace

NODE_API_MODULE(elastic_attention_nccl, initialize)

}  // namespace elastic::nccl
