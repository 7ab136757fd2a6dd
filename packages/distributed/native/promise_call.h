// A blocking call carried out on a thread of Node's pool, as a promise.
#pragma once

#include <napi.h>

#include <functional>
#include <stdexcept>
#include <string>
#include <utility>

namespace elastic {

/** Runs `body` off the main thread; `result` makes the promise's value on it. `argument` is kept alive until then. */
class PromiseCall : public Napi::AsyncWorker {
 public:
  using Body = std::function<void()>;
  using Result = std::function<Napi::Value(Napi::Env)>;

  static Napi::Value start(Napi::Env env, Napi::Value argument, Body body, Result result) {
    auto* call = new PromiseCall(env, std::move(body), std::move(result));
    if (argument.IsObject()) call->argument_ = Napi::Persistent(argument.As<Napi::Object>());
    const Napi::Promise promise = call->deferred_.Promise();
    call->Queue();
    return promise;
  }

 protected:
  void Execute() override { body_(); }
  void OnOK() override {
    const Napi::HandleScope scope(Env());
    deferred_.Resolve(result_(Env()));
  }
  void OnError(const Napi::Error& error) override { deferred_.Reject(error.Value()); }

 private:
  PromiseCall(Napi::Env env, Body body, Result result)
      : AsyncWorker(env, "elastic_attention_distributed"), deferred_(env), body_(std::move(body)), result_(std::move(result)) {}

  Napi::Promise::Deferred deferred_;
  Napi::ObjectReference argument_;
  Body body_;
  Result result_;
};

inline Napi::Value undefined(Napi::Env env) { return env.Undefined(); }

/** The bytes of a typed array that is passed as `what`. Throws TypeError. */
struct Bytes {
  uint8_t* data;
  size_t length;
};

inline Bytes bytes_of(const Napi::CallbackInfo& info, size_t index, const char* what) {
  if (info.Length() <= index || !info[index].IsTypedArray()) throw Napi::TypeError::New(info.Env(), std::string(what) + " must be a typed array");
  const auto array = info[index].As<Napi::TypedArray>();
  auto buffer = array.ArrayBuffer();
  auto* data = static_cast<uint8_t*>(buffer.Data());
  if (data == nullptr && array.ByteLength() > 0) throw Napi::TypeError::New(info.Env(), std::string(what) + " is detached");
  return {data == nullptr ? nullptr : data + array.ByteOffset(), array.ByteLength()};
}

/** Whether the array passed as `what` holds float64 (true) or float32 (false). Throws TypeError for any other. */
inline bool is_double(const Napi::CallbackInfo& info, size_t index, const char* what) {
  bytes_of(info, index, what);
  const auto type = info[index].As<Napi::TypedArray>().TypedArrayType();
  if (type != napi_float32_array && type != napi_float64_array) {
    throw Napi::TypeError::New(info.Env(), std::string(what) + " must be a Float32Array or a Float64Array");
  }
  return type == napi_float64_array;
}

inline int32_t integer_of(const Napi::CallbackInfo& info, size_t index, const char* what) {
  if (info.Length() <= index || !info[index].IsNumber()) throw Napi::TypeError::New(info.Env(), std::string(what) + " must be a number");
  return info[index].As<Napi::Number>().Int32Value();
}

}  // namespace elastic
