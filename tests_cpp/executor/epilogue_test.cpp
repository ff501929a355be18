#include "executor/epilogue.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "executor/steps.h"
#include "executor/tensor_bridge.h"
#include "testing/ir.h"
#include "testing/small_models.h"

namespace int8graph {
namespace {

using dnnl::algorithm;

constexpr auto kU8 = static_cast<int64_t>(c10::kQUInt8), kS8 = static_cast<int64_t>(c10::kQInt8);
constexpr QuantizerParameters kSummand{0.02, 3, kU8}, kSignedSummand{0.02, 0, kS8};

/// A pointwise convolution of 8 to 5 channels.
struct Form {
  QuantizerParameters source;
  std::optional<QuantizerParameters> result;  ///< nothing for fp32
  std::vector<PostOp> post_ops = {};
};

PostOp clamp(float least, float most) {
  return {.algorithm = algorithm::eltwise_clip_v2, .alpha = least, .beta = most};
}

PostOp sum_with(const QuantizerParameters& summand) {
  return {.algorithm = algorithm::binary_add, .int8 = QuantizedInput{1, summand}};
}

LayerPlan plan_of(const Form& form) {
  const at::Tensor weight = int8_weight({5, 8, 1, 1});
  LayerPlan plan{{0, form.source},
                 {weight, weight.q_per_channel_scales().to(c10::kFloat), noise({5}, 3)},
                 form.post_ops,
                 form.result ? make_quantizer(*form.result) : at::QuantizerPtr()};
  plan.in_steps =
      compute_in_steps(plan.quantizer, 5, plan.source.parameters, plan.layer, plan.post_ops);
  return plan;
}

at::Tensor quantized(const at::Tensor& numbers, const QuantizerParameters& parameters) {
  return at::quantize_per_tensor(numbers, parameters.scale, parameters.zero_point,
                                 static_cast<c10::ScalarType>(parameters.dtype));
}

/// The bytes that a kernel multiplies.
at::Tensor flipped(const at::Tensor& tensor, uint8_t flip) {
  return tensor.int_repr().view(at::kByte).bitwise_xor(flip).to(at::kDouble);
}

/// [rows, 5], of a source and a summand with so many rows, as our kernels compute it.
at::Tensor by(const Epilogue& epilogue, const at::Tensor& source, const at::Tensor& summand) {
  const at::Tensor weight = int8_weight({5, 8, 1, 1}).int_repr().flatten(1).to(at::kDouble);
  at::Tensor numbers = flipped(source, epilogue.source_flip).matmul(weight.t());
  numbers = numbers * epilogue.scales + epilogue.biases;
  numbers = numbers + flipped(summand, epilogue.summand_flip) * epilogue.summand_scale;
  if (epilogue.result.writes_floats)
    return numbers.clamp(epilogue.result.least, epilogue.result.most);
  return numbers.clamp_max(epilogue.result.most)
             .round()
             .clamp(0, 255)
             .clamp_min(epilogue.result.least) -
         epilogue.result.flip;
}

/// The same by PyTorch, in floats.
at::Tensor expected(const Form& form, const at::Tensor& source, const at::Tensor& summand) {
  const at::Tensor weight = int8_weight({5, 8, 1, 1}).dequantize().flatten(1);
  at::Tensor numbers = at::linear(source.dequantize(), weight, noise({5}, 3));
  for (const PostOp& op : form.post_ops) {
    if (op.int8) {
      numbers = numbers + summand.dequantize();
    } else {
      numbers = op.is_relu() ? numbers.relu() : numbers.clamp(op.alpha, op.beta);
    }
  }
  return form.result ? quantized(numbers, *form.result).int_repr().to(at::kDouble)
                     : numbers.to(at::kDouble);
}

void expect_right(const Form& form) {
  const LayerPlan plan = plan_of(form);
  ASSERT_TRUE(can_be_epilogue(plan));
  const bool has_summand = !form.post_ops.empty() && form.post_ops[0].int8;
  const QuantizerParameters of_summand = has_summand ? form.post_ops[0].int8->parameters : kSummand;
  const at::Tensor rows = quantized(noise({40, 8}), form.source);
  const at::Tensor summand = quantized(noise({40, 5}, 7), of_summand);
  const at::Tensor made = by(Epilogue(plan), rows, summand);
  const at::Tensor right = expected(form, rows, summand);
  if (!form.result) {
    EXPECT_TRUE(at::allclose(made, right, 1e-4, 1e-4));
    return;
  }
  const at::Tensor quanta = (made - right).abs();
  EXPECT_LE(quanta.max().item<double>(), 1);
  EXPECT_LE((quanta > 0).sum().item<int64_t>(), 2);  // between two
}

TEST(Epilogue, GivesTheNumbersOfTheLayer) {
  const float infinity = std::numeric_limits<float>::infinity();
  const PostOp relu{.algorithm = algorithm::eltwise_relu};
  const std::vector<std::vector<PostOp>> tails = {{},
                                                  {clamp(-0.4F, 0.7F)},
                                                  {clamp(0.2F, infinity), clamp(-1, 0.5F)},
                                                  {clamp(-infinity, infinity)},
                                                  {sum_with(kSummand)},
                                                  {sum_with(kSignedSummand)},
                                                  {sum_with(kSummand), clamp(-0.3F, infinity)}};
  for (const QuantizerParameters& source :
       {QuantizerParameters{0.01, 113, kU8}, {0.02, 0, kS8}, {0.01, 0, kU8}}) {
    for (const QuantizerParameters& result :
         {QuantizerParameters{0.02, 128, kU8}, {0.03, 0, kS8}, {0.01, 0, kU8}}) {
      for (const std::vector<PostOp>& tail : tails) expect_right({source, result, tail});
      if (result.zero_point == 0) expect_right({source, result, {sum_with(kSummand), relu}});
    }
    expect_right({source, {}, {relu, clamp(-1, 0.5F)}});
    expect_right({source, {}});
  }
}

TEST(Epilogue, HasNothingButASummandAndClampsBehindIt) {
  const QuantizerParameters u8{0.02, 0, kU8};
  const PostOp relu{.algorithm = algorithm::eltwise_relu};
  const PostOp gelu{.algorithm = algorithm::eltwise_gelu_erf};
  EXPECT_TRUE(can_be_epilogue(plan_of({u8, u8, {sum_with(kSummand), relu}})));
  EXPECT_FALSE(can_be_epilogue(plan_of({u8, u8, {relu, sum_with(kSummand)}})));
  EXPECT_FALSE(can_be_epilogue(plan_of({u8, u8, {gelu}})));
  EXPECT_FALSE(can_be_epilogue(plan_of({u8, {}, {gelu}})));
  EXPECT_FALSE(can_be_epilogue(plan_of({u8, u8, {clamp(NAN, 1)}})));
}

}  // namespace
}  // namespace int8graph
