#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <memory>
#include <oneapi/dnnl/dnnl.hpp>
#include <span>
#include <string>
#include <vector>

#include "executor/primitive_constants.h"

namespace int8graph {

/// A primitive and the arguments of its calls. Immutable to its callers; run by many threads.
///
/// oneDNN takes some 2,500 instructions to make a dnnl::memory and to free it, and a call has three
/// or more: that is more than all else around a small layer. So they are kept. A call takes a set
/// that is idle, points it to its data and puts it back. Nobody waits: who finds none makes one, as
/// the first call does.
class PrimitiveRunner {
 public:
  /// @param constants the arguments that all calls share
  /// @param places of those that each call brings, such as DNNL_ARG_SRC
  PrimitiveRunner(const dnnl::primitive_desc_base& description, PrimitiveConstants constants,
                  std::vector<int> places);

  /// @param data of the arguments, in the order of `places`; read, or written where it is a result
  /// @throws dnnl::error if oneDNN can't.
  void run(std::span<const void* const> data) const;

  /// oneDNN's name of the kernel, such as "brgconv:avx512_core_vnni".
  std::string implementation() const { return description().impl_info_str(); }
  /// The sizes of an argument, as the verbose log shows them.
  std::string sizes(int place) const;

 private:
  struct Call;

  /// Calls that nobody makes at the moment.
  class IdleCalls {
   public:
    IdleCalls() = default;
    ~IdleCalls();
    IdleCalls(const IdleCalls&) = delete;
    IdleCalls& operator=(const IdleCalls&) = delete;

    std::unique_ptr<Call> take();
    void put(std::unique_ptr<Call> call);

   private:
    // For so many threads in the same layer at the same time; further ones make calls of their own.
    std::array<std::atomic<Call*>, 4> slots_{};
  };

  std::unique_ptr<Call> new_call() const;

  dnnl::primitive_desc_base description() const;

  dnnl::primitive primitive_;
  PrimitiveConstants constants_;
  std::vector<int> places_;
  size_t scratch_bytes_;
  std::unique_ptr<IdleCalls> idle_ = std::make_unique<IdleCalls>();
};

}  // namespace int8graph
