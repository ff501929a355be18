#include "passes/needless_clamps.h"

#include <gtest/gtest.h>
#include <torch/csrc/jit/ir/ir.h>

#include "testing/ir.h"

namespace int8graph {
namespace {

/// Whether the clamp between `x` and the quantizers is still there.
bool stays(const std::string& clamp, const std::string& quantizers) {
  const auto graph = ir(R"IR(
graph(%i : Tensor, %w : Tensor, %m : Tensor):
  %scale : float = prim::Constant[value=0.0235]()
  %small : float = prim::Constant[value=0.01]()
  %large : float = prim::Constant[value=0.05]()
  %zero : int = prim::Constant[value=0]()
  %middle : int = prim::Constant[value=128]()
  %qint8 : int = prim::Constant[value=12]()
  %quint8 : int = prim::Constant[value=13]()
  %none : NoneType = prim::Constant()
  %x : Tensor = aten::linear(%i, %w, %none)
  %low : float = prim::Constant[value=0.]()
  %high : float = prim::Constant[value=6.]()
  %1 : Tensor = )IR" + clamp +
                        "\n" + quantizers + "\n  return (%2)");
  remove_needless_clamps(*graph->block());
  return picture_of(*graph).find(clamp.substr(0, clamp.find('('))) != std::string::npos;
}

const std::string kRelu = "aten::relu(%x)";
const std::string kRelu6 = "aten::hardtanh(%x, %low, %high)";

std::string quantize(const std::string& parameters) {
  return "  %2 : Tensor = aten::quantize_per_tensor(%1, " + parameters + ")";
}

TEST(NeedlessClamps, GoWhereTheQuantizerHoldsNoMore) {
  EXPECT_FALSE(stays(kRelu, quantize("%scale, %zero, %quint8")));
  EXPECT_FALSE(stays(kRelu6, quantize("%scale, %zero, %quint8")));
  EXPECT_FALSE(stays(kRelu6, quantize("%small, %zero, %quint8")));
  EXPECT_FALSE(stays("aten::relu6(%x)", quantize("%scale, %zero, %quint8")));
}

TEST(NeedlessClamps, StayWhereTheQuantizerHoldsMore) {
  EXPECT_TRUE(stays(kRelu, quantize("%scale, %middle, %quint8")));
  EXPECT_TRUE(stays(kRelu, quantize("%scale, %zero, %qint8")));
  EXPECT_TRUE(stays(kRelu6, quantize("%large, %zero, %quint8")));
}

TEST(NeedlessClamps, StayWhereSomebodyElseReadsThem) {
  const std::string twice = quantize("%scale, %zero, %quint8");
  EXPECT_TRUE(stays(kRelu, twice + "\n  %3 : Tensor = aten::neg(%1)"));
  EXPECT_FALSE(stays(
      kRelu, twice + "\n  %3 : Tensor = aten::quantize_per_tensor(%1, %large, %zero, %quint8)"));
}

TEST(NeedlessClamps, StayWhereTheyMakeFloatsOfIntegers) {
  EXPECT_TRUE(stays("aten::hardtanh(%i, %low, %high)", quantize("%scale, %zero, %quint8")));
  EXPECT_FALSE(stays("aten::relu(%i)", quantize("%scale, %zero, %quint8")));
}

TEST(NeedlessClamps, StayWhereTheyOrOthersWriteInPlace) {
  EXPECT_TRUE(stays("aten::relu_(%x)", quantize("%scale, %zero, %quint8")));
  EXPECT_TRUE(
      stays(kRelu, "  %3 : Tensor = aten::mul_(%x, %m)\n" + quantize("%scale, %zero, %quint8")));
}

TEST(NeedlessClamps, OtherOperatorsStay) {
  EXPECT_TRUE(stays("aten::sigmoid(%x)", quantize("%scale, %zero, %quint8")));
}

}  // namespace
}  // namespace int8graph
