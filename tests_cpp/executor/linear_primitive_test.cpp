#include "executor/linear_primitive.h"

#include <ATen/ATen.h>
#include <torch/csrc/jit/ir/ir.h>
#include <torch/csrc/jit/runtime/interpreter.h>

#include <cmath>
#include <thread>

#include "executor/linear_kernel.h"
#include "executor/row_blocks.h"
#include "testing/ir.h"
#include "testing/needs_avx512_vnni.h"
#include "testing/partition.h"
#include "testing/small_models.h"

namespace int8graph {
namespace {

namespace jit = torch::jit;

constexpr int64_t kInner = 192;
constexpr int64_t kOuter = 128;
constexpr auto kU8 = c10::kQUInt8;
constexpr auto kS8 = c10::kQInt8;

/// A linear layer of %x, then `rest`, which makes %result of %z and %other.
std::shared_ptr<jit::Graph> layer(const std::string& rest, int64_t inner = kInner,
                                  int64_t outer = kOuter, c10::ScalarType dtype = kU8) {
  const at::Tensor weight =
      at::quantize_per_channel(alternating({outer, inner}), at::full({outer}, 0.02, at::kDouble),
                               at::zeros({outer}, at::kLong), 0, at::kQInt8);
  const std::string zero_point = dtype == kU8 ? "117" : "0";
  return ir(R"IR(
graph(%x, %other, %w, %b, %slopes):
  %scale : float = prim::Constant[value=0.05]()
  %wide : float = prim::Constant[value=0.25]()
  %one : int = prim::Constant[value=1]()
  %none : str = prim::Constant[value="none"]()
  %zero_point : int = prim::Constant[value=)IR" +
                zero_point + "]()\n  %dtype : int = prim::Constant[value=" +
                std::to_string(static_cast<int>(dtype)) + R"IR(]()
  %y = int8graph::dequantize(%x, %scale, %zero_point, %dtype)
  %v = aten::dequantize(%w)
  %z = aten::linear(%y, %v, %b)
  )IR" + rest + "\n  return (%result)\n",
            {{"w", weight}, {"b", noise({outer}, 3)}, {"slopes", noise({outer}, 4)}});
}

/// A layer's kernel, and its subgraph to compare with.
class Layer {
 public:
  explicit Layer(const std::string& rest, c10::ScalarType dtype = kU8,
                 Weights weights = Weights::Shared)
      : zero_point_(dtype == kU8 ? 117 : 0),
        dtype_(dtype),
        graph_(layer(rest, kInner, kOuter, dtype)),
        code_(layer(rest, kInner, kOuter, dtype), "unfused"),  // weights of its own
        kernel_(make_linear_kernel(linear_plan(*graph_).value(), "a layer", weights)) {}

  std::optional<at::Tensor> run(int64_t rows, const at::Tensor& other) const {
    return kernel_->run(inputs(rows, other));
  }

  void expect_right(int64_t rows, const at::Tensor& other) const {
    SCOPED_TRACE(rows);
    const auto result = run(rows, other);
    ASSERT_TRUE(result);
    const std::vector<at::Tensor> arguments = inputs(rows, other);
    jit::Stack stack(arguments.begin(), arguments.end());
    jit::InterpreterState(code_).run(stack);
    const at::Tensor expected = stack.front().toTensor();
    if (expected.is_quantized()) return expect_one_step_apart(*result, expected);
    EXPECT_TRUE(at::allclose(*result, expected, 1e-4, 1e-4));
  }

  void expect_right(int64_t rows) const { expect_right(rows, noise({rows, kOuter}, 5)); }

 private:
  std::vector<at::Tensor> inputs(int64_t rows, const at::Tensor& other) const {
    return {at::quantize_per_tensor(noise({rows, kInner}), 0.05, zero_point_, dtype_), other};
  }

  const int64_t zero_point_;
  const c10::ScalarType dtype_;
  const std::shared_ptr<jit::Graph> graph_;
  const jit::Code code_;
  const std::unique_ptr<const PrimitiveKernel> kernel_;
};

class LinearForms : public NeedsAvx512Vnni {};

LinearForm form_of(jit::Graph& graph, int64_t rows) {
  const auto constants = std::make_shared<LinearConstants>(linear_plan(graph).value());
  return LinearPrimitive(constants, rows).form();
}

TEST_F(LinearForms, ManyRowsAreAConvolution) {
  const auto graph = layer("%result = aten::relu(%z)");
  EXPECT_EQ(form_of(*graph, 256), LinearForm::Convolution);
  EXPECT_EQ(form_of(*graph, 64), LinearForm::Convolution);
  EXPECT_EQ(form_of(*graph, 56), LinearForm::Matmul);
}

TEST_F(LinearForms, WhatWouldBePackedInAnotherWayIsAMatmul) {
  const std::string relu = "%result = aten::relu(%z)";
  EXPECT_EQ(form_of(*layer(relu, 192, 96), 64), LinearForm::Matmul);
  EXPECT_EQ(form_of(*layer(relu, 160, 128), 64), LinearForm::Matmul);
  EXPECT_EQ(form_of(*layer(relu, 192, 128, kS8), 64), LinearForm::Matmul);  // has sums behind it
}

TEST_F(LinearForms, NoneIsAReferenceKernel) {
  // for 256 rows, oneDNN 3.2's convolution wants this weight in columns of 48
  const auto graph = layer("%result = aten::add(%other, %z, %one)", 3072, 768);
  const auto constants = std::make_shared<LinearConstants>(linear_plan(*graph).value());
  for (const int64_t rows : kRowBlockSizes) {
    const std::string name = LinearPrimitive(constants, rows).implementation();
    EXPECT_FALSE(name.starts_with("ref")) << rows << " rows: " << name;
  }
}

const std::string kQuantized =
    "\n  %result = aten::quantize_per_tensor(%a, %wide, %zero_point, %dtype)";
const std::string kWithOperand =
    "%c = aten::prelu(%z, %slopes)\n  %a = aten::add(%c, %other, %one)" + kQuantized;

TEST(LinearPrimitive, GivesTheSameNumbersInAllForms) {
  for (const auto dtype : {kU8, kS8}) {
    for (const std::string& rest :
         {std::string("%result = aten::relu(%z)"), "%a = aten::gelu(%z, %none)" + kQuantized,
          std::string("%result = aten::add(%other, %z, %one)"), kWithOperand,
          std::string("%result = aten::mul(%z, %slopes)")}) {
      SCOPED_TRACE(rest);
      for (const int64_t rows : {40, 64, 100, 192, 300}) Layer(rest, dtype).expect_right(rows);
    }
  }
}

TEST(LinearPrimitive, ReadsAnOperandInInt8) {
  const Layer layer(
      "%s = int8graph::dequantize(%other, %wide, %zero_point, %dtype)\n"
      "  %result = aten::add(%s, %z, %one)");
  for (const int64_t rows : {40, 64, 300}) {
    layer.expect_right(rows, at::quantize_per_tensor(noise({rows, kOuter}, 5), 0.25, 117, kU8));
  }
}

TEST(LinearPrimitive, MakesNoOtherIntegersThanInt8) {
  const std::string to_int32 =
      "%int32 : int = prim::Constant[value=14]()\n"
      "  %result = aten::quantize_per_tensor(%z, %wide, %zero_point, %int32)";
  EXPECT_THROW(Layer{to_int32}, std::invalid_argument);
}

TEST(LinearPrimitive, KeepsInfinitiesThatOpenClampsLetThrough) {
  at::Tensor other = noise({9, kOuter}, 5);
  other.select(1, 3).fill_(INFINITY);
  other.select(1, 70).fill_(-INFINITY);
  for (const char* clamp : {"clamp_min(%a, %wide)", "clamp_max(%a, %wide)"}) {
    SCOPED_TRACE(clamp);
    const Layer layer("%a = aten::add(%other, %z, %one)\n  %result = aten::" + std::string(clamp));
    layer.expect_right(9, other);
  }
}

// What executor/partition_kernel.h says of NaN.
TEST_F(LinearForms, MakeZeroOfNaNWhereItMeetsAReLUOrUint8) {
  at::Tensor other = noise({9, kOuter}, 5);
  other.select(1, 3).fill_(NAN);
  const std::string sum = "%a = aten::add(%other, %z, %one)";
  const Layer relu(sum + "\n  %result = aten::relu(%a)");
  EXPECT_TRUE(at::equal(relu.run(9, other).value().select(1, 3), at::zeros({9})));
  const Layer quantized(sum + kQuantized);
  EXPECT_TRUE(at::equal(quantized.run(9, other).value().int_repr().select(1, 3),
                        at::zeros({9}, at::kByte)));
}

TEST(LinearPrimitive, GivesThemHoweverRowsAreSplit) {
  const Layer layer(kWithOperand, kU8, Weights::Owned);
  for (int64_t rows = 1; rows < 530; rows += 1 + rows / 9) layer.expect_right(rows);
  for (int i = 0; i < 20; ++i) layer.expect_right(197);  // blocks at first, then all at once
  layer.expect_right(100);
}

TEST(LinearPrimitive, GivesThemToManyThreads) {
  const Layer layer(kWithOperand);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      for (int64_t rows = 60 + i; rows < 330; rows += 23) layer.expect_right(rows);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace int8graph
