#pragma once
#include <napi.h>

#include <cstdint>
#include <string>

#include "addon/buffer_table.h"
#include "addon/call_context.h"
#include "addon/values/numeric.h"

namespace elastic {

/**
 * Arguments of a kernel call. JavaScript packs them into one Float64Array: six numbers for a tensor (buffer, first
 * element, rows, columns, row stride, dtype), one for a scalar. Every tensor is checked to lie inside its buffer.
 */
class Call {
 public:
  explicit Call(const Napi::CallbackInfo& info);
  /** The next tensor. @throws Napi::Error (TypeError, RangeError) */
  Matrix tensor(const char* name);
  /** The next tensor, or one without data where JavaScript gave buffer 0. */
  Matrix optional_tensor(const char* name);
  double number(const char* name);
  int64_t integer(const char* name);
  bool flag(const char* name) { return number(name) != 0; }
  Napi::Env env() const { return env_; }
  /** Raises a RangeError unless the condition holds. */
  void require(bool condition, const char* message) const;
  void require_dtype(const Matrix& matrix, DType dtype, const char* name) const;
  void require_float(const Matrix& matrix, const char* name) const;
  /** Floats, or rows that a cache keeps rounded where the backend reads these. */
  void require_cache_rows(const Matrix& matrix, const char* name) const;

 private:
  Napi::Env env_;
  const double* values_;
  std::size_t length_;
  std::size_t next_ = 0;
};

/**
 * The JavaScript error for the C++ exception that is being handled: OutOfMemory gets the code "OUT_OF_MEMORY" and
 * `requestedBytes`, DeviceFailure the code "DEVICE" and `sticky`, a bad index is a RangeError.
 */
Napi::Error javascript_error(Napi::Env env);

/**
 * Runs fn() in the context of the called function; every C++ exception becomes a JavaScript one. The data of a function that
 * has any is its `CallContext*`, and nothing else.
 */
template <typename Function>
auto guarded_call(const Napi::CallbackInfo& info, const Function& fn) {
  try {
    if (info.Data() != nullptr) static_cast<const CallContext*>(info.Data())->enter();
    return fn();
  } catch (...) {
    throw javascript_error(info.Env());
  }
}

/** The same for a function that takes packed arguments: runs fn(call). */
template <typename Function>
Napi::Value guarded_value(const Napi::CallbackInfo& info, const Function& fn) {
  return guarded_call(info, [&]() -> Napi::Value {
    Call call(info);
    return fn(call);
  });
}

/** A kernel without a result as a JavaScript function. */
template <void (*function)(Call&)>
Napi::Value guarded(const Napi::CallbackInfo& info) {
  return guarded_value(info, [&](Call& call) {
    function(call);
    return info.Env().Undefined();
  });
}

}  // namespace elastic
