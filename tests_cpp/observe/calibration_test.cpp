#include "int8graph/calibration.h"

#include <ATen/ATen.h>
#include <ATen/record_function.h>
#include <gtest/gtest.h>
#include <torch/script.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace int8graph {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

std::string names(const QuantConf& conf) {
  std::string text;
  for (const OperatorEntry& entry : conf.entries()) text += (text.empty() ? "" : " ") + entry.name;
  return text;
}

std::string flows(const OperatorEntry& entry) {
  std::string text;
  for (const std::string& flow : entry.inputs_flow) text += (text.empty() ? "" : " ") + flow;
  return text;
}

QuantConf calibrated(const std::function<void()>& model) {
  QuantConf conf;
  Calibration scope(conf);
  model();
  scope.finish();
  return conf;
}

std::string message_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "nothing was thrown";
}

void expect_words(const std::string& text, const std::vector<std::string>& words) {
  for (const std::string& word : words) {
    EXPECT_NE(text.find(word), std::string::npos) << "\"" << word << "\" in \"" << text << "\"";
  }
}

class CalibrationTest : public testing::Test {
 protected:
  at::Tensor x_ = at::linspace(-1, 3, 48).reshape({1, 3, 4, 4});
  at::Tensor w_ = at::linspace(-1, 1, 27).reshape({3, 3, 1, 3}).contiguous();
  at::Tensor v_ = at::linspace(-2, 1, 27).reshape({3, 3, 1, 3}).contiguous();

  at::Tensor conv(const at::Tensor& input) const {
    return at::conv2d(input, w_, {}, at::IntArrayRef{1, 1}, at::IntArrayRef{0, 1});
  }
  at::Tensor conv_v(const at::Tensor& input) const {
    return at::conv2d(input, v_, {}, at::IntArrayRef{1, 1}, at::IntArrayRef{0, 1});
  }
};

// --- What is recorded ---

TEST_F(CalibrationTest, OnlyTheOutermostOperatorIsRecorded) {
  const QuantConf conf = calibrated([&] {
    const at::Tensor y = at::relu(conv(x_));
    at::linear(y.flatten(1), at::ones({5, 48}), at::ones({5}));
  });
  EXPECT_EQ(names(conf), "conv2d relu flatten linear");
  EXPECT_EQ(flows(conf.entries()[0]), "conv2d0.input0");
  EXPECT_EQ(flows(conf.entries()[1]), "conv2d0.output0");
  EXPECT_EQ(flows(conf.entries()[3]), "flatten2.output0");
  EXPECT_EQ(conf.entries()[3].outputs_flow[0], "linear3.output0");
}

TEST_F(CalibrationTest, NumbersAreThoseOfTheTensors) {
  const QuantConf conf = calibrated([&] { conv(x_); });
  const OperatorEntry& entry = conf.entries()[0];
  EXPECT_EQ(entry.input_ranges[0].min, -1.0f);
  EXPECT_EQ(entry.input_ranges[0].max, 3.0f);
  EXPECT_EQ(entry.input_scales[0], static_cast<double>(4.0f / 255.0f));
  EXPECT_EQ(entry.input_zero_points[0], 64);
  ASSERT_EQ(entry.weight_scales[0].size(), 3);
  EXPECT_EQ(entry.weight_scales[0][0], static_cast<double>(1.0f / 127.5f));
  EXPECT_EQ(entry.output_ranges[0].max, conv(x_).max().item<float>());
}

TEST_F(CalibrationTest, SymmetricSchemeGivesInt8) {
  QuantConf conf(QScheme::PerTensorSymmetric);
  {
    Calibration scope(conf);
    conv(x_);
  }
  EXPECT_EQ(conf.entries()[0].input_quantized_dtypes[0], QDType::Int8);
  EXPECT_EQ(conf.entries()[0].input_scales[0], static_cast<double>(3.0f / 127.5f));
}

TEST_F(CalibrationTest, ScriptModulesAreSeenAlikeAndWithoutOptimization) {
  torch::jit::Module module("m");
  module.register_parameter("w", w_, false);
  module.define(R"(
    def forward(self, x):
      y = torch.conv2d(x, self.w, None, [1, 1], [0, 1])
      z = torch.conv2d(x, self.w, None, [1, 1], [0, 1])
      y += z
      return torch.relu(y)
  )");
  QuantConf conf;
  for (int i = 0; i < 3; ++i) {
    Calibration scope(conf);
    module.forward({x_});
    scope.finish();
  }
  EXPECT_EQ(names(conf), "conv2d conv2d add relu");
  EXPECT_EQ(flows(conf.entries()[2]), "conv2d0.output0 conv2d1.output0");
}

TEST_F(CalibrationTest, ConvTransposeHasItsChannelsOnTheSecondAxis) {
  const QuantConf conf = calibrated([&] { at::conv_transpose2d(x_, at::ones({3, 5, 2, 2})); });
  EXPECT_EQ(conf.entries()[0].weight_scales[0].size(), 5);
}

TEST_F(CalibrationTest, AWeightThatOperatorsComputeIsNotQuantized) {
  const QuantConf conf = calibrated([&] {
    const at::Tensor generated = at::softmax(at::linear(at::ones({5, 4}), at::ones({3, 4})), 0);
    at::linear(at::ones({2, 3}), generated);
  });
  EXPECT_TRUE(conf.entries()[1].weight_scales.empty());
  EXPECT_FALSE(conf.entries()[1].inputs_quantized[0]);
  EXPECT_TRUE(conf.entries()[0].inputs_quantized[0]);
}

TEST_F(CalibrationTest, AWeightMadeFromParametersIsAConstant) {
  const QuantConf conf = calibrated([&] { at::conv2d(x_, w_.mul(0.5)); });
  EXPECT_EQ(names(conf), "mul conv2d");
  EXPECT_EQ(conf.entries()[1].weight_scales[0].size(), 3);
  EXPECT_TRUE(conf.entries()[1].inputs_quantized[0]);
}

TEST_F(CalibrationTest, RecurrentCellsAreSeenInParts) {
  const at::Tensor state = at::zeros({2, 3});
  const at::Tensor w = at::ones({12, 3});
  const QuantConf conf = calibrated([&] { at::lstm_cell(state, {state, state}, w, w); });
  EXPECT_EQ(names(conf).substr(0, 17), "linear linear add");
}

TEST_F(CalibrationTest, IntegersAndScalarsAreNotRecorded) {
  const QuantConf conf = calibrated([&] {
    at::ones({3}, at::kLong).add(1);
    x_.mul(2.0);
  });
  EXPECT_EQ(names(conf), "mul");
  EXPECT_EQ(conf.entries()[0].inputs_flow.size(), 1);
}

TEST_F(CalibrationTest, AnEmptyBatchIsAnErrorThatNamesTheFirstLayer) {
  const std::string message =
      message_of([&] { calibrated([&] { conv(at::relu(x_.slice(0, 0, 0))); }); });
  EXPECT_NE(message.find("input 0 of operator 1 (conv2d) has no elements"), std::string::npos)
      << message;
}

TEST_F(CalibrationTest, TrainingModeIsAnErrorThatNamesTheOperator) {
  const auto message_with = [&](bool train) {
    return message_of([&] { calibrated([&] { conv(at::dropout(x_, 0.5, train)); }); });
  };
  EXPECT_NE(message_with(true).find("aten::dropout"), std::string::npos);
  EXPECT_NE(message_with(true).find("training mode; call eval()"), std::string::npos);
  EXPECT_EQ(message_with(false).find("training mode"), std::string::npos);
  const at::Tensor one = at::ones({x_.size(1)});
  const std::string norm = message_of([&] {
    calibrated([&] { at::batch_norm(conv(x_), {}, {}, one, one, true, 0.1, 1e-5, false); });
  });
  EXPECT_NE(norm.find("aten::batch_norm"), std::string::npos) << norm;
}

TEST_F(CalibrationTest, ABranchThatRunsOnNothingHasNoRange) {
  const QuantConf conf = calibrated([&] {
    conv(x_);
    at::linear(at::empty({0, 4}), at::ones({2, 4}));
  });
  EXPECT_EQ(names(conf), "conv2d linear");
  EXPECT_NO_THROW(conf.to_json());
}

TEST_F(CalibrationTest, WorksInEveryGradModeAndForReducedPrecision) {
  const auto run = [&] { at::relu(conv(x_)); };
  w_.requires_grad_();
  EXPECT_EQ(calibrated(run).entries().size(), 2);
  {
    const at::NoGradGuard no_grad;
    EXPECT_EQ(calibrated(run).entries().size(), 2);
  }
  {
    const c10::InferenceMode inference;
    const QuantConf conf = calibrated([&] { conv(x_).relu_(); });
    EXPECT_EQ(flows(conf.entries()[1]), "conv2d0.output0");
    EXPECT_EQ(conf.entries()[1].output_ranges[0].min, 0.0f);
    EXPECT_LT(conf.entries()[1].input_ranges[0].min, 0.0f);
  }
  const QuantConf bf16 =
      calibrated([&] { at::conv2d(x_.to(at::kBFloat16), w_.to(at::kBFloat16)); });
  EXPECT_EQ(bf16.entries()[0].input_ranges[0].max, 3.0f);
}

TEST_F(CalibrationTest, BackwardIsNotRecorded) {
  w_.requires_grad_();
  const QuantConf conf = calibrated([&] { at::relu(conv(x_)).sum().backward(); });
  EXPECT_EQ(names(conf), "conv2d relu");
}

// --- Flow ---

TEST_F(CalibrationTest, InPlaceOperatorsAreReadBeforeTheyRun) {
  const QuantConf conf = calibrated([&] {
    at::Tensor y = conv(x_);
    y += x_;
    at::relu_(y);
    conv_v(y);
  });
  EXPECT_EQ(names(conf), "conv2d add relu conv2d");
  const auto& entries = conf.entries();
  EXPECT_EQ(entries[1].input_ranges[0].max, entries[0].output_ranges[0].max);
  EXPECT_NE(entries[1].output_ranges[0].max, entries[1].input_ranges[0].max);
  EXPECT_EQ(entries[2].input_ranges[0].min, entries[1].output_ranges[0].min);
  EXPECT_EQ(entries[3].input_ranges[0].min, 0.0f);
  EXPECT_EQ(flows(entries[3]), "relu2.output0");
}

TEST_F(CalibrationTest, ViewsSlicesAndCopiesKeepTheFlow) {
  const QuantConf conf = calibrated([&] {
    const at::Tensor y = conv(x_);
    at::relu(y.permute({0, 2, 3, 1}).contiguous());
    at::relu(y.chunk(3, 1)[1]);
    at::relu(y.select(1, 0).unsqueeze(1).expand({1, 3, 4, 4}));
    at::relu(y.reshape({4, -1}).clone().to(at::kDouble));
    at::relu(at::dropout(y, 0.5, false));
    at::relu(at::softmax(y, 1));
  });
  ASSERT_EQ(conf.entries().size(), 7);
  for (size_t i = 1; i < 6; ++i) EXPECT_EQ(flows(conf.entries()[i]), "conv2d0.output0") << i;
  EXPECT_EQ(flows(conf.entries()[6]), "relu6.input0");
  const at::Tensor middle = conv(x_).chunk(3, 1)[1];
  EXPECT_EQ(conf.entries()[2].input_ranges[0].max, middle.max().item<float>());
  EXPECT_EQ(conf.entries()[2].input_ranges[0].min, middle.min().item<float>());
}

TEST_F(CalibrationTest, ConvolutionsSeeThroughZeroPadding) {
  const QuantConf conf = calibrated([&] {
    const at::Tensor y = conv(x_);
    conv(at::pad(y, {0, 0, 0, 0}));
    conv(at::pad(y, {1, 0, 2, 1}));
    conv(at::pad(y, {1, 0}, "constant", 0.5));
    conv(at::pad(y, {1, 0, 1, 0}, "reflect"));
    conv(at::pad(y, {-1, 0}));
    at::relu(at::pad(y, {1, 0, 2, 1}));
    at::add(at::pad(y, {0, 0}).contiguous(), y);
  });
  ASSERT_EQ(conf.entries().size(), 8);
  EXPECT_EQ(flows(conf.entries()[1]), "conv2d0.output0");
  EXPECT_EQ(flows(conf.entries()[2]), "conv2d0.output0");
  for (size_t i = 3; i < 6; ++i) {
    EXPECT_EQ(flows(conf.entries()[i]), c10::str("conv2d", i, ".input0"));
  }
  EXPECT_EQ(flows(conf.entries()[6]), "relu6.input0");
  EXPECT_EQ(flows(conf.entries()[7]), "add7.input0 conv2d0.output0");
  const at::Tensor padded = at::pad(conv(x_), {1, 0, 2, 1});
  EXPECT_EQ(conf.entries()[2].input_ranges[0].max, padded.max().item<float>());
  EXPECT_EQ(conf.entries()[2].input_ranges[0].min, padded.min().item<float>());
}

TEST_F(CalibrationTest, WritesToAnAliasAreSeen) {
  const QuantConf conf = calibrated([&] {
    at::Tensor y = conv(x_);
    const at::Tensor half = y.slice(1, 0, 1);
    y.slice(1, 1, 3).fill_(100.0);  // no recorded operator
    at::relu(y);
    y.view({-1}).mul_(2.0);
    at::relu(y);
    y.fill_(1.0);
    at::relu(y);
    at::relu(half);
  });
  EXPECT_EQ(names(conf), "conv2d relu mul relu relu relu");
  const auto& entries = conf.entries();
  EXPECT_EQ(entries[1].input_ranges[0].max, 100.0f);
  EXPECT_EQ(flows(entries[1]), "conv2d0.output0");
  EXPECT_EQ(entries[3].input_ranges[0].max, 200.0f);
  EXPECT_EQ(flows(entries[3]), "mul2.output0");
  EXPECT_EQ(entries[4].input_ranges[0].max, 1.0f);
  EXPECT_EQ(flows(entries[4]), "relu4.input0");
  EXPECT_EQ(entries[5].input_ranges[0].max, 1.0f);
}

TEST_F(CalibrationTest, AFreedTensorsAddressIsNotTakenForIt) {
  const QuantConf conf = calibrated([&] {
    for (int i = 0; i < 50; ++i) {
      conv(x_);
      at::tanh(at::full({1, 3, 4, 4}, 1.0 * i));
    }
  });
  // 50 forwards of two operators
  ASSERT_EQ(conf.entries().size(), 2);
  EXPECT_EQ(flows(conf.entries()[1]), "tanh1.input0");
  EXPECT_EQ(conf.entries()[1].input_ranges[0].max, 49.0f);
}

TEST_F(CalibrationTest, SharedWeightsMakeAnEntryForEachCall) {
  const QuantConf conf = calibrated([&] { at::relu(conv(at::tanh(conv(x_)))); });
  EXPECT_EQ(names(conf), "conv2d tanh conv2d relu");
}

// --- Scopes ---

TEST_F(CalibrationTest, ScopesNest) {
  QuantConf outer;
  QuantConf inner;
  Calibration outer_scope(outer);
  conv(x_);
  {
    Calibration inner_scope(inner);
    at::relu(x_);
  }
  at::tanh(x_);
  outer_scope.finish();
  at::sigmoid(x_);
  EXPECT_EQ(names(outer), "conv2d relu tanh");
  EXPECT_EQ(names(inner), "relu");
}

TEST_F(CalibrationTest, NothingStaysBehindAScope) {
  ASSERT_FALSE(at::hasThreadLocalCallbacks());
  QuantConf conf;
  c10::weak_intrusive_ptr<c10::StorageImpl> storage(x_.storage().getWeakStorageImpl());
  Calibration scope(conf);
  at::relu(x_).relu_();
  EXPECT_TRUE(at::hasThreadLocalCallbacks());
  EXPECT_EQ(x_.use_count(), 1);
  x_.reset();
  EXPECT_TRUE(storage.expired());
  scope.finish();
  EXPECT_FALSE(at::hasThreadLocalCallbacks());
  scope.finish();  // again: nothing happens
}

TEST_F(CalibrationTest, AnExceptionOfTheModelLeavesTheConfiguration) {
  QuantConf conf;
  EXPECT_THROW(
      {
        Calibration scope(conf);
        conv(x_);
        throw std::runtime_error("model");
      },
      std::runtime_error);
  EXPECT_TRUE(conf.entries().empty());
  EXPECT_FALSE(at::hasThreadLocalCallbacks());
}

TEST_F(CalibrationTest, AnOperatorThatThrowsIsForgotten) {
  const QuantConf conf = calibrated([&] {
    conv(x_);
    EXPECT_ANY_THROW(at::linear(x_, at::ones({2, 77})));
    EXPECT_ANY_THROW(at::cat({x_, at::ones({7})}));
    at::relu(x_);
  });
  EXPECT_EQ(names(conf), "conv2d relu");
}

TEST_F(CalibrationTest, AbandonDropsWhatWasSeen) {
  QuantConf conf;
  Calibration scope(conf);
  conv(x_);
  scope.abandon();
  scope.finish();
  EXPECT_TRUE(conf.entries().empty());
}

TEST_F(CalibrationTest, ThreadsDoNotSeeEachOther) {
  std::vector<QuantConf> confs(2);
  std::vector<std::thread> threads;
  for (size_t t = 0; t < 2; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 50; ++i) {
        Calibration scope(confs[t]);
        const at::Tensor y = conv(x_);
        t == 0 ? at::relu(y) : at::tanh(y);
        scope.finish();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(names(confs[0]), "conv2d relu");
  EXPECT_EQ(names(confs[1]), "conv2d tanh");
}

TEST_F(CalibrationTest, AScopeMayEndOnAnotherThread) {
  QuantConf conf;
  auto scope = std::make_unique<Calibration>(conf);
  conv(x_);
  std::thread([&] { scope.reset(); }).join();
  at::relu(x_);
  EXPECT_EQ(names(conf), "conv2d");
  EXPECT_EQ(names(calibrated([&] { at::tanh(x_); })), "tanh");
  EXPECT_FALSE(at::hasThreadLocalCallbacks());
}

// --- Several forwards ---

TEST_F(CalibrationTest, ScopesAccumulateExtremes) {
  QuantConf conf;
  for (const double factor : {1.0, 3.0, 2.0}) {
    Calibration scope(conf);
    conv(x_ * at::scalar_tensor(factor));
    scope.finish();
  }
  EXPECT_EQ(conf.entries().size(), 2);  // mul, conv2d
  EXPECT_EQ(conf.entries()[1].input_ranges[0].max, 9.0f);
}

TEST_F(CalibrationTest, MovingAverageIsTheEntrysChoice) {
  QuantConf conf = calibrated([&] { conv(x_); });
  auto entries = conf.entries();
  entries[0].algorithm = Algorithm::MovingAverageMinMax;
  conf.set_entries(entries);
  Calibration scope(conf);
  conv(x_ + 0 * x_.sum());  // add_ and mul would be other operators
  expect_words(message_of([&] { scope.finish(); }), {"operator 0 (conv2d)"});
  const at::Tensor twice = x_ * 2;
  for (int i = 0; i < 2; ++i) {
    Calibration again(conf);
    conv(twice);
    again.finish();
  }
  const float once = 3.0f + 0.01f * (6.0f - 3.0f);
  EXPECT_EQ(conf.entries()[0].input_ranges[0].max, once + 0.01f * (6.0f - once));
}

// --- Least error ---

// Rows of [-1, 1], in one of which 30 stands out.
at::Tensor rows_with_an_outlier(double outlier = 30) {
  at::Tensor rows = at::linspace(-1, 1, 64 * 48).reshape({64, 48});
  rows[17][5] = outlier;
  return rows;
}

TEST_F(CalibrationTest, LinearLayersChooseTheRangeOfLeastError) {
  const at::Tensor x = rows_with_an_outlier();
  const QuantConf conf = calibrated([&] { at::relu(at::linear(x, at::ones({5, 48}))); });
  const OperatorEntry& linear = conf.entries()[0];
  EXPECT_EQ(linear.algorithm, Algorithm::LeastError);
  EXPECT_EQ(conf.entries()[1].algorithm, Algorithm::MinMax);
  EXPECT_EQ(linear.input_ranges[0].max, 30.0f);  // the extremes are known as well
  EXPECT_LT(linear.input_scales[0], 30.0 / 255);
  EXPECT_GT(linear.input_scales[0], 2.0 / 255);
}

TEST_F(CalibrationTest, LeastErrorIsThatOfAllScopes) {
  const at::Tensor weight = at::ones({5, 48});
  std::vector<at::Tensor> batches = {rows_with_an_outlier(3), rows_with_an_outlier(),
                                     rows_with_an_outlier(-100)};
  const auto after_scopes = [&] {
    QuantConf conf;
    for (const at::Tensor& batch : batches) {
      Calibration scope(conf);
      at::linear(batch, weight);
      scope.finish();
    }
    return conf.to_json();
  };
  const std::string forwards = after_scopes();
  const QuantConf loop = calibrated([&] {
    for (const at::Tensor& batch : batches) at::linear(batch, weight);
  });
  EXPECT_EQ(loop.to_json(), forwards);
  std::reverse(batches.begin(), batches.end());
  EXPECT_EQ(after_scopes(), forwards);
}

TEST_F(CalibrationTest, LayersThatReadTheSameTensorAgree) {
  const at::Tensor x = rows_with_an_outlier();
  const QuantConf conf = calibrated([&] {
    at::linear(x, at::ones({5, 48}));
    at::linear(x, at::ones({7, 48}) * -3);
  });
  const auto& entries = conf.entries();
  EXPECT_EQ(entries.front().input_scales, entries.back().input_scales);
  EXPECT_EQ(entries.front().input_histograms[0], entries.back().input_histograms[0]);
}

TEST_F(CalibrationTest, AWrittenTensorIsSeenAnew) {
  at::Tensor x = rows_with_an_outlier();
  const at::Tensor weight = at::ones({5, 48});
  const QuantConf conf = calibrated([&] {
    at::linear(x, weight);
    x.mul_(2);
    at::linear(x, weight);
  });
  const auto& entries = conf.entries();
  EXPECT_FLOAT_EQ(entries.back().input_scales[0], 2 * entries.front().input_scales[0]);
}

TEST_F(CalibrationTest, AFileStartsLeastErrorAfresh) {
  const at::Tensor weight = at::ones({5, 48});
  const at::Tensor narrow = rows_with_an_outlier();
  const at::Tensor wide = narrow * 10;
  const QuantConf alone = calibrated([&] { at::linear(narrow, weight); });
  QuantConf read =
      QuantConf::from_json(calibrated([&] { at::linear(wide, weight); }).to_json(), "text");
  Calibration scope(read);
  at::linear(narrow, weight);
  scope.finish();
  EXPECT_EQ(read.entries()[0].input_scales, alone.entries()[0].input_scales);
  EXPECT_GT(read.entries()[0].output_scales[0], alone.entries()[0].output_scales[0]);
}

TEST_F(CalibrationTest, AnyComputeMayBeSetToLeastError) {
  at::Tensor image = at::linspace(-1, 1, 3 * 32 * 32).reshape({1, 3, 32, 32});
  image[0][1][7][7] = 30;
  const auto model = [&](const at::Tensor& x) {
    at::conv2d(x, w_);
    at::matmul(x, x);
    at::relu(x);
  };
  QuantConf conf = calibrated([&] { model(image); });
  auto entries = conf.entries();
  for (OperatorEntry& entry : entries) entry.algorithm = Algorithm::LeastError;
  conf.set_entries(entries);
  Calibration scope(conf);
  model(image);
  scope.finish();
  EXPECT_LT(conf.entries()[0].input_scales[0], entries[0].input_scales[0]);
  EXPECT_LT(conf.entries()[1].input_scales[0], entries[1].input_scales[0]);
  EXPECT_LT(conf.entries()[1].input_scales[1], entries[1].input_scales[1]);
  EXPECT_EQ(conf.entries()[2].input_scales, entries[2].input_scales);  // as with min_max
}

TEST_F(CalibrationTest, LeastErrorOfNothingIsTheEmptyRange) {
  const at::Tensor weight = at::ones({5, 48});
  const at::Tensor other = at::ones({3, 48});
  const at::Tensor x = rows_with_an_outlier();
  const auto run = [&](const at::Tensor& second) {
    at::linear(x, other);
    at::linear(second, weight);
  };
  QuantConf conf = calibrated([&] { run(at::empty({0, 48})); });
  EXPECT_EQ(conf.entries()[1].input_ranges[0].max, 0.0f);
  Calibration scope(conf);
  run(x);
  scope.finish();
  const QuantConf alone = calibrated([&] { run(x); });
  EXPECT_EQ(conf.entries()[1].input_scales, alone.entries()[1].input_scales);
}

TEST_F(CalibrationTest, NaNInALinearLayerNamesIt) {
  EXPECT_NE(message_of([] {
              calibrated([] { at::linear(at::full({2, 48}, NAN), at::ones({5, 48})); });
            }).find("(linear) holds NaN"),
            std::string::npos);
}

// --- Files ---

TEST_F(CalibrationTest, AFilesFlagsAndRangesAreTakenUp) {
  QuantConf conf = calibrated([&] { conv(x_); });
  auto entries = conf.entries();
  entries[0].inputs_quantized[0] = false;
  entries[0].weight_granularity = WeightGranularity::PerTensor;
  entries[0].weight_scales[0].resize(1);
  conf.set_entries(entries);
  QuantConf read = QuantConf::from_json(conf.to_json(), "text");
  Calibration scope(read);
  conv(x_ / 10);
  EXPECT_ANY_THROW(scope.finish());  // div is no operator of it
  const at::Tensor small = x_ / 10;
  Calibration again(read);
  conv(small);
  again.finish();
  EXPECT_FALSE(read.entries()[0].inputs_quantized[0]);
  EXPECT_FLOAT_EQ(read.entries()[0].input_scales[0], conf.entries()[0].input_scales[0]);
  EXPECT_EQ(read.entries()[0].weight_scales[0].size(), 1);
}

TEST_F(CalibrationTest, ALoopInsideOneScopeIsSeveralForwards) {
  const QuantConf conf = calibrated([&] {
    for (int i = 1; i <= 3; ++i) {
      const at::Tensor input = at::full({1, 3, 4, 4}, 1.0 * i);
      at::relu(conv_v(at::relu(conv(input))));
    }
  });
  EXPECT_EQ(names(conf), "conv2d relu conv2d relu");
  EXPECT_EQ(conf.entries()[0].input_ranges[0].max, 3.0f);
}

TEST_F(CalibrationTest, EqualLayersAreNotSeveralForwards) {
  const at::Tensor other = w_.clone();
  EXPECT_EQ(calibrated([&] {  // weights of their own
              at::conv2d(x_, w_);
              at::conv2d(x_, other);
            })
                .entries()
                .size(),
            2);
  EXPECT_EQ(calibrated([&] { conv(conv(conv(x_))); }).entries().size(), 3);  // one feeds the next
  EXPECT_EQ(calibrated([&] {  // through an operator that is not recorded
              conv(at::softmax(conv(x_), 1));
            })
                .entries()
                .size(),
            2);
  EXPECT_EQ(calibrated([&] { at::relu(x_), at::relu(x_); }).entries().size(), 2);  // no weight
}

TEST_F(CalibrationTest, ALoopOverAKnownModelIsSeveralForwards) {
  QuantConf conf = calibrated([&] { at::relu(x_); });
  Calibration scope(conf);
  for (int i = 0; i < 4; ++i) at::relu(x_);
  scope.finish();
  EXPECT_EQ(conf.entries().size(), 1);
}

TEST_F(CalibrationTest, AnotherModelIsAnError) {
  QuantConf conf = calibrated([&] { at::relu(conv(x_)); });
  const std::string before = conf.to_json();
  const auto ran = [&](const std::function<void()>& model) {
    return message_of([&] {
      Calibration scope(conf);
      model();
      scope.finish();
    });
  };
  expect_words(ran([&] { at::tanh(conv(x_)); }), {"operator 1 (relu)", "ran tanh"});
  expect_words(ran([&] {
                 at::relu(at::conv2d(x_, at::ones({5, 3, 1, 1})));
               }),
               {"operator 0 (conv2d)", "[5, 3, 1, 1]"});
  expect_words(ran([&] { conv(x_); }), {"not a whole number of forwards"});
  EXPECT_EQ(conf.to_json(), before);
}

// --- Bad numbers ---

TEST_F(CalibrationTest, NaNNamesTheOperator) {
  QuantConf conf;
  Calibration scope(conf);
  at::relu(conv(x_));
  at::relu(at::full({2}, NAN));
  const std::string message = message_of([&] { scope.finish(); });
  expect_words(message, {"input 0 of operator 2 (relu) holds NaN"});
  EXPECT_TRUE(conf.entries().empty());
}

TEST_F(CalibrationTest, InfinityInComputeIsAnError) {
  expect_words(message_of([&] { calibrated([&] {
                                  conv(at::full({1, 3, 4, 4}, -kInfinity));
                                }); }),
               {"input 0 of operator 0 (conv2d) holds -infinity"});
  expect_words(message_of([&] { calibrated([&] {
                                  at::linear(x_, at::full({3, 4}, NAN));
                                }); }),
               {"the weight of operator 0 (linear) holds NaN"});
}

TEST_F(CalibrationTest, MasksAreLegalAndNotQuantized) {
  for (const float masked : {-kInfinity, std::numeric_limits<float>::lowest()}) {
    QuantConf conf;
    Calibration scope(conf);
    const at::Tensor scores = at::linear(at::ones({4, 4}), at::ones({4, 4}));
    at::softmax(scores.add(at::full({4, 4}, masked)), -1);
    scope.finish();
    EXPECT_EQ(names(conf), "linear add");
    EXPECT_EQ(conf.entries()[1].inputs_quantized, (std::vector<bool>{false, false}));
    EXPECT_NO_THROW(QuantConf::from_json(conf.to_json(), "text"));
  }
}

TEST_F(CalibrationTest, WithoutTheRecipeAllInt8FormsAreMarked) {
  QuantConf conf;
  Calibration scope(conf, {.default_recipe = false});
  conv(x_).add(x_);
  scope.finish();
  EXPECT_EQ(conf.entries()[1].inputs_quantized, (std::vector<bool>{true, true}));
  EXPECT_EQ(conf.entries()[1].outputs_quantized, (std::vector<bool>{true}));
}

TEST_F(CalibrationTest, APoolSharesItsParametersWithItsNeighbours) {
  const QuantConf conf = calibrated([&] {
    const at::Tensor pooled = at::max_pool2d(conv(x_), {2, 2}, {2, 2});
    at::linear(pooled.flatten(1), at::ones({2, 12}));
  });
  EXPECT_EQ(names(conf), "conv2d max_pool2d flatten linear");
  const auto& entries = conf.entries();
  EXPECT_EQ(entries[1].output_scales, entries[1].input_scales);
  EXPECT_EQ(entries[3].input_scales, entries[1].input_scales);
  EXPECT_EQ(entries[3].input_zero_points, entries[1].input_zero_points);
}

}  // namespace
}  // namespace int8graph
