#include "executor/patch_kernel.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <stdexcept>

#include "executor/call_kernel.h"
#include "executor/patch_rows.h"
#include "executor/relayout.h"
#include "executor/tensor_bridge.h"
#include "onednn/onednn_loader.h"

namespace int8graph {

namespace {

using Arguments = std::span<const at::Tensor>;

constexpr int64_t kRowsAtOnce = 1 << 18;  // bytes, which the L2 cache holds beside their results

/// What copying a piece of a patch has to save in products (measured: 64 channels of 5 x 5 take
/// 0.91 times as long, 96 of 4 x 4 0.90, but 64 of 3 x 3 1.3 times).
constexpr int64_t kWorthACopy = 300;

bool is_worth_it(const at::Tensor& weight) {
  const int64_t zeros = 4 - weight.size(1);  // among the channels that a convolution multiplies
  return zeros * weight.size(3) * weight.size(0) >= kWorthACopy;
}

/// Without VNNI a weight may be safe for a convolution, which multiplies pairs of channels, and not
/// for a linear layer, which has other neighbours (executor/cpu_limits.h).
bool cpu_multiplies_rows() {
  const CpuFeatures& cpu = load_onednn().cpu;
  return cpu.vnni && cpu.avx512;
}

/// [O, C, KH, KW] to [O, K], in the order of a patch's bytes.
at::Tensor as_rows(const at::Tensor& weight) {
  const at::Tensor numbers = weight.int_repr().permute({0, 2, 3, 1}).flatten(1);
  const int64_t size = numbers.size(1);
  return at::constant_pad_nd(numbers, {0, Patches::row_of(size) - size}).contiguous();
}

/// @throws std::invalid_argument if the source does not fit the convolution
OutputSpec result_spec(const ConvPlan& plan, const at::Tensor& source) {
  auto sizes = plan.result_sizes(source.sizes());
  if (!sizes) throw std::invalid_argument("the convolution does not fit its source");
  std::vector<int64_t> strides = channels_last_strides(*sizes);
  return {std::move(*sizes), std::move(strides), result_dtype(plan.quantizer), plan.quantizer};
}

Patches patches_of(const ConvPlan& plan, c10::IntArrayRef source, c10::IntArrayRef result) {
  const c10::IntArrayRef kernel = plan.layer.weight.sizes();
  return {source[1],       source[2],          source[3],         result[2],
          result[3],       kernel[2],          kernel[3],         plan.strides[0],
          plan.strides[1], plan.pads_begin[0], plan.pads_begin[1]};
}

/// A plan's convolution for a source of one form. Immutable; run by many threads.
class PatchCall {
 public:
  /// @param plan outlives this
  PatchCall(const PatchPlan& plan, Arguments arguments, OutputLayout layout)
      : plan_(plan), result_(result_spec(plan.convolution, source_of(arguments))) {
    const OutputSpec source = spec_of(source_of(arguments));
    read_source_ = relayout_to(source, channels_last_strides(source.sizes));
    if (layout == OutputLayout::Contiguous) {
      write_result_ = relayout_to(result_, dense_strides(result_.sizes));
    }
    patches_ = patches_of(plan.convolution, source.sizes, result_.sizes);
    rows_ = result_.sizes[0] * patches_.in_image();
    const int64_t blocks = (rows_ * patches_.row() + kRowsAtOnce - 1) / kRowsAtOnce;
    in_block_ = (rows_ + blocks - 1) / blocks;
    block_.emplace(plan.linear, in_block_);
    if (rows_ % in_block_ != 0) rest_.emplace(plan.linear, rows_ % in_block_);
  }

  at::Tensor run(Arguments arguments) const {
    const at::Tensor& source = source_of(arguments);
    const at::Tensor read = read_source_ ? read_source_->run(source) : source;
    at::Tensor result = allocate(result_);
    const at::Tensor block = at::empty({in_block_ * patches_.row()}, at::kByte);
    const c10::ArrayRef images(static_cast<const uint8_t*>(read.const_data_ptr()), read.nbytes());
    const auto result_row = static_cast<int64_t>(result.nbytes()) / rows_;
    auto* const to = static_cast<char*>(result.data_ptr());
    for (int64_t first = 0; first < rows_; first += in_block_) {
      const int64_t count = std::min(in_block_, rows_ - first);
      copy_patches(patches_, images, first, count, plan_.padding, block.data_ptr<uint8_t>());
      const LinearPrimitive& linear = count == in_block_ ? *block_ : *rest_;
      linear.run(std::array<const void*, 2>{block.const_data_ptr(), to + first * result_row});
    }
    return write_result_ ? write_result_->run(result) : result;
  }

  std::string implementation() const { return "patches by " + block_->implementation(); }
  std::string shape() const { return block_->shape(); }

 private:
  const at::Tensor& source_of(Arguments arguments) const {
    return arguments[plan_.convolution.source.argument];
  }

  const PatchPlan& plan_;
  OutputSpec result_;
  std::optional<Relayout> read_source_, write_result_;
  Patches patches_;
  int64_t rows_, in_block_;
  std::optional<LinearPrimitive> block_, rest_;
};

}  // namespace

std::optional<PatchPlan> patch_plan(const ConvPlan& convolution) {
  constexpr int64_t kMostChannels = 3;
  const auto is_one = [](int64_t number) { return number == 1; };
  if (convolution.is_transposed() || convolution.spatial_dimensions() != 2 ||
      convolution.groups != 1 || convolution.input_channels() > kMostChannels ||
      !std::ranges::all_of(convolution.dilations, is_one) ||
      std::ranges::any_of(convolution.post_ops, &PostOp::reads_operand) ||
      !is_worth_it(convolution.layer.weight) || !cpu_multiplies_rows()) {
    return {};
  }
  QuantizedInput source = convolution.source;
  WeightAndBias layer = convolution.layer;
  fold_zero_point(source.parameters, layer, /*channel_axis=*/0);
  layer.weight = as_rows(layer.weight);
  MatmulPlan linear{source,
                    /*second=*/{},
                    std::move(layer),
                    /*weight_is_transposed=*/true,
                    convolution.post_ops,
                    convolution.quantizer,
                    convolution.in_steps};
  const auto padding = static_cast<uint8_t>(convolution.source.parameters.zero_point);
  PatchPlan plan{convolution, std::make_shared<LinearConstants>(std::move(linear)), padding};
  plan.linear->weight().give_back();  // the rows are read by nobody else
  return plan;
}

std::unique_ptr<const PrimitiveKernel> make_patch_kernel(PatchPlan plan, std::string name,
                                                         OutputLayout layout) {
  return std::make_unique<CallKernel<PatchPlan, PatchCall>>(std::move(plan), std::move(name),
                                                            layout);
}

}  // namespace int8graph
