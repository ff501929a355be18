#include "cli/progress.h"

#include <unistd.h>

#include <cstdio>
#include <utility>

namespace int8graph {

namespace {

constexpr size_t kWidth = 24;
constexpr std::chrono::milliseconds kInterval(100);

}  // namespace

Progress::Progress(std::string title, size_t total)
    : title_(std::move(title)), total_(total), is_shown_(total > 0 && isatty(STDERR_FILENO) == 1) {
  if (is_shown_) draw();
}

Progress::~Progress() {
  if (is_shown_) std::fputs("\r\033[K", stderr);
}

void Progress::step() {
  ++done_;
  const auto now = std::chrono::steady_clock::now();
  if (!is_shown_ || now - drawn_ < kInterval) return;
  drawn_ = now;
  draw();
}

void Progress::draw() const {
  const size_t filled = kWidth * done_ / total_;
  std::string line = "\r" + title_ + "  [" + std::string(filled, '#') +
                     std::string(kWidth - filled, '.') + "]  " + std::to_string(done_) + "/" +
                     std::to_string(total_);
  if (done_ > 0) {
    const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - start_;
    const double left =
        passed.count() * static_cast<double>(total_ - done_) / static_cast<double>(done_);
    line += "  " + std::to_string(static_cast<long>(left + 0.5)) + " s left";
  }
  std::fputs((line + "\033[K").c_str(), stderr);
}

}  // namespace int8graph
