#pragma once

#include <string>
#include <utility>

#include "config/environment.h"
#include "executor/call_key.h"
#include "executor/primitive_cache.h"
#include "executor/primitive_kernel.h"

namespace int8graph {

/// A kernel that needs nothing but its plan: for each form of its arguments it makes one Call,
/// which all threads run from then on.
/// @tparam Plan may have `void restore_weight() const`, see PrimitiveKernel.
/// @tparam Call is made of (const Plan&, arguments, OutputLayout), runs as `at::Tensor
///   run(arguments) const`, and is what a PrimitiveCache holds.
template <typename Plan, typename Call>
class CallKernel final : public PrimitiveKernel {
 public:
  CallKernel(Plan plan, std::string name, OutputLayout layout)
      : plan_(std::move(plan)),
        layout_(layout),
        cache_(std::move(name), compile_cache_capacity()) {}

  std::optional<at::Tensor> run(std::span<const at::Tensor> arguments) const override {
    const auto call = cache_.find_or_make(CallKey(arguments).view(),
                                          [&] { return Call(plan_, arguments, layout_); });
    if (!call->has_value()) return {};
    return (*call)->run(arguments);
  }

  void restore_weight() const override {
    if constexpr (requires { plan_.restore_weight(); }) plan_.restore_weight();
  }

 private:
  const Plan plan_;
  const OutputLayout layout_;
  const PrimitiveCache<Call> cache_;
};

}  // namespace int8graph
