// What JavaScript sees of ranks that share memory. Every call blocks its thread.
#include <napi.h>

#include <cstring>
#include <map>
#include <memory>
#include <mutex>

#include "promise_call.h"
#include "shared/group.h"

namespace elastic::shared {
namespace {

std::mutex groups_mutex;
int next_group = 1;

/** Never destroyed: a process that ends without having left must not seem to have left. */
std::map<int, std::shared_ptr<Group>>& groups() {
  static auto& instance = *new std::map<int, std::shared_ptr<Group>>;
  return instance;
}

std::shared_ptr<Group> group_of(const Napi::CallbackInfo& info) {
  const int number = integer_of(info, 0, "group");
  const std::lock_guard lock(groups_mutex);
  const auto found = groups().find(number);
  if (found == groups().end()) throw Napi::TypeError::New(info.Env(), "no such group of ranks");
  return found->second;
}

template <typename Body>
Napi::Value guarded(const Napi::CallbackInfo& info, Body body) {
  try {
    return body();
  } catch (const std::runtime_error& error) {
    throw Napi::Error::New(info.Env(), error.what());
  }
}

/** (name, rank, size, seconds) -> number of the group. */
Napi::Value open_group(const Napi::CallbackInfo& info) {
  const std::string name = info[0].As<Napi::String>();
  const int rank = integer_of(info, 1, "rank");
  const int size = integer_of(info, 2, "size");
  const double seconds = info[3].As<Napi::Number>();
  return guarded(info, [&] {
    auto group = std::make_shared<Group>(name, rank, size, seconds);
    const std::lock_guard lock(groups_mutex);
    groups().emplace(next_group, std::move(group));
    return Napi::Number::New(info.Env(), next_group++);
  });
}

/** (group, call, bytes) -> bytes of every rank; undefined when they have come for different things. */
Napi::Value exchange(const Napi::CallbackInfo& info) {
  const auto group = group_of(info);
  const auto call = static_cast<Call>(integer_of(info, 1, "call"));
  const Bytes own = bytes_of(info, 2, "bytes");
  return guarded(info, [&]() -> Napi::Value {
    const auto all = group->exchange(call, own.data, own.length);
    if (!all.has_value()) return info.Env().Undefined();
    auto list = Napi::Array::New(info.Env(), all->size());
    for (size_t rank = 0; rank < all->size(); rank++) {
      const auto& bytes = (*all)[rank];
      auto array = Napi::Uint8Array::New(info.Env(), bytes.size());
      if (!bytes.empty()) std::memcpy(array.Data(), bytes.data(), bytes.size());
      list.Set(static_cast<uint32_t>(rank), array);
    }
    return list;
  });
}

/** (group, float32 values) -> whether all ranks have come for a sum. */
Napi::Value sum(const Napi::CallbackInfo& info) {
  const auto group = group_of(info);
  if (is_double(info, 1, "values")) throw Napi::TypeError::New(info.Env(), "values must be a Float32Array");
  const Bytes values = bytes_of(info, 1, "values");
  return guarded(info, [&] {
    return Napi::Boolean::New(info.Env(), group->all_reduce_sum(reinterpret_cast<float*>(values.data), values.length / sizeof(float)));
  });
}

void close_group(const Napi::CallbackInfo& info) {
  group_of(info);
  const std::lock_guard lock(groups_mutex);
  groups().erase(integer_of(info, 0, "group"));
}

Napi::Object initialize(Napi::Env env, Napi::Object exports) {
  exports.Set("open", Napi::Function::New(env, open_group));
  exports.Set("exchange", Napi::Function::New(env, exchange));
  exports.Set("sum", Napi::Function::New(env, sum));
  exports.Set("close", Napi::Function::New(env, close_group));
  return exports;
}

}  // namespace

NODE_API_MODULE(elastic_attention_ranks, initialize)

}  // namespace elastic::shared
