#pragma once
#include <napi.h>

#include <cstdint>
#include <stdexcept>
#include <string>

#include "addon/buffer_table.h"
#include "addon/numeric.h"

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

 private:
  Napi::Env env_;
  const double* values_;
  std::size_t length_;
  std::size_t next_ = 0;
};

/** Runs fn(call) and turns every C++ exception into a JavaScript one; OutOfMemory gets the code "OUT_OF_MEMORY". */
template <typename Function>
Napi::Value guarded_value(const Napi::CallbackInfo& info, const Function& fn) {
  const auto out_of_memory = [&](double bytes) {
    Napi::Error wrapped = Napi::Error::New(info.Env(), "out of memory");
    wrapped.Set("code", Napi::String::New(info.Env(), "OUT_OF_MEMORY"));
    wrapped.Set("requestedBytes", Napi::Number::New(info.Env(), bytes));
    return wrapped;
  };
  try {
    Call call(info);
    return fn(call);
  } catch (const Napi::Error&) {
    throw;
  } catch (const OutOfMemory& error) {
    throw out_of_memory(static_cast<double>(error.requested));
  } catch (const std::range_error& error) {
    throw Napi::RangeError::New(info.Env(), error.what());
  } catch (const std::bad_alloc&) {
    throw out_of_memory(0);
  } catch (const std::exception& error) {
    throw Napi::Error::New(info.Env(), error.what());
  }
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
