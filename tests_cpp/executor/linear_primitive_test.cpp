#include "executor/linear_primitive.h"

#include <ATen/ATen.h>
#include <torch/csrc/jit/ir/ir.h>
#include <torch/csrc/jit/runtime/interpreter.h>

#include "executor/linear_kernel.h"
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

/// Compares with PyTorch's operators.
void expect_right(jit::Graph& graph, int64_t rows, const at::Tensor& other) {
  const auto plan = matmul_plan(graph);
  ASSERT_TRUE(plan);
  const auto dtype = static_cast<c10::ScalarType>(plan->source.parameters.dtype);
  const at::Tensor x =
      at::quantize_per_tensor(noise({rows, kInner}), 0.05, dtype == kU8 ? 117 : 0, dtype);
  const std::vector<at::Tensor> inputs = {x, other};
  const auto kernel = make_linear_kernel(*plan, "a layer", Weights::Shared);
  const auto result = kernel->run(inputs);
  ASSERT_TRUE(result);
  const jit::Code code(graph.copy(), "unfused");
  jit::Stack stack(inputs.begin(), inputs.end());
  jit::InterpreterState(code).run(stack);
  const at::Tensor expected = stack.front().toTensor();
  if (expected.is_quantized()) return expect_one_step_apart(*result, expected);
  EXPECT_TRUE(at::allclose(*result, expected, 1e-4, 1e-4));
}

class LinearForms : public NeedsAvx512Vnni {};

LinearForm form_of(jit::Graph& graph, int64_t rows) {
  return LinearConstants(matmul_plan(graph).value()).form_for(rows);
}

TEST_F(LinearForms, WholeBlocksAreConvolutions) {
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

TEST(LinearPrimitive, GivesTheSameNumbersInAllForms) {
  const std::string quantized =
      "\n  %result = aten::quantize_per_tensor(%a, %wide, %zero_point, %dtype)";
  for (const auto dtype : {kU8, kS8}) {
    for (const std::string& rest : {
             std::string("%result = aten::relu(%z)"),
             "%a = aten::gelu(%z, %none)" + quantized,
             std::string("%result = aten::add(%other, %z, %one)"),
             "%c = aten::prelu(%z, %slopes)\n  %a = aten::add(%c, %other, %one)" + quantized,
             std::string("%result = aten::mul(%z, %slopes)"),
         }) {
      const auto graph = layer(rest, kInner, kOuter, dtype);
      for (const int64_t rows : {40, 64, 100, 192, 300}) {
        SCOPED_TRACE(rest + " of " + std::to_string(rows) + " rows");
        expect_right(*graph, rows, noise({rows, kOuter}, 5));
      }
    }
  }
}

TEST(LinearPrimitive, ReadsAnOperandInInt8) {
  const auto graph = layer(
      "%s = int8graph::dequantize(%other, %wide, %zero_point, %dtype)\n"
      "  %result = aten::add(%s, %z, %one)");
  for (const int64_t rows : {40, 64, 300}) {
    expect_right(*graph, rows, at::quantize_per_tensor(noise({rows, kOuter}, 5), 0.25, 117, kU8));
  }
}

}  // namespace
}  // namespace int8graph
