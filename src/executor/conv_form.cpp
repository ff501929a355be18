#include "executor/conv_form.h"

#include <algorithm>
#include <cstring>

#include "executor/parallel.h"
#include "executor/profile.h"

namespace int8graph {

namespace {

std::vector<ConvOperand> operands(const ConvPlan& plan, std::span<const at::Tensor> arguments,
                                  c10::IntArrayRef result) {
  std::vector<ConvOperand> operands;
  for (const at::Tensor& operand : operands_of(plan.post_ops, arguments)) {
    operands.emplace_back(operand, result);
  }
  return operands;
}

std::optional<PickedPixels> pixels(const ConvPlan& plan, const OutputSpec& source) {
  if (are_all(1, plan.subsampling)) return {};
  return PickedPixels(channels_last(source), plan.subsampling);
}

}  // namespace

ConvOperand::ConvOperand(const at::Tensor& operand, c10::IntArrayRef result)
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

ConvForm::ConvForm(const ConvPlan& plan, std::span<const at::Tensor> arguments, OutputLayout layout,
                   bool may_overwrite)
    : plan_(plan),
      source_(spec_of(arguments[plan.source.argument])),
      result_(result_spec(plan, source_.sizes)),
      borders_(source_, result_, layout),
      pixels_(pixels(plan, source_)),
      operands_(operands(plan, arguments, result_.sizes)),
      summand_(plan.summand()) {
  if (!summand_) return;
  const OutputSpec spec = spec_of(arguments[*summand_].expand(result_.sizes));
  may_overwrite_ = may_overwrite && lies_in(spec, result_.strides);
  move_summand_ = relayout_to(spec, result_.strides);
}

ConvShapes ConvForm::shapes() const {
  ConvShapes shapes{
      pixels_ ? pixels_->sizes() : c10::IntArrayRef(source_.sizes), result_.sizes, {}};
  for (const ConvOperand& operand : operands_) shapes.operands.push_back(operand.form());
  return shapes;
}

at::Tensor ConvForm::with(const at::Tensor& summand) const {
  if (may_overwrite_ && is_unique(summand)) return allocate_over(summand, result_);
  if (move_summand_) return allocate_over(move_summand_->run(summand), result_);
  const KernelTimer timer;
  at::Tensor result = allocate(result_);
  const auto* const from = static_cast<const char*>(summand.const_data_ptr());
  auto* const to = static_cast<char*>(result.data_ptr());
  constexpr int64_t kAtOnce = 16;  // bytes, in the time that it takes to read a number
  const auto bytes = static_cast<int64_t>(summand.nbytes());
  parallel_for((bytes + kAtOnce - 1) / kAtOnce, 1, [&](int64_t first, int64_t last) {
    const int64_t begin = first * kAtOnce, end = std::min(bytes, last * kAtOnce);
    std::memcpy(to + begin, from + begin, static_cast<size_t>(end - begin));
  });
  return result;
}

bool may_overwrite_summand(const ConvPlan& plan, const std::vector<bool>& reusable) {
  const auto summand = plan.summand();
  const bool is_read_too = std::ranges::any_of(
      plan.post_ops, [&](const PostOp& op) { return op.argument && op.argument == summand; });
  return summand && reusable[*summand] && *summand != plan.source.argument && !is_read_too;
}

}  // namespace int8graph
