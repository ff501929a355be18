#include "int8graph/convert.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/csrc/jit/ir/ir.h>

#include "config/autocast.h"
#include "int8graph/calibration.h"
#include "quantize/artifact.h"
#include "testing/fused_graphs.h"
#include "testing/messages.h"
#include "testing/small_models.h"

namespace int8graph {
namespace {

namespace jit = torch::jit;

class ConvertTest : public testing::Test {
 protected:
  std::string refusal(const jit::Module& model, const QuantConf& conf) const {
    return refusal_of([&] { convert(model, conf, {x_}); });
  }

  at::Tensor x_ = small_input(4);
  jit::Module model_ = small_model(
      "y = torch.relu_(self.batch_norm(self.conv2d(x)))\n"
      "return self.exact_conv2d(y)");
  QuantConf conf_ = calibrated_on(model_, {x_});
};

TEST_F(ConvertTest, TheModelIsNotChanged) {
  const jit::Module copy = model_.deepcopy();
  const std::string graph = model_.get_method("forward").graph()->toString();
  const std::string json = conf_.to_json();
  convert(model_, conf_, {x_});
  EXPECT_EQ(model_.get_method("forward").graph()->toString(), graph);
  EXPECT_EQ(conf_.to_json(), json);
  EXPECT_FALSE(is_artifact(model_));
  auto before = copy.parameters().begin();
  for (const at::Tensor& parameter : model_.parameters()) {
    EXPECT_TRUE(at::equal(parameter, *before));
    ++before;
  }
}

TEST_F(ConvertTest, TheExampleIsNotChanged) {
  convert(model_, conf_, {x_});
  EXPECT_TRUE(at::equal(x_, small_input(4)));
  const jit::Module writer = small_model("return self.conv2d(x.add_(1))");
  const QuantConf conf = calibrated_on(writer, {x_.clone()});
  convert(writer, conf, {x_});
  EXPECT_TRUE(at::equal(x_, small_input(4)));
}

TEST_F(ConvertTest, LayersOfConstantsAreComputedAhead) {
  const jit::Module model = small_model(
      "return self.exact_conv2d(torch.relu(self.conv2d(x)) + self.conv2d_second(self.place))");
  jit::Module artifact = convert(model, calibrated_on(model, {x_}), {x_});
  const c10::InferenceMode no_grad;
  const at::Tensor fp32 = jit::Module(model).forward({x_}).toTensor();
  const at::Tensor int8 = artifact.forward({x_}).toTensor();
  EXPECT_LE((int8 - fp32).norm().item<double>(), 0.04 * fp32.norm().item<double>());
}

TEST_F(ConvertTest, TheSameModelConvertsTwice) {
  jit::Module first = convert(model_, conf_, {x_});
  jit::Module second = convert(model_, conf_, {x_});
  const c10::InferenceMode no_grad;
  EXPECT_TRUE(at::equal(first.forward({x_}).toTensor(), second.forward({x_}).toTensor()));
}

TEST_F(ConvertTest, AConfFromItsJsonGivesTheSameArtifact) {
  jit::Module direct = convert(model_, conf_, {x_});
  jit::Module again = convert(model_, QuantConf::from_json(conf_.to_json(), "text"), {x_});
  const c10::InferenceMode no_grad;
  EXPECT_TRUE(at::equal(direct.forward({x_}).toTensor(), again.forward({x_}).toTensor()));
}

TEST_F(ConvertTest, WeightsAreInt8) {
  const auto graph = unfused_graph(convert(model_, conf_, {x_}));
  size_t int8 = 0;
  for (const jit::Node* node : graph->nodes()) {
    if (node->kind() != c10::prim::Constant || !node->output()->hasUses()) continue;
    const auto type = node->output()->type()->cast<c10::TensorType>();
    if (!type) continue;
    const bool is_bias = type->scalarType() == c10::kFloat && type->dim() == 1;
    EXPECT_TRUE(is_bias || type->scalarType() == c10::kQInt8) << *node;
    int8 += type->scalarType() == c10::kQInt8;
  }
  EXPECT_EQ(int8, 2);
}

TEST_F(ConvertTest, EqualCallsStaySeparate) {
  const auto model = small_model("return self.conv2d(x) + self.conv2d(x)");
  EXPECT_NO_THROW(convert(model, calibrated_on(model, {x_}), {x_}));
}

TEST_F(ConvertTest, AModelInTrainingModeIsRefused) {
  jit::Module model = model_.deepcopy();
  model.train();
  expect_words(refusal(model, conf_), {"training mode", "eval()"});
}

TEST_F(ConvertTest, ATraceOfAModelInTrainingModeIsRefused) {
  const auto model = small_model("return self.conv2d(torch.dropout(x, 0.5, True))");
  const auto eval = small_model("return self.conv2d(torch.dropout(x, 0.5, False))");
  expect_words(refusal(model, calibrated_on(eval, {x_})),
               {"aten::dropout", "training mode", "before torch.jit.trace"});
}

TEST_F(ConvertTest, AConvertedModelIsRefused) {
  const jit::Module artifact = convert(model_, conf_, {x_});
  expect_words(refusal(artifact, conf_), {"converted already", "fp32 model"});
  expect_words(refusal(jit::freeze(artifact), conf_), {"converted already", "quantizers"});
}

TEST_F(ConvertTest, AConfWithoutCalibrationIsRefused) {
  expect_words(refusal(model_, QuantConf()), {"empty", "it has seen no calibration"});
}

TEST_F(ConvertTest, AConfThatSawNothingToQuantizeTellsWhatRan) {
  const auto model = small_model("return torch.erfinv(torch.sin(x))");
  expect_words(refusal(model_, calibrated_on(model, {x_})),
               {"the QuantConf is empty", "aten::erfinv, aten::sin"});
  QuantConf nothing;
  Calibration(nothing).finish();
  expect_words(refusal(model_, nothing), {"the QuantConf is empty", "no operator ran"});
}

TEST_F(ConvertTest, AModelInWhichNothingCanBeQuantizedIsRefused) {
  const auto model = small_model("return torch.relu(x)");
  expect_words(refusal(model, calibrated_on(model, {x_})), {"nothing was quantized", "1 entries"});
}

TEST_F(ConvertTest, AConfThatQuantizesNothingIsRefused) {
  auto entries = conf_.entries();
  for (OperatorEntry& entry : entries) {
    entry.inputs_quantized.assign(entry.inputs_quantized.size(), false);
    entry.outputs_quantized.assign(entry.outputs_quantized.size(), false);
  }
  QuantConf nothing;
  nothing.set_entries(entries);
  expect_words(refusal(model_, nothing), {"nothing was quantized", "inputs_quantized"});
}

TEST_F(ConvertTest, TheConfOfAnotherModelIsRefusedWithBothSides) {
  const auto other = small_model("return self.conv3d(x)");
  expect_words(refusal(model_, calibrated_on(other, {small_input(5)})),
               {"not that of this model", "conv2d", "conv3d", "entry 0"});
  const auto longer =
      small_model("return self.exact_conv2d(torch.relu(self.conv2d_second(self.conv2d(x))))");
  expect_words(refusal(model_, calibrated_on(longer, {x_})),
               {"not that of this model", "the model has", "entry 1, conv2d"});
  expect_words(refusal(longer, conf_),
               {"not that of this model", "the model has conv2d", "the QuantConf has"});
}

TEST_F(ConvertTest, ABlockedOperatorStaysInFp32AndTheOthersNot) {
  auto entries = conf_.entries();
  entries[0].inputs_quantized = {false};
  QuantConf edited;
  edited.set_entries(entries);
  const auto artifact = convert(model_, edited, {x_});
  EXPECT_EQ(summary_of(*fused_graph(artifact)), "aten::conv2d | quantize | dequantize+conv2d");
}

TEST_F(ConvertTest, EditedScalesAreTaken) {
  auto entries = conf_.entries();
  entries[0].input_scales = {1.5};
  entries[0].input_zero_points = {7};
  QuantConf edited;
  edited.set_entries(entries);
  const std::string graph = unfused_graph(convert(model_, edited, {x_}))->toString();
  EXPECT_NE(graph.find("value=1.5"), std::string::npos);
}

class WithoutTheRecipe : public testing::TestWithParam<const char*> {};

TEST_P(WithoutTheRecipe, TheNumbersAreRightToo) {
  const auto model = small_model(GetParam());
  const at::Tensor x = small_input(4);
  jit::Module copy = model.deepcopy();
  QuantConf conf;
  const c10::InferenceMode no_grad;
  {
    Calibration scope(conf, {.default_recipe = false});
    copy.forward({x});
    scope.finish();
  }
  jit::Module artifact = convert(model, conf, {x});
  const at::Tensor fp32 = copy.forward({x}).toTensor();
  const at::Tensor int8 = artifact.forward({x}).toTensor();
  EXPECT_LT((int8 - fp32).norm().item<double>(), 0.05 * fp32.norm().item<double>());
}

// The range of a convolution's output says nothing of it once a batch norm is folded in.
INSTANTIATE_TEST_SUITE_P(
    Convert, WithoutTheRecipe,
    testing::Values("return self.exact_conv2d(torch.relu(self.conv2d(x)))",
                    "return self.exact_conv2d(torch.relu(self.batch_norm(self.conv2d(x))))"));

TEST_F(ConvertTest, NoConstantIsLeftWithoutAReader) {
  const auto graph = unfused_graph(convert(model_, conf_, {x_}));
  for (const jit::Node* node : graph->nodes()) {
    EXPECT_TRUE(node->kind() != c10::prim::Constant || node->output()->hasUses()) << *node;
  }
}

TEST_F(ConvertTest, SeveralInputsWork) {
  const auto model =
      small_model("return self.exact_conv2d(torch.relu(self.conv2d(x) + y))", "x, y");
  const at::Tensor y = small_input(4, 99);
  jit::Module artifact = convert(model, calibrated_on(model, {x_, y}), {x_, y});
  const c10::InferenceMode no_grad;
  const at::Tensor fp32 = jit::Module(model.deepcopy()).forward({x_, y}).toTensor();
  const at::Tensor int8 = artifact.forward({x_, y}).toTensor();
  EXPECT_LT((int8 - fp32).norm().item<double>(), 0.05 * fp32.norm().item<double>());
}

// --- Under autocast ---

at::Tensor result_of(jit::Module& module, const at::Tensor& x) {
  const c10::InferenceMode no_grad;
  return module.forward({x}).toTensor();
}

class ConvertUnderAutocast : public ConvertTest {
 protected:
  /// The second of the model's convolutions is to stay out of int8.
  QuantConf conf_without_the_last() const {
    std::vector<OperatorEntry> entries = conf_.entries();
    entries.back().inputs_quantized = {false};
    QuantConf edited;
    edited.set_entries(std::move(entries));
    return edited;
  }

  jit::Module converted(const QuantConf& conf, c10::ScalarType dtype = c10::kBFloat16) const {
    const AutocastScope autocast(dtype);
    return convert(model_, conf, {x_});
  }
};

TEST_F(ConvertUnderAutocast, WhatStaysOutOfInt8ComputesInBFloat16) {
  jit::Module artifact = converted(conf_without_the_last());
  EXPECT_EQ(summary_of(*fused_graph(artifact)),
            "quantize | dequantize+conv2d+relu | aten::to | aten::conv2d");
  const at::Tensor result = result_of(artifact, x_);
  EXPECT_EQ(result.scalar_type(), c10::kBFloat16);
  jit::Module fp32 = convert(model_, conf_without_the_last(), {x_});
  EXPECT_TRUE(at::allclose(result.to(c10::kFloat), result_of(fp32, x_), 0.02, 0.02));
}

TEST_F(ConvertUnderAutocast, ResultsHaveTheDtypeThatAutocastGivesThem) {
  for (const c10::ScalarType dtype : {c10::kBFloat16, c10::kHalf}) {
    jit::Module artifact = converted(conf_, dtype);
    EXPECT_EQ(result_of(artifact, x_).scalar_type(), dtype);
  }
}

TEST_F(ConvertUnderAutocast, AutocastIsOnAgainBehindIt) {
  const AutocastScope autocast(c10::kBFloat16);
  convert(model_, conf_, {x_});
  EXPECT_EQ(autocast_dtype(), c10::kBFloat16);
}

TEST_F(ConvertTest, AnArtifactIsCalledUnderAutocast) {
  jit::Module artifact = convert(model_, conf_, {x_});
  const at::Tensor before = result_of(artifact, x_);
  const double scale = conf_.entries().back().input_scales[0];
  const AutocastScope autocast(c10::kBFloat16);
  for (int call = 0; call < 4; ++call) {  // unfused at first, then fused
    const at::Tensor result = result_of(artifact, x_);
    EXPECT_EQ(result.scalar_type(), c10::kBFloat16) << "call " << call;
    EXPECT_TRUE(at::allclose(result.to(c10::kFloat), before, 0.01, 1.5 * scale)) << call;
  }
}

}  // namespace
}  // namespace int8graph
