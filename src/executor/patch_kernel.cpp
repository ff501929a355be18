#include "executor/patch_kernel.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <span>
#include <utility>

#include "executor/call_kernel.h"
#include "executor/conv_form.h"
#include "executor/parallel.h"
#include "executor/patch_rows.h"
#include "executor/profile.h"

namespace int8graph {

namespace {

using Arguments = std::span<const at::Tensor>;

/// What copying a piece of a patch has to save in products. Against oneDNN's convolution of three
/// channels, 64 of 7 x 7 pixels take 0.8 times as long, 32 of 5 x 5 1.0, 32 of 3 x 3 1.2 and 16 of
/// 3 x 3 1.6; but for that, it takes 0.3 ms to generate its code for each image size.
constexpr int64_t kWorthACopy = 90;

bool is_worth_it(const at::Tensor& weight) {
  const int64_t zeros = 4 - weight.size(1);  // among the channels that a convolution multiplies
  return zeros * weight.size(3) * weight.size(0) >= kWorthACopy;
}

/// [O, C, KH, KW] to [O, K, 1, 1], in the order of a patch's bytes.
at::Tensor as_rows(const at::Tensor& weight) {
  const at::Tensor numbers = weight.int_repr().permute({0, 2, 3, 1}).flatten(1);
  const int64_t size = numbers.size(1);
  const at::Tensor rows = at::constant_pad_nd(numbers, {0, Patches::filled_up(size) - size});
  return at::_make_per_tensor_quantized_tensor(rows, /*scale=*/1, /*zero_point=*/0)
      .reshape({rows.size(0), rows.size(1), 1, 1});
}

/// The convolution over patches, each of which is a pixel.
ConvPlan over_patches(ConvPlan convolution) {
  convolution.layer.weight = as_rows(convolution.layer.weight);
  convolution.strides = {1, 1};
  convolution.pads_begin = convolution.pads_end = {0, 0};
  return convolution;
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
        form_(plan.convolution, arguments, layout, /*may_overwrite=*/false),
        patches_(patches_of(plan.convolution, form_.shapes().source, form_.shapes().result)) {}

  at::Tensor run(Arguments arguments) const {
    return form_.run(arguments, [&](const at::Tensor& source, const at::Tensor& result, auto) {
      convolve(source, result);
    });
  }

  std::string implementation() const { return "patches of int8graph"; }
  std::string shape() const { return c10::str(form_.shapes().source); }

 private:
  /// Each thread multiplies what it has copied.
  void convolve(const at::Tensor& source, const at::Tensor& result) const {
    const KernelTimer timer;
    const Gemm& layer = *plan_.layer;
    const int64_t rows = result.size(0) * patches_.in_image();
    const int64_t at_once = std::min(rows, rows_at_once(layer));
    const auto* const from = static_cast<const uint8_t*>(source.const_data_ptr());
    auto* const to = static_cast<uint8_t*>(result.data_ptr());
    parallel_for(
        (rows + at_once - 1) / at_once, cost_of_products(at_once * patches_.row() * layer.outputs),
        [&](int64_t begin, int64_t end) {
          const at::Tensor block = at::empty({at_once * patches_.row()}, at::kByte);
          auto* const copied = block.data_ptr<uint8_t>();
          for (int64_t first = begin * at_once; first < std::min(rows, end * at_once);
               first += at_once) {
            const int64_t count = std::min(at_once, rows - first);
            copy_patches(patches_, from, first, count, plan_.padding, copied);
            gemm_on_this_thread(
                layer, {count, copied, nullptr, to + first * layer.outputs * layer.result_bytes()});
          }
        });
  }

  const PatchPlan& plan_;
  ConvForm form_;
  Patches patches_;
};

}  // namespace

std::optional<PatchPlan> patch_plan(const ConvPlan& convolution) {
  constexpr int64_t kMostChannels = 3;
  if (convolution.is_transposed() || convolution.spatial_dimensions() != 2 ||
      convolution.groups != 1 || convolution.input_channels() > kMostChannels ||
      !are_all(1, convolution.dilations) || convolution.summand() ||
      !is_worth_it(convolution.layer.weight)) {
    return {};
  }
  const ConvPlan rows = over_patches(convolution);
  const bool reads_operands = std::ranges::any_of(rows.post_ops, &PostOp::reads_operand);
  if (reads_operands || !can_be_gemm(rows)) return {};
  auto layer = std::make_shared<Gemm>(rows);
  layer->weight.give_back();  // nobody else reads these rows
  return PatchPlan{convolution, std::move(layer),
                   static_cast<uint8_t>(convolution.source.parameters.zero_point)};
}

std::unique_ptr<const PrimitiveKernel> make_patch_kernel(PatchPlan plan, std::string name,
                                                         OutputLayout layout) {
  return std::make_unique<CallKernel<PatchPlan, PatchCall>>(std::move(plan), std::move(name),
                                                            layout);
}

}  // namespace int8graph
