// The oneDNN side of the GEMM benchmark: y = x * transposed(w) in bf16, weights packed once in oneDNN's own layout.
//
// Reads lines "m k n repetitions" (x is [m, k], w is [n, k], y is [m, n]) and answers each with one line of JSON:
// {"seconds": [...], "best": s, "median": s, "checksum": c}. Threads: OMP_NUM_THREADS.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <exception>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include <dnnl.hpp>

namespace {

using dnnl::memory;

// The benchmark fills its own operands by the same rule. Multiples of 1/128 in [-1, 1) are exact in bf16, and sums of a
// few thousand of their products are exact in float32: both sides must agree to the last bit, whatever their order.
std::uint16_t exactValue(std::uint32_t index, std::uint32_t salt) {
  std::uint32_t hash = (index + salt) * 2654435761u;
  hash ^= hash >> 15;
  hash *= 2246822519u;
  hash ^= hash >> 13;
  const float value = static_cast<float>(static_cast<std::int8_t>(hash >> 24)) / 128.0f;
  std::uint32_t bits;
  static_assert(sizeof bits == sizeof value);
  std::copy_n(reinterpret_cast<const char*>(&value), sizeof bits, reinterpret_cast<char*>(&bits));
  return static_cast<std::uint16_t>(bits >> 16);
}

void fill(memory& target, std::uint32_t salt) {
  auto* values = static_cast<std::uint16_t*>(target.get_data_handle());
  const std::size_t count = target.get_desc().get_size() / sizeof(std::uint16_t);
  for (std::size_t i = 0; i < count; i++) values[i] = exactValue(static_cast<std::uint32_t>(i), salt);
}

// FNV-1a over the 16-bit patterns.
std::uint32_t checksum(const memory& source) {
  const auto* values = static_cast<const std::uint16_t*>(source.get_data_handle());
  const std::size_t count = source.get_desc().get_size() / sizeof(std::uint16_t);
  std::uint32_t hash = 2166136261u;
  for (std::size_t i = 0; i < count; i++) hash = (hash ^ values[i]) * 16777619u;
  return hash;
}

dnnl::matmul::primitive_desc describe(const dnnl::engine& engine, const memory::desc& x, const memory::desc& w,
                                      const memory::desc& y) {
#if DNNL_VERSION_MAJOR >= 3
  return {engine, x, w, y};
#else
  return {dnnl::matmul::desc(x, w, y), engine};
#endif
}

class Gemm {
 public:
  Gemm(const dnnl::engine& engine, memory::dim m, memory::dim k, memory::dim n)
      : m_(m), k_(k), n_(n), stream_(engine) {
    const auto bf16 = memory::data_type::bf16;
    const memory::desc x({m, k}, bf16, memory::format_tag::ab);
    const memory::desc anyWeight({k, n}, bf16, memory::format_tag::any);
    const memory::desc y({m, n}, bf16, memory::format_tag::ab);
    const auto descriptor = describe(engine, x, anyWeight, y);
    input_ = memory(x, engine);
    packed_ = memory(descriptor.weights_desc(), engine);
    output_ = memory(y, engine);
    fill(input_, 1);
    // [n, k] row by row is the transposed [k, n]: format "ba".
    memory plain({{k, n}, bf16, memory::format_tag::ba}, engine);
    fill(plain, 1000003);
    dnnl::reorder(plain, packed_).execute(stream_, plain, packed_);
    stream_.wait();
    product_ = dnnl::matmul(descriptor);
    run();
  }

  bool is(memory::dim m, memory::dim k, memory::dim n) const { return m == m_ && k == k_ && n == n_; }

  void run() {
    product_.execute(stream_, {{DNNL_ARG_SRC, input_}, {DNNL_ARG_WEIGHTS, packed_}, {DNNL_ARG_DST, output_}});
    stream_.wait();
  }

  std::uint32_t outputChecksum() const { return checksum(output_); }

 private:
  memory::dim m_, k_, n_;
  dnnl::stream stream_;
  dnnl::matmul product_;
  memory input_, packed_, output_;
};

std::string measure(Gemm& gemm, int repetitions) {
  std::vector<double> seconds;
  for (int i = 0; i < repetitions; i++) {
    const auto start = std::chrono::steady_clock::now();
    gemm.run();
    seconds.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  std::ostringstream answer;
  answer << "{\"seconds\": [";
  for (std::size_t i = 0; i < seconds.size(); i++) answer << (i > 0 ? ", " : "") << seconds[i];
  std::sort(seconds.begin(), seconds.end());
  const std::size_t middle = seconds.size() / 2;
  const double median = seconds.size() % 2 == 1 ? seconds[middle] : (seconds[middle - 1] + seconds[middle]) / 2;
  answer << "], \"best\": " << seconds.front() << ", \"median\": " << median << ", \"checksum\": " << gemm.outputChecksum()
         << "}";
  return answer.str();
}

}  // namespace

int main() {
  try {
    const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
    std::vector<Gemm> known;
    for (std::string line; std::getline(std::cin, line);) {
      std::istringstream request(line);
      memory::dim m = 0, k = 0, n = 0;
      int repetitions = 0;
      if (!(request >> m >> k >> n >> repetitions) || m < 1 || k < 1 || n < 1 || repetitions < 1) {
        std::cout << "{\"error\": \"expected: m k n repetitions, all above 0\"}" << std::endl;
        continue;
      }
      auto gemm = std::find_if(known.begin(), known.end(), [&](const Gemm& one) { return one.is(m, k, n); });
      if (gemm == known.end()) gemm = known.emplace(known.end(), engine, m, k, n);
      std::cout << measure(*gemm, repetitions) << std::endl;
    }
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "oneDNN: " << error.what() << std::endl;
    return 1;
  }
}
