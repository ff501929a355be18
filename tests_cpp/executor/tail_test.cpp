#include "executor/tail.h"

#include <ATen/ATen.h>

#include <cmath>
#include <limits>

#include "executor/tensor_bridge.h"
#include "testing/needs_avx512_vnni.h"
#include "testing/partition.h"
#include "testing/small_models.h"

namespace int8graph {
namespace {

using dnnl::algorithm;

constexpr auto kU8 = static_cast<int64_t>(c10::kQUInt8), kS8 = static_cast<int64_t>(c10::kQInt8);

const PostOp kAdd{.algorithm = algorithm::binary_add, .argument = 1};
const PostOp kGelu{.algorithm = algorithm::eltwise_gelu_erf};
const PostOp kRelu{.algorithm = algorithm::eltwise_relu};
const PostOp kClamp{.algorithm = algorithm::eltwise_clip_v2, .alpha = -0.1F, .beta = 1.2F};

LayerPlan plan_of(std::vector<PostOp> post_ops, const QuantizerParameters* result) {
  LayerPlan plan;
  plan.post_ops = std::move(post_ops);
  if (result != nullptr) plan.quantizer = make_quantizer(*result);
  return plan;
}

/// What a tail makes of [rows, columns]; a summand of the same sizes may be undefined.
at::Tensor by(const LayerPlan& plan, const at::Tensor& numbers, const at::Tensor& summand) {
  const int64_t rows = numbers.size(0), columns = numbers.size(1);
  const at::Tensor wide = at::constant_pad_nd(numbers, {0, TailRows::kStride - columns});
  const Tail tail(plan);
  at::Tensor result =
      allocate({{rows, columns}, {columns, 1}, result_dtype(plan.quantizer), plan.quantizer});
  finish(tail,
         {wide.const_data_ptr<float>(),
          summand.defined() ? summand.const_data_ptr<float>() : nullptr, columns,
          static_cast<uint8_t*>(result.data_ptr()), columns * tail.result.bytes(), rows, columns});
  return result;
}

/// The same by PyTorch.
at::Tensor expected(const LayerPlan& plan, at::Tensor numbers, const at::Tensor& summand) {
  for (const PostOp& op : plan.post_ops) {
    if (op.argument) {
      numbers = numbers + summand;
    } else if (op.algorithm == algorithm::eltwise_gelu_erf) {
      numbers = at::gelu(numbers);
    } else {
      numbers = op.is_relu() ? numbers.relu() : numbers.clamp(op.alpha, op.beta);
    }
  }
  if (!plan.quantizer) return numbers;
  const auto& quantizer = per_tensor(plan.quantizer);
  return at::quantize_per_tensor(numbers, quantizer.scale(), quantizer.zero_point(),
                                 quantizer.scalar_type());
}

using TailOfRows = NeedsAvx512Vnni;

TEST_F(TailOfRows, GivesTheNumbersOfPyTorch) {
  const QuantizerParameters u8{0.013, 20, kU8}, s8{0.03, 0, kS8};
  const std::vector<std::vector<PostOp>> tails = {
      {}, {kGelu}, {kAdd}, {kAdd, kGelu}, {kAdd, kRelu}, {kGelu, kClamp}, {kAdd, kClamp, kRelu}};
  for (const auto& tail : tails) {
    for (const QuantizerParameters* result : {&u8, &s8}) {
      const LayerPlan plan = plan_of(tail, result);
      ASSERT_TRUE(can_be_tail(plan));
      for (const int64_t columns : {1, 15, 16, 33, 63, 64}) {
        const at::Tensor numbers = noise({7, columns}) * 2, other = noise({7, columns}, 2);
        const at::Tensor summand =
            plan.post_ops.empty() || !tail[0].argument ? at::Tensor() : other;
        const at::Tensor made = by(plan, numbers, summand);
        expect_one_step_apart(made, expected(plan, numbers, summand));
      }
    }
  }
}

TEST_F(TailOfRows, MakesFloats) {
  for (const auto& tail :
       std::vector<std::vector<PostOp>>{{kAdd}, {kAdd, kRelu}, {kAdd, kClamp}, {kRelu, kClamp}}) {
    const LayerPlan plan = plan_of(tail, nullptr);
    ASSERT_TRUE(can_be_tail(plan));
    const at::Tensor numbers = noise({5, 50}), other = noise({5, 50}, 2);
    const at::Tensor summand = tail[0].argument ? other : at::Tensor();
    EXPECT_TRUE(at::equal(by(plan, numbers, summand), expected(plan, numbers, summand)));
  }
}

TEST_F(TailOfRows, ComputesGeluAsExactlyAsItSays) {
  const at::Tensor numbers = at::linspace(-20, 20, 64 * 2000).view({2000, 64});
  const at::Tensor right = at::gelu(numbers.to(at::kDouble));
  const at::Tensor made = by(plan_of({kGelu}, nullptr), numbers, {});
  const at::Tensor most = at::where(numbers.abs() < 4.6, 2.6e-6, numbers.abs() * 1.8e-6);
  EXPECT_TRUE(((made - right).abs() < most).all().item<bool>());
}

TEST_F(TailOfRows, KeepsWhatIsFarOut) {
  const QuantizerParameters wide{4, 0, kU8};
  const at::Tensor far = at::tensor({1000.F, 33.F, -1000.F, -33.F, INFINITY}).view({1, 5});
  const at::Tensor made = by(plan_of({kGelu}, &wide), far, {}).int_repr();
  EXPECT_TRUE(at::equal(made, at::tensor({250, 8, 0, 0, 255}).view({1, 5}).to(at::kByte)));
}

TEST_F(TailOfRows, KeepsNaNInFloatsAndMakesTheLeastStepOfIt) {
  at::Tensor other = at::zeros({2, 40});
  other.select(1, 3).fill_(NAN);
  const at::Tensor floats = by(plan_of({kAdd, kRelu}, nullptr), at::ones({2, 40}), other);
  EXPECT_TRUE(floats.select(1, 3).isnan().all().item<bool>());
  EXPECT_EQ(floats.isnan().sum().item<int64_t>(), 2);
  const QuantizerParameters u8{0.1, 7, kU8};
  const QuantizerParameters s8{0.1, 0, kS8};
  const auto integer = [&](const LayerPlan& plan) {
    return by(plan, at::ones({2, 40}), other).int_repr()[1][3].item<int64_t>();
  };
  EXPECT_EQ(integer(plan_of({kAdd}, &u8)), 0);
  EXPECT_EQ(integer(plan_of({kAdd, kRelu}, &u8)), 7);
  EXPECT_EQ(integer(plan_of({kAdd}, &s8)), -128);
}

TEST_F(TailOfRows, WritesNothingBesideItsColumns) {
  at::Tensor result = at::full({3, 40}, 9, at::kByte);
  const at::Tensor numbers = noise({3, TailRows::kStride});
  const QuantizerParameters u8{0.1, 100, kU8};
  finish(Tail(plan_of({kGelu}, &u8)),
         {numbers.const_data_ptr<float>(), nullptr, 0, result.data_ptr<uint8_t>() + 5, 40, 3, 20});
  EXPECT_TRUE((result.slice(1, 0, 5) == 9).all().item<bool>());
  EXPECT_TRUE((result.slice(1, 25) == 9).all().item<bool>());
  EXPECT_FALSE((result.slice(1, 5, 25) == 9).all().item<bool>());
}

TEST_F(TailOfRows, WritesFloatsOverTheirSummand) {
  const at::Tensor numbers = noise({3, TailRows::kStride}), summand = noise({3, 40}, 2);
  at::Tensor place = summand.clone();
  float* const first = place.data_ptr<float>() + 5;
  finish(Tail(plan_of({kAdd}, nullptr)), {numbers.const_data_ptr<float>(), first, 40,
                                          reinterpret_cast<uint8_t*>(first), 160, 3, 20});
  at::Tensor expected = summand.clone();
  expected.slice(1, 5, 25) += numbers.slice(1, 0, 20);
  EXPECT_TRUE(at::equal(place, expected));
}

TEST(Tail, HasNothingButASummandGeluAndClamps) {
  const QuantizerParameters u8{0.1, 7, kU8};
  EXPECT_FALSE(can_be_tail(plan_of({kGelu, kAdd}, &u8)));
  EXPECT_FALSE(can_be_tail(plan_of({kRelu, kAdd}, &u8)));
  EXPECT_FALSE(can_be_tail(plan_of({kRelu, kGelu}, &u8)));
  EXPECT_FALSE(can_be_tail(plan_of({kAdd, kAdd}, &u8)));
  EXPECT_FALSE(can_be_tail(plan_of({{.algorithm = algorithm::eltwise_tanh}}, &u8)));
  PostOp constant{.algorithm = algorithm::binary_add, .constant = at::ones({3})};
  EXPECT_FALSE(can_be_tail(plan_of({constant}, &u8)));
  PostOp integers = kAdd;
  integers.dtype = c10::kQUInt8;
  EXPECT_FALSE(can_be_tail(plan_of({integers}, &u8)));
  LayerPlan in_steps = plan_of({kRelu}, &u8);
  in_steps.in_steps = true;
  EXPECT_FALSE(can_be_tail(in_steps));
}

TEST(Tail, StandsBehindALayerInFp32) {
  const QuantizerParameters u8{0.1, 7, kU8};
  const LayerPlan before = before_tail(plan_of({kAdd, kGelu}, &u8));
  EXPECT_TRUE(before.post_ops.empty());
  EXPECT_EQ(before.quantizer, nullptr);
}

}  // namespace
}  // namespace int8graph
