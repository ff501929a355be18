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
constexpr QuantizerParameters kSummand{0.02, 3, kU8};

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

ConvPlan plan_of(const Form& form) {
  const at::Tensor weight = int8_weight({5, 8, 1, 1});
  ConvPlan plan{{0, form.source},
                {weight, weight.q_per_channel_scales().to(c10::kFloat), noise({5}, 3)},
                {1, 1},
                {1, 1},
                {0, 0},
                {0, 0},
                {1, 1},
                {},
                1,
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

at::Tensor unsigned_bytes(const at::Tensor& tensor) {
  const at::Tensor numbers = tensor.int_repr().to(at::kDouble);
  return tensor.scalar_type() == at::kQInt8 ? numbers + 128 : numbers;
}

/// [rows, 5], of a source and a summand with so many rows, as our kernels compute it.
at::Tensor by(const Epilogue& epilogue, const at::Tensor& source, const at::Tensor& summand) {
  const at::Tensor weight = int8_weight({5, 8, 1, 1}).int_repr().flatten(1).to(at::kDouble);
  at::Tensor numbers = unsigned_bytes(source).matmul(weight.t());
  numbers = numbers * epilogue.scales + epilogue.biases;
  numbers = numbers + unsigned_bytes(summand) * epilogue.summand_scale;
  if (epilogue.writes_floats) return numbers.clamp(epilogue.least, epilogue.most);
  return numbers.clamp_max(epilogue.most).round().clamp(0, 255).clamp_min(epilogue.least) -
         epilogue.result_flip;
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

TEST(Epilogue, GivesTheNumbersOfTheLayer) {
  const float infinity = std::numeric_limits<float>::infinity();
  const PostOp relu{.algorithm = algorithm::eltwise_relu};
  const std::vector<PostOp> sum = {sum_with(kSummand)};
  const std::vector<std::vector<PostOp>> tails = {{},
                                                  {clamp(-0.4F, 0.7F)},
                                                  {clamp(0.2F, infinity), clamp(-1, 0.5F)},
                                                  {sum},
                                                  {sum[0], clamp(-0.3F, infinity)},
                                                  {clamp(-infinity, infinity)}};
  for (const QuantizerParameters& source :
       {QuantizerParameters{0.01, 113, kU8}, {0.02, 0, kS8}, {0.01, 0, kU8}}) {
    for (const QuantizerParameters& result :
         {QuantizerParameters{0.02, 128, kU8}, {0.03, 0, kS8}, {0.01, 0, kU8}}) {
      for (const std::vector<PostOp>& tail : tails) {
        const Form form{source, result, tail};
        const ConvPlan plan = plan_of(form);
        ASSERT_TRUE(can_be_epilogue(plan));
        const at::Tensor rows = quantized(noise({40, 8}), source);
        const at::Tensor summand = quantized(noise({40, 5}, 7), kSummand);
        const at::Tensor difference =
            (by(Epilogue(plan), rows, summand) - expected(form, rows, summand)).abs();
        EXPECT_LE(difference.max().item<double>(), 1) << "quanta";
      }
    }
  }
  const Form in_fp32{{0.01, 113, kU8}, {}, {relu, clamp(-1, 0.5F)}};
  const at::Tensor rows = quantized(noise({40, 8}), in_fp32.source);
  const at::Tensor none = quantized(at::zeros({40, 5}), kSummand);
  EXPECT_TRUE(at::allclose(by(Epilogue(plan_of(in_fp32)), rows, none),
                           expected(in_fp32, rows, none), 1e-4, 1e-4));
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
