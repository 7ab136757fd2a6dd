#include "ranks/peer_exports.h"

#include <cstring>

#include "addon/call.h"
#include "core/device/device.h"
#include "ranks/peer_kernels.h"

namespace elastic {
namespace {

/** (rank, size) -> what the other ranks need of this one, as bytes. */
Napi::Value open_peers(const Napi::CallbackInfo& info) {
  return guarded_value(info, [&](Call& call) -> Napi::Value {
    // One after the other: arguments of a function come in any order.
    const int64_t rank = call.integer("rank");
    const int64_t size = call.integer("size");
    const PeerHandle handle = open_peer_memory(static_cast<int>(rank), static_cast<int>(size));
    auto bytes = Napi::Uint8Array::New(info.Env(), sizeof handle);
    std::memcpy(bytes.Data(), &handle, sizeof handle);
    return bytes;
  });
}

/** (bytes of all ranks, one after another) -> why their memory cannot be used; empty when it can. */
Napi::Value connect_peers(const Napi::CallbackInfo& info) {
  return guarded_call(info, [&]() -> Napi::Value {
    const auto bytes = info[0].As<Napi::Uint8Array>();
    std::vector<PeerHandle> handles(bytes.ByteLength() / sizeof(PeerHandle));
    std::memcpy(handles.data(), bytes.Data(), handles.size() * sizeof(PeerHandle));
    return Napi::String::New(info.Env(), connect_peer_memory(handles));
  });
}

void all_reduce(Call& call) {
  const Matrix values = call.tensor("values");
  call.require_float(values, "values");
  const int64_t bytes = values.rows * values.columns * byte_size(values.dtype);
  call.require(values.row_stride == values.columns || values.rows <= 1, "a sum over ranks takes dense rows");
  call.require(bytes % 16 == 0 && reinterpret_cast<uintptr_t>(values.data) % 16 == 0, "a sum over ranks takes whole units of 16 bytes");
  launch_peer_sum(peer_memory(), values.data, bytes, values.dtype, Device::instance().stream);
}

void gather_columns(Call& call) {
  const PeerView& peers = peer_memory();
  const Matrix input = call.tensor("input"), output = call.tensor("output");
  call.require_dtype(input, DType::F32, "input");
  call.require_dtype(output, DType::F32, "output");
  PeerColumns columns{input.floats(0), output.floats(0), input.rows, output.row_stride, {}};
  for (int rank = 0; rank < peers.size; ++rank) {
    const int64_t width = call.integer("columns of a rank");
    call.require(width >= 0 && columns.first[rank] + width <= output.columns, "the columns of the ranks do not fit the output");
    columns.first[rank + 1] = static_cast<int32_t>(columns.first[rank] + width);
  }
  call.require(columns.first[peers.size] == output.columns && input.rows == output.rows && (input.row_stride == input.columns || input.rows <= 1) &&
                   input.columns == columns.first[peers.rank + 1] - columns.first[peers.rank],
               "the columns of the ranks do not fit the tensors");
  launch_peer_gather(peers, columns, Device::instance().stream);
}

}  // namespace

void export_peers(Napi::Env env, Napi::Object exports) {
  exports.Set("openPeers", Napi::Function::New(env, open_peers));
  exports.Set("connectPeers", Napi::Function::New(env, connect_peers));
  exports.Set("peerAllReduce", Napi::Function::New(env, guarded<all_reduce>));
  exports.Set("peerGatherColumns", Napi::Function::New(env, guarded<gather_columns>));
}

}  // namespace elastic
