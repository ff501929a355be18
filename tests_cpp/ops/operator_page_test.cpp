#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "ops/lowering.h"
#include "ops/operator_table.h"

namespace int8graph {
namespace {

constexpr const char* kIntroduction = R"(# Operators

What int8graph knows of each TorchScript operator, made from its operator table (`src/ops/operator_table.cpp`).
The generic forms that tracing writes, `aten::_convolution`, `aten::convolution` and `aten::addmm`, count as the
operator that they compute. The names on the left are those in `configure.json`; operators in brackets have no entry
there. "Fuses" tells which have a form in oneDNN Graph, so that they can be part of a partition; attention, silu, masks
and a few others without one are written as operators that have. Adaptive average pools of int8, lookups in int8 tables, and
layer norms with the quantizers behind them have kernels of int8graph's own. All others, and those that are not
listed, stay with PyTorch. `int8graph inspect` tells what became of each operator of a model, and why.

| operator | TorchScript | what becomes of it | fuses |
| --- | --- | --- | --- |
)";

std::string fate_of(OpClass op_class) {
  switch (op_class) {
    case OpClass::Conv:
    case OpClass::Linear:
      return "computes in int8; its weight is int8, with a scale for each output channel or one";
    case OpClass::MatMul:
      return "computes in int8, of two activations";
    case OpClass::Add:
      return "fuses with the operator that makes one of its operands; the other may be int8";
    case OpClass::Elementwise:
      return "fuses with the operator before it";
    case OpClass::Norm:
      return "is folded into the operator before it";
    case OpClass::Pool:
      return "int8 in and out, with equal scales";
    case OpClass::Average:
      return "int8 in, fp32 out";
    case OpClass::Shape:
    case OpClass::View:
      return "moves int8 values";
    case OpClass::Part:
      return "moves some of the int8 values";
    case OpClass::Concat:
      return "joins int8 values where their scales are equal";
    case OpClass::Lookup:
      return "reads rows of an int8 table";
    case OpClass::Quantizer:
      return "stands at the borders of int8";
    case OpClass::Other:
      return "is computed in fp32";
  }
  return {};
}

std::string page() {
  std::string text = kIntroduction;
  for (const Operator& row : operator_table()) {
    const std::string name(row.name);
    text += "| " + (row.recorded() ? name : "(" + name + ")") + " | ";
    std::string symbols;
    for (const std::string_view symbol : row.symbols) {
      symbols += (symbols.empty() ? "`" : ", `") + std::string(symbol) + "`";
    }
    text += symbols + " | " + fate_of(row.op_class) + " | " +
            (row.lower && row.lower != refuse_fused_attention ? "yes" : "") + " |\n";
  }
  return text;
}

TEST(OperatorPage, IsThatOfTheOperatorTable) {
  const auto root = std::filesystem::path(__FILE__).parent_path().parent_path().parent_path();
  const auto path = root / "docs" / "operators.md";
  if (std::getenv("INT8GRAPH_WRITE_DOCS") != nullptr) std::ofstream(path) << page();
  std::ostringstream found;
  found << std::ifstream(path).rdbuf();
  EXPECT_EQ(found.str(), page()) << "run this test with INT8GRAPH_WRITE_DOCS=1 to write it anew";
}

}  // namespace
}  // namespace int8graph
