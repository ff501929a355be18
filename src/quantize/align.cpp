#include "quantize/align.h"

#include <algorithm>

namespace int8graph {

std::vector<std::pair<size_t, size_t>> align(size_t first_length, size_t second_length,
                                             const std::function<int64_t(size_t, size_t)>& weight) {
  // best[i][j]: the weight of the suffixes i.. and j..
  std::vector<std::vector<int64_t>> best(first_length + 1,
                                         std::vector<int64_t>(second_length + 1, 0));
  for (size_t i = first_length; i-- > 0;) {
    for (size_t j = second_length; j-- > 0;) {
      const int64_t pair = weight(i, j);
      best[i][j] =
          std::max({best[i + 1][j], best[i][j + 1], pair > 0 ? best[i + 1][j + 1] + pair : 0});
    }
  }
  std::vector<std::pair<size_t, size_t>> pairs;
  for (size_t i = 0, j = 0; i < first_length && j < second_length;) {
    const int64_t pair = weight(i, j);
    if (pair > 0 && best[i][j] == best[i + 1][j + 1] + pair) {
      pairs.emplace_back(i++, j++);
    } else if (best[i][j] == best[i + 1][j]) {
      ++i;
    } else {
      ++j;
    }
  }
  return pairs;
}

}  // namespace int8graph
