#include "selection/select_blocks.h"

#include <algorithm>
#include <numeric>
#include <vector>

namespace elastic {

void select_blocks(const double* mass, int64_t row, double threshold, uint8_t* chosen) {
  double total = 0;
  for (int64_t block = 0; block <= row; ++block) total += mass[block];
  const double required = total * threshold;
  double late = 0, taken = mass[row];
  std::vector<int64_t> others(static_cast<std::size_t>(row));
  std::iota(others.begin(), others.end(), int64_t{0});
  std::stable_sort(others.begin(), others.end(), [&](int64_t a, int64_t b) { return mass[a] > mass[b]; });
  for (const int64_t block : others) {
    if (!(late < required)) break;
    chosen[block] = 1;
    late = taken;
    taken += mass[block];
  }
  chosen[0] = chosen[row] = 1;
}

}  // namespace elastic
