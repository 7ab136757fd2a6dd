#include "addon/call.h"

#include <cmath>

#include "addon/backend.h"
#include "addon/device_failure.h"

namespace elastic {
namespace {

constexpr double kLargest = 9007199254740991.0;

Napi::Error with_code(Napi::Error error, const char* code) {
  error.Set("code", Napi::String::New(error.Env(), code));
  return error;
}

Napi::Error out_of_memory(Napi::Env env, double bytes) {
  Napi::Error error = with_code(Napi::Error::New(env, "out of memory"), "OUT_OF_MEMORY");
  error.Set("requestedBytes", Napi::Number::New(env, bytes));
  return error;
}

}  // namespace

Call::Call(const Napi::CallbackInfo& info) : env_(info.Env()), values_(nullptr), length_(0) {
  const bool valid = info.Length() >= 1 && info[0].IsTypedArray() &&
                     info[0].As<Napi::TypedArray>().TypedArrayType() == napi_float64_array;
  if (!valid) throw Napi::TypeError::New(env_, "a kernel takes its arguments packed in a Float64Array");
  const auto array = info[0].As<Napi::Float64Array>();
  length_ = array.ElementLength();
  values_ = length_ == 0 ? nullptr : array.Data();
}

double Call::number(const char* name) {
  if (next_ >= length_) throw Napi::TypeError::New(env_, std::string(name) + " is missing");
  return values_[next_++];
}

int64_t Call::integer(const char* name) {
  const double value = number(name);
  if (!(value >= -kLargest && value <= kLargest) || value != std::floor(value)) {
    throw Napi::TypeError::New(env_, std::string(name) + " must be a whole number");
  }
  return static_cast<int64_t>(value);
}

Matrix Call::tensor(const char* name) {
  Matrix matrix = optional_tensor(name);
  if (matrix.data == nullptr) throw Napi::TypeError::New(env_, std::string(name) + " is missing");
  return matrix;
}

Matrix Call::optional_tensor(const char* name) {
  const int64_t id = integer(name);
  const int64_t offset = integer(name), rows = integer(name), columns = integer(name), stride = integer(name);
  const int64_t dtype = integer(name);
  if (id == 0) return Matrix{};
  if (id < 0 || id > UINT32_MAX || dtype < 0 || dtype >= kDTypes || offset < 0 || rows < 0 || columns < 0 || stride < 0) {
    throw Napi::TypeError::New(env_, std::string(name) + " is not a tensor");
  }
  const BufferTable::Block block = BufferTable::instance().find(static_cast<uint32_t>(id));
  if (block.data == nullptr) throw Napi::TypeError::New(env_, std::string(name) + " is a disposed tensor");
  const auto type = static_cast<DType>(dtype);
  if (rows > 0 && columns > 0) {
    // 128-bit arithmetic: products of hostile sizes must not wrap around into the buffer.
    const __int128 last = static_cast<__int128>(rows - 1) * stride + row_elements(type, columns) + offset;
    if (last * byte_size(type) > static_cast<__int128>(block.bytes)) {
      throw Napi::RangeError::New(env_, std::string(name) + " leaves its buffer");
    }
  }
  return Matrix{block.data + offset * byte_size(type), rows, columns, stride, type};
}

void Call::require(bool condition, const char* message) const {
  if (!condition) throw Napi::RangeError::New(env_, message);
}

void Call::require_dtype(const Matrix& matrix, DType dtype, const char* name) const {
  if (matrix.dtype != dtype) throw Napi::TypeError::New(env_, std::string(name) + " has another dtype than expected");
}

Napi::Error javascript_error(Napi::Env env) {
  try {
    throw;
  } catch (const Napi::Error& error) {
    return error;
  } catch (const OutOfMemory& error) {
    return out_of_memory(env, static_cast<double>(error.requested));
  } catch (const std::bad_alloc&) {
    return out_of_memory(env, 0);
  } catch (const DeviceFailure& error) {
    Napi::Error result = with_code(Napi::Error::New(env, error.what()), "DEVICE");
    result.Set("sticky", Napi::Boolean::New(env, error.sticky));
    return result;
  } catch (const std::range_error& error) {
    return Napi::RangeError::New(env, error.what());
  } catch (const std::exception& error) {
    return Napi::Error::New(env, error.what());
  } catch (...) {
    return Napi::Error::New(env, "an exception of no known type");
  }
}

void Call::require_cache_rows(const Matrix& matrix, const char* name) const {
  if (!is_rounded(matrix.dtype)) return require_float(matrix, name);
  if (!reads_rounded_rows()) throw Napi::TypeError::New(env_, std::string(name) + " are rounded, the kernel reads floats");
  require(matrix.row_stride == row_elements(matrix.dtype, matrix.columns), "rounded rows leave room between them");
}

void Call::require_float(const Matrix& matrix, const char* name) const {
  if (!computes_with(matrix.dtype)) {
    throw Napi::TypeError::New(env_, std::string(name) + " has a dtype that the kernel does not compute with");
  }
}

}  // namespace elastic
