#include "executor/conv_kernel.h"

#include <algorithm>

#include "config/environment.h"
#include "executor/call_key.h"
#include "executor/conv_primitive.h"
#include "executor/picked_pixels.h"
#include "executor/primitive_cache.h"
#include "executor/relayout.h"
#include "executor/tensor_bridge.h"

namespace int8graph {

namespace {

using Arguments = std::span<const at::Tensor>;

/// What brings a post-op's operand into a form that oneDNN's fast kernels read: a single number,
/// one for each channel, or as large as the result, channels-last.
class ConvOperand {
 public:
  /// @throws c10::Error if it can't be broadcast to a result of these sizes
  ConvOperand(const at::Tensor& operand, c10::IntArrayRef result)
      : form_{std::vector<int64_t>(result.size(), 1), {}, operand.scalar_type(), {}} {
    const at::Tensor whole = operand.expand(result);
    std::ranges::copy_backward(operand.sizes(), form_.sizes.end());
    const bool is_by_channel = operand.numel() == result[1] && form_.sizes[1] == result[1];
    if (operand.is_contiguous() && (operand.numel() == 1 || is_by_channel)) {
      form_.strides = dense_strides(form_.sizes);
    } else {
      form_ = channels_last(spec_of(whole));
      relayout_ = relayout_to(spec_of(whole), form_.strides);
    }
  }

  const OutputSpec& form() const { return form_; }
  at::Tensor read(const at::Tensor& operand) const {
    return relayout_ ? relayout_->run(operand) : operand;
  }

 private:
  OutputSpec form_;
  std::optional<Relayout> relayout_;
};

/// A plan's convolution for arguments of one form, and what brings these into its layout.
class ConvCall {
 public:
  ConvCall(const ConvPlan& plan, const ConvConstants& constants, Arguments arguments,
           OutputLayout layout)
      : result_(result_spec(plan, arguments[plan.source.argument].sizes())),
        borders_(spec_of(arguments[plan.source.argument]), result_, layout),
        pixels_(pixels(plan, arguments[plan.source.argument])),
        operands_(operands(plan, arguments, result_.sizes)),
        convolution_(plan, constants, shapes(arguments[plan.source.argument])) {
    if (const auto summand = plan.summand()) {
      const OutputSpec spec = spec_of(arguments[*summand].expand(result_.sizes));
      may_become_result_ = lies_in(spec, result_.strides);
      copy_summand_.emplace(spec, result_.strides);
    }
  }

  /// @param summand null if there is none
  /// @param operands of the binary post-ops
  at::Tensor run(const at::Tensor& source, const at::Tensor* summand, bool may_overwrite,
                 Operands operands) const {
    const at::Tensor whole = borders_.read(source);
    const at::Tensor read = pixels_ ? pixels_->run(whole) : whole;
    for (size_t i = 0; i < operands.size(); ++i) operands[i] = operands_[i].read(operands[i]);
    at::Tensor result = summand == nullptr ? allocate(result_) : with(*summand, may_overwrite);
    convolution_.run(read.const_data_ptr(), result.data_ptr(), operands);
    return borders_.write(std::move(result));
  }

  std::string implementation() const { return convolution_.implementation(); }
  std::string shape() const { return convolution_.shape(); }

 private:
  static std::vector<ConvOperand> operands(const ConvPlan& plan, Arguments arguments,
                                           c10::IntArrayRef result) {
    std::vector<ConvOperand> operands;
    for (const at::Tensor& operand : operands_of(plan.post_ops, arguments)) {
      operands.emplace_back(operand, result);
    }
    return operands;
  }

  static std::optional<PickedPixels> pixels(const ConvPlan& plan, const at::Tensor& source) {
    const auto steps_over = [](int64_t step) { return step > 1; };
    if (std::ranges::none_of(plan.subsampling, steps_over)) return {};
    return PickedPixels(channels_last(spec_of(source)), plan.subsampling);
  }

  ConvShapes shapes(const at::Tensor& source) const {
    ConvShapes shapes{pixels_ ? pixels_->sizes() : source.sizes(), result_.sizes, {}};
    for (const ConvOperand& operand : operands_) shapes.operands.push_back(operand.form());
    return shapes;
  }

  /// The result's buffer with the summand in it.
  at::Tensor with(const at::Tensor& summand, bool may_overwrite) const {
    const bool in_place = may_overwrite && may_become_result_;
    return allocate_over(in_place ? summand : copy_summand_->run(summand), result_);
  }

  OutputSpec result_;
  ChannelsLastBorders borders_;
  std::optional<PickedPixels> pixels_;
  std::vector<ConvOperand> operands_;
  ConvPrimitive convolution_;
  std::optional<Relayout> copy_summand_;
  bool may_become_result_ = false;
};

class ConvKernel final : public PrimitiveKernel {
 public:
  ConvKernel(ConvPlan plan, std::string name, OutputLayout layout, bool may_reuse_summand,
             Weights weights)
      : plan_(std::move(plan)),
        layout_(layout),
        may_reuse_summand_(may_reuse_summand),
        summand_(plan_.summand()),
        constants_(plan_, weights),
        cache_(std::move(name), compile_cache_capacity()) {}

  std::optional<at::Tensor> run(Arguments arguments) const override {
    const at::Tensor& source = arguments[plan_.source.argument];
    const at::Tensor* summand = summand_ ? &arguments[*summand_] : nullptr;
    const auto call = cache_.find_or_make(
        CallKey(arguments).view(), [&] { return ConvCall(plan_, constants_, arguments, layout_); });
    if (!call->has_value()) return {};
    Operands operands = operands_of(plan_.post_ops, arguments);
    return (*call)->run(source, summand, may_reuse_summand_ && is_unique(*summand),
                        std::move(operands));
  }

  void restore_weight() const override { constants_.restore_weight(); }

 private:
  const ConvPlan plan_;
  const OutputLayout layout_;
  const bool may_reuse_summand_;
  const std::optional<size_t> summand_;
  const ConvConstants constants_;
  const PrimitiveCache<ConvCall> cache_;
};

}  // namespace

std::unique_ptr<const PrimitiveKernel> make_conv_kernel(ConvPlan plan, std::string name,
                                                        OutputLayout layout,
                                                        const std::vector<bool>& reusable,
                                                        Weights weights) {
  const auto summand = plan.summand();
  const bool is_read_too = std::ranges::any_of(
      plan.post_ops, [&](const PostOp& op) { return op.argument && op.argument == summand; });
  const bool may_reuse =
      summand && reusable[*summand] && *summand != plan.source.argument && !is_read_too;
  return std::make_unique<ConvKernel>(std::move(plan), std::move(name), layout, may_reuse, weights);
}

}  // namespace int8graph
