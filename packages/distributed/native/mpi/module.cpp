// What JavaScript sees of MPI.
#include <dlfcn.h>
#include <mpi.h>
#include <napi.h>

#include <memory>

#include "mpi/collectives.h"
#include "promise_call.h"

namespace elastic::mpi {
namespace {

Napi::Value bytes_to_array(Napi::Env env, const std::vector<uint8_t>& bytes) {
  auto array = Napi::Uint8Array::New(env, bytes.size());
  if (!bytes.empty()) std::copy(bytes.begin(), bytes.end(), array.Data());
  return array;
}

/** Runs a call of MPI on the main thread. */
template <typename Body>
auto guarded(const Napi::CallbackInfo& info, Body body) {
  try {
    return body();
  } catch (const std::runtime_error& error) {
    throw Napi::Error::New(info.Env(), error.what());
  }
}

Napi::Value initialize_mpi(const Napi::CallbackInfo& info) {
  // Node loads addons with local symbols; MPI's own plugins look for the library among the global ones.
  Dl_info library = {};
  if (dladdr(reinterpret_cast<void*>(&MPI_Init_thread), &library) != 0 && library.dli_fname != nullptr) {
    dlopen(library.dli_fname, RTLD_NOW | RTLD_GLOBAL | RTLD_NOLOAD);
  }
  return guarded(info, [&] {
    int provided = 0;
    check(MPI_Init_thread(nullptr, nullptr, MPI_THREAD_SERIALIZED, &provided), "start");
    if (provided < MPI_THREAD_SERIALIZED) throw std::runtime_error("this MPI was built without support for threads");
    check(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN), "start");
    char version[MPI_MAX_LIBRARY_VERSION_STRING] = {};
    int length = 0;
    check(MPI_Get_library_version(version, &length), "version");
    auto result = Napi::Object::New(info.Env());
    result.Set("rank", rank());
    result.Set("size", size());
    result.Set("library", std::string(version, static_cast<size_t>(length)));
    return result;
  });
}

Napi::Value start_barrier(const Napi::CallbackInfo& info) {
  return PromiseCall::start(info.Env(), info.Env().Undefined(), barrier, undefined);
}

Napi::Value start_broadcast(const Napi::CallbackInfo& info) {
  const Bytes own = bytes_of(info, 0, "bytes");
  const int root = integer_of(info, 1, "root");
  auto received = std::make_shared<std::vector<uint8_t>>();
  return PromiseCall::start(
      info.Env(), info[0], [=] { *received = broadcast(own.data, own.length, root); },
      [=](Napi::Env env) { return bytes_to_array(env, *received); });
}

Napi::Value start_sum(const Napi::CallbackInfo& info) {
  const bool wide = is_double(info, 0, "values");
  const Bytes values = bytes_of(info, 0, "values");
  const size_t count = values.length / (wide ? sizeof(double) : sizeof(float));
  return PromiseCall::start(info.Env(), info[0], [=] { all_reduce_sum(values.data, count, wide); }, undefined);
}

Napi::Value start_gather(const Napi::CallbackInfo& info) {
  const Bytes own = bytes_of(info, 0, "bytes");
  auto gathered = std::make_shared<std::vector<std::vector<uint8_t>>>();
  return PromiseCall::start(
      info.Env(), info[0], [=] { *gathered = all_gather(own.data, own.length); },
      [=](Napi::Env env) -> Napi::Value {
        auto list = Napi::Array::New(env, gathered->size());
        for (size_t rank = 0; rank < gathered->size(); rank++) {
          list.Set(static_cast<uint32_t>(rank), bytes_to_array(env, (*gathered)[rank]));
        }
        return list;
      });
}

/** Blocks its thread. (call, bytes) -> bytes of every rank; undefined when they have come for different things. */
Napi::Value exchange_now(const Napi::CallbackInfo& info) {
  const auto call = static_cast<uint64_t>(integer_of(info, 0, "call"));
  const Bytes own = bytes_of(info, 1, "bytes");
  return guarded(info, [&]() -> Napi::Value {
    const Announced announced = announce(call, own.length);
    if (!announced.agree()) return info.Env().Undefined();
    const auto all = all_gather(own.data, own.length, announced.lengths);
    auto list = Napi::Array::New(info.Env(), all.size());
    for (size_t rank = 0; rank < all.size(); rank++) list.Set(static_cast<uint32_t>(rank), bytes_to_array(info.Env(), all[rank]));
    return list;
  });
}

/** Blocks its thread. (call, float32 values) -> whether all ranks have come for a sum. */
Napi::Value sum_now(const Napi::CallbackInfo& info) {
  const auto call = static_cast<uint64_t>(integer_of(info, 0, "call"));
  if (is_double(info, 1, "values")) throw Napi::TypeError::New(info.Env(), "values must be a Float32Array");
  const Bytes values = bytes_of(info, 1, "values");
  const size_t count = values.length / sizeof(float);
  return guarded(info, [&]() -> Napi::Value {
    const Announced announced = announce(call, count);
    if (!announced.agree()) return Napi::Boolean::New(info.Env(), false);
    for (size_t other = 0; other < announced.lengths.size(); other++) {
      if (announced.lengths[other] == count) continue;
      throw std::runtime_error("rank " + std::to_string(other) + " sums " + std::to_string(announced.lengths[other]) + " values, rank " + std::to_string(rank()) + " " + std::to_string(count));
    }
    all_reduce_sum_in_order(reinterpret_cast<float*>(values.data), count);
    return Napi::Boolean::New(info.Env(), true);
  });
}

void finalize(const Napi::CallbackInfo& info) {
  guarded(info, [] { check(MPI_Finalize(), "end"); });
}

void abort_ranks(const Napi::CallbackInfo& info) {
  MPI_Abort(MPI_COMM_WORLD, integer_of(info, 0, "code"));
}

Napi::Object initialize(Napi::Env env, Napi::Object exports) {
  exports.Set("initialize", Napi::Function::New(env, initialize_mpi));
  exports.Set("barrier", Napi::Function::New(env, start_barrier));
  exports.Set("broadcast", Napi::Function::New(env, start_broadcast));
  exports.Set("allReduceSum", Napi::Function::New(env, start_sum));
  exports.Set("allGather", Napi::Function::New(env, start_gather));
  exports.Set("exchangeNow", Napi::Function::New(env, exchange_now));
  exports.Set("sumNow", Napi::Function::New(env, sum_now));
  exports.Set("finalize", Napi::Function::New(env, finalize));
  exports.Set("abort", Napi::Function::New(env, abort_ranks));
  return exports;
}

}  // namespace

NODE_API_MODULE(elastic_attention_mpi, initialize)

}  // namespace elastic::mpi
