#pragma once

#include <ATen/core/Tensor.h>

#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "executor/conv_plan.h"
#include "executor/conv_primitive.h"
#include "executor/picked_pixels.h"
#include "executor/relayout.h"

namespace int8graph {

/// What brings a post-op's operand into a form that oneDNN's fast kernels read: a single number,
/// one for each channel, or as large as the result, channels-last.
class ConvOperand {
 public:
  /// @throws c10::Error if it can't be broadcast to a result of these sizes
  ConvOperand(const at::Tensor& operand, c10::IntArrayRef result);

  const OutputSpec& form() const { return form_; }
  at::Tensor read(const at::Tensor& operand) const {
    return relayout_ ? relayout_->run(operand) : operand;
  }

 private:
  OutputSpec form_;
  std::optional<Relayout> relayout_;
};

/// What brings a plan's arguments of one form into a convolution's layout, channels-last and dense,
/// and its result into the one that is wanted. Immutable; run by many threads.
class ConvForm {
 public:
  /// @param plan outlives this
  /// @param arguments the partition's
  /// @param layout how the result is wanted
  /// @param may_overwrite whether the result may lie where the summand does, see
  ///   may_overwrite_summand()
  /// @throws std::invalid_argument, c10::Error if they do not fit the plan
  ConvForm(const ConvPlan& plan, std::span<const at::Tensor> arguments, OutputLayout layout,
           bool may_overwrite);

  /// What the convolution reads and writes, as long as this lives.
  ConvShapes shapes() const;

  /// @param convolve `void(source, result, operands)`; the result holds the summand, where the plan
  ///   has one
  template <typename Convolve>
  at::Tensor run(std::span<const at::Tensor> arguments, const Convolve& convolve) const {
    const at::Tensor whole = borders_.read(arguments[plan_.source.argument]);
    const at::Tensor read = pixels_ ? pixels_->run(whole) : whole;
    Operands operands = operands_of(plan_.post_ops, arguments);
    for (size_t i = 0; i < operands.size(); ++i) operands[i] = operands_[i].read(operands[i]);
    at::Tensor result = summand_ ? with(arguments[*summand_]) : allocate(result_);
    convolve(read, result, std::span<const at::Tensor>(operands));
    return borders_.write(std::move(result));
  }

 private:
  /// The result's buffer with the summand in it.
  at::Tensor with(const at::Tensor& summand) const;

  const ConvPlan& plan_;
  OutputSpec source_, result_;
  ChannelsLastBorders borders_;
  std::optional<PickedPixels> pixels_;
  std::vector<ConvOperand> operands_;
  std::optional<size_t> summand_;         // which argument
  std::optional<Relayout> move_summand_;  // where it does not lie as the result will
  bool may_overwrite_ = false;
};

/// Whether the plan's summand may be overwritten once nobody else holds it: the convolution does
/// not read it, too.
/// @param reusable which of the partition's inputs may be
bool may_overwrite_summand(const ConvPlan& plan, const std::vector<bool>& reusable);

}  // namespace int8graph
