#include "executor/patch_kernel.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "executor/call_kernel.h"
#include "executor/patch_rows.h"
#include "executor/relayout.h"
#include "executor/tensor_bridge.h"
#include "onednn/onednn_loader.h"

namespace int8graph {

namespace {

using Arguments = std::span<const at::Tensor>;

/// Of patches and results, which stay in a core's L2 cache.
constexpr int64_t kBytesAtOnce = 3 << 17;

/// What copying a piece of a patch has to save in products (measured, over three channels: 64 of
/// 5 x 5 pixels take 0.91 times as long, 96 of 4 x 4 0.90, but 64 of 3 x 3 1.3 times).
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

/// The same for all sizes of images, whose blocks are one primitive then.
int64_t rows_at_once(int64_t bytes) {
  constexpr int64_t kMultiple = 64;  // so that the rest alone is an odd number of rows
  return std::max(kBytesAtOnce / bytes / kMultiple, int64_t{1}) * kMultiple;
}

/// [O, C, KH, KW] to [O, K], in the order of a patch's bytes.
at::Tensor as_rows(const at::Tensor& weight) {
  const at::Tensor numbers = weight.int_repr().permute({0, 2, 3, 1}).flatten(1);
  const int64_t size = numbers.size(1);
  return at::constant_pad_nd(numbers, {0, Patches::filled_up(size) - size}).contiguous();
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
      : plan_(plan),
        source_(spec_of(source_of(arguments))),
        result_(result_spec(plan.convolution, source_.sizes)),
        borders_(source_, result_, layout),
        patches_(patches_of(plan.convolution, source_.sizes, result_.sizes)),
        rows_(result_.sizes[0] * patches_.in_image()),
        result_row_(result_.sizes[1] * static_cast<int64_t>(c10::elementSize(result_.dtype))),
        in_block_(std::min(rows_, rows_at_once(patches_.row() + result_row_))),
        block_(plan.linear, in_block_) {
    if (rows_ % in_block_ != 0) rest_.emplace(plan.linear, rows_ % in_block_);
  }

  at::Tensor run(Arguments arguments) const {
    const at::Tensor source = borders_.read(source_of(arguments));
    at::Tensor result = allocate(result_);
    const at::Tensor block = at::empty({in_block_ * patches_.row()}, at::kByte);
    const auto* const from = static_cast<const uint8_t*>(source.const_data_ptr());
    auto* const to = static_cast<char*>(result.data_ptr());
    for (int64_t first = 0; first < rows_; first += in_block_) {
      const int64_t count = std::min(in_block_, rows_ - first);
      copy_patches(patches_, from, first, count, plan_.padding, block.data_ptr<uint8_t>());
      const LinearPrimitive& linear = count == in_block_ ? block_ : *rest_;
      linear.run(std::array<const void*, 2>{block.const_data_ptr(), to + first * result_row_});
    }
    return borders_.write(std::move(result));
  }

  std::string implementation() const {
    return block_.implementation() + (rest_ ? "+" + rest_->implementation() : "") + " over patches";
  }
  std::string shape() const { return c10::str(c10::IntArrayRef(source_.sizes)); }

 private:
  const at::Tensor& source_of(Arguments arguments) const {
    return arguments[plan_.convolution.source.argument];
  }

  const PatchPlan& plan_;
  OutputSpec source_, result_;
  ChannelsLastBorders borders_;
  Patches patches_;
  int64_t rows_;
  int64_t result_row_;  // bytes
  int64_t in_block_;    // rows
  LinearPrimitive block_;
  std::optional<LinearPrimitive> rest_;
};

std::shared_ptr<const LinearConstants> linear_over_patches(const ConvPlan& convolution) {
  QuantizedInput source = convolution.source;
  WeightAndBias layer = convolution.layer;
  fold_zero_point(source.parameters, layer, /*channel_axis=*/0);
  layer.weight = as_rows(layer.weight);
  auto linear = std::make_shared<LinearConstants>(
      MatmulPlan{source,
                 /*second=*/{}, std::move(layer),
                 /*weight_is_transposed=*/true, convolution.post_ops, convolution.quantizer,
                 convolution.in_steps});
  linear->weight().give_back();  // nobody else reads these rows
  return linear;
}

class PatchKernel final : public PrimitiveKernel {
 public:
  PatchKernel(PatchPlan plan, std::string name, OutputLayout layout,
              std::unique_ptr<const PrimitiveKernel> convolution)
      : patches_(std::move(plan), std::move(name), layout, "left to its convolution"),
        convolution_(std::move(convolution)) {}

  std::optional<at::Tensor> run(Arguments arguments) const override {
    if (at::get_num_threads() == 1 || at::in_parallel_region()) {
      if (auto result = patches_.run(arguments)) return result;
    }
    return convolution_->run(arguments);
  }

  void restore_weight() const override { convolution_->restore_weight(); }

 private:
  const CallKernel<PatchPlan, PatchCall> patches_;
  const std::unique_ptr<const PrimitiveKernel> convolution_;
};

}  // namespace

std::optional<PatchPlan> patch_plan(const ConvPlan& convolution) {
  constexpr int64_t kMostChannels = 3;
  const auto is_one = [](int64_t number) { return number == 1; };
  if (convolution.is_transposed() || convolution.spatial_dimensions() != 2 ||
      convolution.groups != 1 || convolution.input_channels() > kMostChannels ||
      !std::ranges::all_of(convolution.dilations, is_one) ||
      std::ranges::any_of(convolution.post_ops, &PostOp::reads_operand) || convolution.summand() ||
      !is_worth_it(convolution.layer.weight) || !cpu_multiplies_rows()) {
    return {};
  }
  try {
    return PatchPlan{convolution, linear_over_patches(convolution),
                     static_cast<uint8_t>(convolution.source.parameters.zero_point)};
  } catch (const std::exception&) {  // the convolution remains; oneDNN lets std::bad_alloc out
    return {};
  }
}

std::unique_ptr<const PrimitiveKernel> make_patch_kernel(
    PatchPlan plan, std::string name, OutputLayout layout,
    std::unique_ptr<const PrimitiveKernel> convolution) {
  return std::make_unique<PatchKernel>(std::move(plan), std::move(name), layout,
                                       std::move(convolution));
}

}  // namespace int8graph
