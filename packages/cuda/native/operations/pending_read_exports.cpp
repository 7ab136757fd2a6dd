#include "operations/pending_read_exports.h"

#include <cstring>
#include <map>

#include "addon/call.h"
#include "core/memory/pending_reads.h"

namespace elastic {
namespace {

/** Sizes of the reads of one JavaScript environment: a worker that ends gives their memory back. */
struct OwnedReads final : CallContext {
  std::map<int64_t, size_t> bytes;
  ~OwnedReads() override {
    for (const auto& [read, size] : bytes) release_read(read);
  }
  void enter() const override {}
};

OwnedReads& owned(const Napi::CallbackInfo& info) {
  return *static_cast<OwnedReads*>(static_cast<CallContext*>(info.Data()));
}

Napi::Value start(const Napi::CallbackInfo& info) {
  return guarded_value(info, [&](Call& call) {
    const Matrix matrix = call.tensor("tensor");
    const auto element = static_cast<size_t>(byte_size(matrix.dtype));
    const auto rows = static_cast<size_t>(matrix.rows);
    const size_t row_bytes = static_cast<size_t>(matrix.columns) * element;
    const bool dense = matrix.rows <= 1 || matrix.row_stride == matrix.columns;
    const int64_t read = dense ? start_read(matrix.data, 1, rows * row_bytes, rows * row_bytes)
                               : start_read(matrix.data, rows, row_bytes, static_cast<size_t>(matrix.row_stride) * element);
    owned(info).bytes[read] = rows * row_bytes;
    return Napi::Number::New(info.Env(), static_cast<double>(read));
  });
}

Napi::Value finish(const Napi::CallbackInfo& info) {
  return guarded_value(info, [&](Call& call) {
    const int64_t read = call.integer("read");
    const auto found = owned(info).bytes.find(read);
    call.require(found != owned(info).bytes.end(), "there is no such read");
    const char* source = await_read(read);
    Napi::Uint8Array result = Napi::Uint8Array::New(info.Env(), found->second);
    if (found->second > 0) std::memcpy(result.Data(), source, found->second);
    return Napi::Value(result);
  });
}

Napi::Value release(const Napi::CallbackInfo& info) {
  return guarded_value(info, [&](Call& call) {
    const int64_t read = call.integer("read");
    const bool valid = owned(info).bytes.erase(read) > 0 && release_read(read);
    return Napi::Boolean::New(info.Env(), valid);
  });
}

}  // namespace

void export_pending_reads(Napi::Env env, Napi::Object exports) {
  auto* reads = new OwnedReads;
  CallContext* context = reads;
  env.AddCleanupHook([](OwnedReads* gone) { delete gone; }, reads);
  exports.Set("pendingReadBytes", Napi::Number::New(env, static_cast<double>(kPendingReadBytes)));
  exports.Set("startRead", Napi::Function::New(env, start, "startRead", context));
  exports.Set("finishRead", Napi::Function::New(env, finish, "finishRead", context));
  exports.Set("releaseRead", Napi::Function::New(env, release, "releaseRead", context));
}

}  // namespace elastic
