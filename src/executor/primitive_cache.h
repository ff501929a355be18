#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "config/elapsed.h"
#include "config/environment.h"
#include "executor/snapshot_cache.h"

namespace int8graph {

/// One partition's primitives, made when they are first asked for. A refusal is remembered, too.
/// @tparam Primitive has `std::string implementation() const`, the name of its kernel, and
///   `std::string shape() const`, what it was made for.
template <typename Primitive>
class PrimitiveCache {
 public:
  /// @param otherwise what the verbose log says of calls that oneDNN has no primitive for
  PrimitiveCache(std::string name, size_t capacity, std::string otherwise = "left to oneDNN Graph")
      : name_(std::move(name)), otherwise_(std::move(otherwise)), cache_(capacity) {}

  using Outcome = std::optional<Primitive>;

  /// Never null; points to nothing where oneDNN refuses, or has only its reference kernel.
  /// @param make returns a Primitive
  template <typename Make>
  std::shared_ptr<const Outcome> find_or_make(CacheKey key, const Make& make) const {
    return cache_.find_or_make(key, [&] { return std::make_shared<Outcome>(try_to(make)); });
  }

 private:
  /// Alone, or inside of another: "ref:any", "conv:any+ref:any".
  static bool is_reference(const std::string& implementation) {
    return implementation.starts_with("ref") || implementation.find("+ref") != std::string::npos;
  }

  template <typename Make>
  Outcome try_to(const Make& make) const {
    const auto start = std::chrono::steady_clock::now();
    try {
      Outcome outcome(make());
      const std::string implementation = outcome->implementation();
      if (is_reference(implementation)) return refused("it has only its reference kernel");
      log_verbose([&] {
        return name_ + ": primitive " + implementation + " for " + outcome->shape() + " in " +
               std::to_string(milliseconds_since(start)) + " ms";
      });
      return outcome;
    } catch (const std::exception& error) {  // oneDNN lets std::bad_alloc out for odd shapes
      return refused(error.what());
    }
  }

  Outcome refused(const std::string& reason) const {
    if (!told_.exchange(true)) {
      log_verbose([&] { return name_ + ": " + otherwise_ + ": no primitive for this: " + reason; });
    }
    return {};
  }

  const std::string name_;
  const std::string otherwise_;
  mutable SnapshotCache<Outcome> cache_;
  mutable std::atomic<bool> told_{false};
};

}  // namespace int8graph
