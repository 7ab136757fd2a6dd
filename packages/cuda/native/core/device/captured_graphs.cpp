#include "core/device/captured_graphs.h"

#include <map>
#include <mutex>

#include "core/device/check.h"
#include "core/device/device.h"

namespace elastic {
namespace {

std::mutex mutex;
int64_t next_graph = 1;

std::map<int64_t, cudaGraphExec_t>& graphs() {
  // The driver may be gone before static objects are.
  static auto& instance = *new std::map<int64_t, cudaGraphExec_t>;
  return instance;
}

}  // namespace

void begin_capture() {
  check(cudaStreamBeginCapture(Device::instance().stream, cudaStreamCaptureModeThreadLocal), "cudaStreamBeginCapture");
}

int64_t end_capture() {
  cudaGraph_t graph = nullptr;
  check(cudaStreamEndCapture(Device::instance().stream, &graph), "cudaStreamEndCapture");
  cudaGraphExec_t executable = nullptr;
  const cudaError_t status = cudaGraphInstantiate(&executable, graph, 0);
  cudaGraphDestroy(graph);
  check(status, "cudaGraphInstantiate");
  const std::lock_guard lock(mutex);
  graphs()[next_graph] = executable;
  return next_graph++;
}

void abandon_capture() {
  cudaGraph_t graph = nullptr;
  if (cudaStreamEndCapture(Device::instance().stream, &graph) == cudaSuccess && graph != nullptr) cudaGraphDestroy(graph);
  cudaGetLastError();
}

void replay_graph(int64_t graph) {
  const std::lock_guard lock(mutex);
  const auto found = graphs().find(graph);
  if (found == graphs().end()) throw std::range_error("there is no such graph");
  check(cudaGraphLaunch(found->second, Device::instance().stream), "cudaGraphLaunch");
}

bool release_graph(int64_t graph) {
  const std::lock_guard lock(mutex);
  const auto found = graphs().find(graph);
  if (found == graphs().end()) return false;
  // A replay may be under way.
  cudaStreamSynchronize(Device::instance().stream);
  cudaGraphExecDestroy(found->second);
  graphs().erase(found);
  return true;
}

}  // namespace elastic
