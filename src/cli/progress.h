#pragma once

#include <chrono>
#include <cstddef>
#include <string>

namespace int8graph {

/// A line on stderr that grows with the work done. Only on a terminal: pipes and files get nothing.
///
///     calibrating  [##########..............]  42/100  12 s left
class Progress {
 public:
  Progress(std::string title, size_t total);

  /// Wipes the line out.
  ~Progress();

  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void step();

 private:
  void draw() const;

  const std::string title_;
  const size_t total_;
  const bool is_shown_;
  size_t done_ = 0;
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point drawn_;
};

}  // namespace int8graph
