#include "passes/known_regions.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/csrc/jit/ir/ir.h>

#include <algorithm>
#include <unordered_set>

#include "onednn/onednn_loader.h"
#include "ops/attached_nodes.h"
#include "passes/graph_mapping.h"
#include "passes/partitioning.h"
#include "testing/ir.h"

namespace int8graph {
namespace {

namespace jit = torch::jit;

/// What `nodes` makes of int8 tensors with a zero point (%q, %q2, %q3) and without (%k), fp32 ones
/// (%x), int8 weights of a linear layer and of convolutions, the number %three, and four %slopes.
std::shared_ptr<jit::Graph> graph_of(const std::string& nodes, const std::string& result) {
  return ir(R"IR(
graph(%q : Tensor, %q2 : Tensor, %k : Tensor, %x : Tensor, %linear_weight : Tensor,
      %conv_weight : Tensor, %transposed_weight : Tensor, %q3 : Tensor, %three : Tensor,
      %slopes : Tensor, %depthwise_weight : Tensor):
  %s : float = prim::Constant[value=0.02]()
  %z : int = prim::Constant[value=128]()
  %zero : int = prim::Constant[value=0]()
  %u8 : int = prim::Constant[value=13]()
  %s8 : int = prim::Constant[value=12]()
  %one : int = prim::Constant[value=1]()
  %minus_one : int = prim::Constant[value=-1]()
  %twenty : int = prim::Constant[value=20]()
  %false : bool = prim::Constant[value=0]()
  %eps : float = prim::Constant[value=1e-5]()
  %none : NoneType = prim::Constant()
  %ones : int[] = prim::Constant[value=[1, 1]]()
  %twos : int[] = prim::Constant[value=[2, 2]]()
  %zeros : int[] = prim::Constant[value=[0, 0]]()
  %width : int[] = prim::Constant[value=[4]]()
  %d : Tensor = int8graph::dequantize(%q, %s, %z, %u8)
)IR" + nodes + "\n  return (" +
                result + ")",
            {{"linear_weight", int8_weight({4, 4})},
             {"conv_weight", int8_weight({4, 4, 3, 3})},
             {"transposed_weight", int8_weight({4, 4, 3, 3}, 1)},
             {"three", at::full({1}, 3.0F)},
             {"slopes", at::full({4}, 0.25F)},
             {"depthwise_weight", int8_weight({4, 1, 3, 3})}});
}

const std::string kLinear = R"IR(
  %w : Tensor = aten::dequantize(%linear_weight)
  %l : Tensor = aten::linear(%d, %w, %none))IR";
const std::string kConv = R"IR(
  %w : Tensor = aten::dequantize(%conv_weight)
  %l : Tensor = aten::conv2d(%d, %w, %none, %ones, %ones, %ones, %one))IR";

std::vector<jit::Node*> nodes_of(jit::Graph& graph) {
  std::vector<jit::Node*> nodes;
  for (jit::Node* node : graph.nodes()) {
    if (node->kind() != c10::prim::Constant) nodes.push_back(node);
  }
  return nodes;
}

std::string text_of(const Region& region) {
  std::string text;
  for (const jit::Node* node : region) {
    text += std::string(text.empty() ? "" : " ") + node->kind().toUnqualString();
  }
  return text;
}

using Names = std::vector<std::string>;

Names known_in(jit::Graph& graph) {
  Names names;
  for (const Region& region : find_known_regions(nodes_of(graph)).regions) {
    names.push_back(text_of(region));
  }
  return names;
}

/// What oneDNN Graph makes of all nodes: the regions that compute something of int8 or into it.
Names asked_for(jit::Graph& graph) {
  load_onednn();
  MappedBlock everything;
  everything.segments.push_back(map_nodes(nodes_of(graph)));
  Names names;
  for (const Region& region : partition(std::move(everything)).regions) {
    names.push_back(text_of(region));
  }
  return names;
}

struct Case {
  const char* name;
  std::string nodes;
  const char* result;
  Names regions;
};

class TheSameAsOneDnnGraph : public testing::TestWithParam<Case> {};

TEST_P(TheSameAsOneDnnGraph, Finds) {
  const auto graph = graph_of(GetParam().nodes, GetParam().result);
  EXPECT_EQ(known_in(*graph), GetParam().regions);
  Names asked = asked_for(*graph);
  Names known = GetParam().regions;
  std::ranges::sort(asked);
  std::ranges::sort(known);
  EXPECT_EQ(asked, known);
}

TEST_P(TheSameAsOneDnnGraph, LeavesNoNodeWithoutAReason) {
  load_onednn();
  const auto graph = graph_of(GetParam().nodes, GetParam().result);
  const Partitioning partitioning = partition_block(*graph->block());
  std::unordered_set<const jit::Node*> told;
  for (const Region& region : partitioning.regions) told.insert(region.begin(), region.end());
  for (const auto& [node, reason] : partitioning.reasons) told.insert(node);
  for (const jit::Node* node : nodes_of(*graph)) {
    EXPECT_TRUE(told.contains(node) || is_part_of_its_reader(*node)) << node->kind().toQualString();
  }
}

INSTANTIATE_TEST_SUITE_P(
    KnownRegions, TheSameAsOneDnnGraph,
    testing::Values(Case{"linear", kLinear, "%l", {"dequantize dequantize linear"}},
                    Case{"conv", kConv, "%l", {"dequantize dequantize conv2d"}},
                    Case{"linear_and_quantizer",
                         kLinear + "\n  %p : Tensor = aten::quantize_per_tensor(%l, %s, %z, %u8)",
                         "%p",
                         {"dequantize dequantize linear quantize_per_tensor"}},
                    Case{"activations",
                         kConv + R"IR(
  %r : Tensor = aten::relu(%l)
  %t : Tensor = aten::tanh(%r)
  %e : Tensor = aten::abs(%t)
  %p : Tensor = aten::quantize_per_tensor(%e, %s, %z, %u8))IR",
                         "%p",
                         {"dequantize dequantize conv2d relu tanh abs quantize_per_tensor"}},
                    Case{"swish",
                         kConv + R"IR(
  %g : Tensor = aten::sigmoid(%l)
  %m : Tensor = aten::mul(%l, %g)
  %p : Tensor = aten::quantize_per_tensor(%m, %s, %z, %u8))IR",
                         "%p",
                         {"dequantize dequantize conv2d sigmoid mul quantize_per_tensor"}},
                    Case{"mish",
                         kConv + R"IR(
  %e : Tensor = aten::softplus(%l, %one, %twenty)
  %t : Tensor = aten::tanh(%e)
  %m : Tensor = aten::mul(%l, %t))IR",
                         "%m",
                         {"dequantize dequantize conv2d softplus tanh mul"}},
                    Case{"hardswish_without_its_division",
                         kConv + R"IR(
  %a : Tensor = aten::add(%l, %three, %one)
  %e : Tensor = aten::relu6(%a)
  %m : Tensor = aten::mul(%e, %l)
  %h : Tensor = aten::div(%m, %three))IR",
                         "%h",
                         {"dequantize dequantize conv2d add relu6 mul"}},
                    Case{"two_readers_that_do_not_join",
                         kConv + R"IR(
  %r : Tensor = aten::relu(%l)
  %g : Tensor = aten::tanh(%l))IR",
                         "%r, %g",
                         {"dequantize dequantize conv2d"}},
                    Case{"gate_that_others_read",
                         kConv + R"IR(
  %g : Tensor = aten::sigmoid(%l)
  %m : Tensor = aten::mul(%l, %g)
  %o : Tensor = aten::add(%g, %m, %one))IR",
                         "%o",
                         {"dequantize dequantize conv2d"}},
                    Case{"int8_summand",
                         kConv + R"IR(
  %d2 : Tensor = int8graph::dequantize(%q2, %s, %z, %u8)
  %a : Tensor = aten::add(%d2, %l, %one)
  %r : Tensor = aten::relu(%a)
  %p : Tensor = aten::quantize_per_tensor(%r, %s, %z, %u8))IR",
                         "%p",
                         {"dequantize dequantize conv2d dequantize add relu quantize_per_tensor"}},
                    Case{"fp32_summand",
                         kLinear + "\n  %a : Tensor = aten::add(%x, %l, %one)",
                         "%a",
                         {"dequantize dequantize linear add"}},
                    Case{"result_that_others_read",
                         kLinear + R"IR(
  %r : Tensor = aten::relu(%l)
  %e : Tensor = aten::erfinv(%l)
  %a : Tensor = aten::add(%r, %e, %one))IR",
                         "%a",
                         {"dequantize dequantize linear"}},
                    Case{"product_of_activations",
                         R"IR(
  %dk : Tensor = int8graph::dequantize(%k, %s, %zero, %s8)
  %l : Tensor = aten::matmul(%d, %dk)
  %p : Tensor = aten::quantize_per_tensor(%l, %s, %z, %u8))IR",
                         "%p",
                         {"dequantize dequantize matmul quantize_per_tensor"}},
                    Case{"pool",
                         R"IR(
  %m : Tensor = aten::max_pool2d(%d, %twos, %twos, %zeros, %ones, %false)
  %p : Tensor = aten::quantize_per_tensor(%m, %s, %z, %u8))IR",
                         "%p",
                         {"dequantize max_pool2d quantize_per_tensor"}},
                    Case{
                        "pool_of_an_fp32_result",
                        "  %m : Tensor = aten::max_pool2d(%d, %twos, %twos, %zeros, %ones, %false)",
                        "%m",
                        {}},
                    Case{"concat",
                         R"IR(
  %d2 : Tensor = int8graph::dequantize(%q2, %s, %z, %u8)
  %list : Tensor[] = prim::ListConstruct(%d, %d2)
  %c : Tensor = aten::cat(%list, %one)
  %p : Tensor = aten::quantize_per_tensor(%c, %s, %z, %u8))IR",
                         "%p",
                         {"dequantize dequantize cat quantize_per_tensor"}},
                    Case{"concat_of_other_parameters",
                         R"IR(
  %d2 : Tensor = int8graph::dequantize(%k, %s, %zero, %u8)
  %list : Tensor[] = prim::ListConstruct(%d, %d2)
  %c : Tensor = aten::cat(%list, %one)
  %p : Tensor = aten::quantize_per_tensor(%c, %s, %z, %u8))IR",
                         "%p",
                         {}},
                    Case{"softmax",
                         R"IR(
  %m : Tensor = aten::softmax(%x, %minus_one, %none)
  %p : Tensor = aten::quantize_per_tensor(%m, %s, %zero, %u8))IR",
                         "%p",
                         {"softmax quantize_per_tensor"}},
                    Case{"softmax_with_a_zero_point",
                         R"IR(
  %m : Tensor = aten::softmax(%x, %minus_one, %none)
  %p : Tensor = aten::quantize_per_tensor(%m, %s, %z, %u8))IR",
                         "%p",
                         {}},
                    Case{"layer_norm",
                         R"IR(
  %m : Tensor = aten::layer_norm(%x, %width, %none, %none, %eps, %false)
  %p : Tensor = aten::quantize_per_tensor(%m, %s, %zero, %s8))IR",
                         "%p",
                         {"layer_norm quantize_per_tensor"}},
                    Case{"layer_norm_with_a_zero_point",
                         R"IR(
  %m : Tensor = aten::layer_norm(%x, %width, %none, %none, %eps, %false)
  %p : Tensor = aten::quantize_per_tensor(%m, %s, %z, %u8))IR",
                         "%p",
                         {}},
                    Case{"fp32", "  %r : Tensor = aten::relu(%x)", "%r", {}}),
    [](const auto& info) { return info.param.name; });

// --- All of them are partitions of oneDNN Graph, too ---

const std::string kConvTranspose = R"IR(
  %w : Tensor = aten::dequantize(%transposed_weight)
  %l : Tensor = aten::conv_transpose2d(%d, %w, %none, %ones, %ones, %zeros, %one, %ones))IR";

const std::vector<std::string> kTails = {
    "%r = aten::sub(%l, %x, %one)",
    "%r = aten::sub(%x, %l, %one)",
    "%r = aten::div(%l, %x)",
    "%r = aten::div(%x, %l)",
    "%r = aten::mul(%l, %l)",
    "%r = aten::maximum(%x, %l)",
    "%a = aten::tanh(%l)\n  %r = aten::sub(%l, %a, %one)",
    "%a = aten::tanh(%l)\n  %r = aten::sub(%a, %l, %one)",
    "%a = aten::abs(%l)\n  %b = aten::add(%a, %three, %one)\n  %r = aten::div(%l, %b)",
    "%a = aten::abs(%l)\n  %b = aten::add(%a, %three, %one)\n  %r = aten::mul(%l, %b)",
    "%a = aten::mul(%three, %l)\n  %b = aten::sigmoid(%a)\n  %r = aten::mul(%l, %b)",
    "%a = aten::relu(%l)\n  %b = aten::tanh(%a)\n  %r = aten::mul(%a, %b)",
    "%a = aten::relu(%l)\n  %b = aten::sigmoid(%a)\n  %r = aten::mul(%a, %b)",
    "%a = aten::relu(%l)\n  %b = aten::add(%l, %a, %one)\n  %r = aten::add(%b, %d2, %one)",
    "%a = aten::relu(%l)\n  %r = aten::add(%a, %d2, %one)",
    "%a = aten::mul(%l, %x)\n  %r = aten::add(%a, %d2, %one)",
    "%a = aten::add(%l, %d2, %one)\n  %r = aten::relu(%a)",
    "%a = aten::add(%l, %d2, %one)\n  %b = aten::sigmoid(%a)\n  %r = aten::mul(%a, %b)",
    "%a = aten::add(%l, %d2, %one)\n  %r = aten::add(%a, %d3, %one)",
    "%r = aten::mul(%l, %d2)",
};

/// As oneDNN Graph has it: it dequantizes the summand of an fp32 result outside.
std::string without_summand_of_fp32(std::string region) {
  const std::string three = "dequantize dequantize dequantize ";
  if (region.starts_with(three) && !region.ends_with("quantize_per_tensor")) {
    region.erase(0, three.size() / 3);
  }
  return region;
}

TEST(KnownRegions, ArePartitionsOfOneDnnGraphWhateverFollows) {
  for (const std::string& compute : {kLinear, kConv, kConvTranspose}) {
    for (const std::string& tail : kTails) {
      for (const bool quantized : {false, true}) {
        SCOPED_TRACE(compute + "\n  " + tail + (quantized ? "\n  quantize" : ""));
        std::string nodes = R"IR(
  %d2 : Tensor = int8graph::dequantize(%q2, %s, %z, %u8)
  %d3 : Tensor = int8graph::dequantize(%q3, %s, %z, %u8))IR" +
                            compute + "\n  " + tail;
        if (quantized) nodes += "\n  %p : Tensor = aten::quantize_per_tensor(%r, %s, %z, %u8)";
        const auto graph = graph_of(nodes, quantized ? "%p" : "%r");
        const Names asked = asked_for(*graph);
        const Names known = known_in(*graph);
        EXPECT_EQ(known.size(), 1);
        for (const std::string& region : known) {
          EXPECT_NE(std::ranges::find(asked, without_summand_of_fp32(region)), asked.end())
              << region;
        }
      }
    }
  }
}

// --- Some only primitives run ---

const std::string kFour = R"IR(
  %r : Tensor = aten::relu(%l)
  %t : Tensor = aten::tanh(%r)
  %e : Tensor = aten::abs(%t)
  %f : Tensor = aten::square(%e)
  %p : Tensor = aten::quantize_per_tensor(%f, %s, %z, %u8))IR";

const std::string kPRelu = R"IR(
  %r : Tensor = aten::prelu(%l, %slopes)
  %p : Tensor = aten::quantize_per_tensor(%r, %s, %z, %u8))IR";

TEST(KnownRegions, MoreOperationsThanOneDnnGraphFusesJoinALayer) {
  EXPECT_EQ(known_in(*graph_of(kConv + kFour, "%p")),
            Names{"dequantize dequantize conv2d relu tanh abs square quantize_per_tensor"});
  EXPECT_EQ(known_in(*graph_of(kLinear + kFour, "%p")),
            Names{"dequantize dequantize linear relu tanh abs square quantize_per_tensor"});
  EXPECT_EQ(
      known_in(*graph_of(kConvTranspose + kFour, "%p")),
      Names{"dequantize dequantize conv_transpose2d relu tanh abs square quantize_per_tensor"});
  EXPECT_EQ(known_in(*graph_of("  %dk : Tensor = int8graph::dequantize(%k, %s, %zero, %s8)\n"
                               "  %l : Tensor = aten::matmul(%d, %dk)" +
                                   kFour,
                               "%p")),
            Names{"dequantize dequantize matmul relu tanh abs"});
}

TEST(KnownRegions, AsDoesPRelu) {
  EXPECT_EQ(known_in(*graph_of(kConv + kPRelu, "%p")),
            Names{"dequantize dequantize conv2d prelu quantize_per_tensor"});
  EXPECT_EQ(known_in(*graph_of(kLinear + kPRelu, "%p")),
            Names{"dequantize dequantize linear prelu quantize_per_tensor"});
  EXPECT_EQ(known_in(*graph_of(kConvTranspose + kPRelu, "%p")),
            Names{"dequantize dequantize conv_transpose2d prelu quantize_per_tensor"});
}

TEST(KnownRegions, ButNotBehindABranchThatPrimitivesDoNotKnow) {
  const std::string tail = R"IR(
  %h : Tensor = aten::hardsigmoid(%l)
  %m : Tensor = aten::mul(%l, %h)
  %a : Tensor = aten::abs(%m)
  %b : Tensor = aten::square(%a))IR";
  EXPECT_EQ(known_in(*graph_of(kConv + tail, "%b")),
            Names{"dequantize dequantize conv2d hardsigmoid mul abs"});
  std::string swish = tail;
  swish.replace(swish.find("hardsigmoid"), 11, "sigmoid");
  EXPECT_EQ(known_in(*graph_of(kConv + swish, "%b")),
            Names{"dequantize dequantize conv2d sigmoid mul abs square"});
}

TEST(KnownRegions, NothingThatReadsAnotherTensorJoinsADepthwiseConvolutionOfFewChannels) {
  const std::string conv = R"IR(
  %four : int = prim::Constant[value=4]()
  %w : Tensor = aten::dequantize(%depthwise_weight)
  %l : Tensor = aten::conv2d(%d, %w, %none, %ones, %ones, %ones, %four))IR";
  const std::string quantize = "\n  %p : Tensor = aten::quantize_per_tensor(%r, %s, %z, %u8)";
  const std::string alone = "dequantize dequantize conv2d";
  EXPECT_EQ(known_in(*graph_of(conv + kPRelu, "%p")), Names{alone});
  EXPECT_EQ(known_in(*graph_of(
                conv + "\n  %a = aten::relu(%l)\n  %r = aten::mul(%a, %x)" + quantize, "%p")),
            Names{alone + " relu"});
  EXPECT_EQ(known_in(*graph_of(conv +
                                   "\n  %a = aten::mul(%l, %three)\n"
                                   "  %g = aten::sigmoid(%a)\n  %r = aten::abs(%g)" +
                                   quantize,
                               "%p")),
            Names{alone + " mul sigmoid abs quantize_per_tensor"});
  const std::string sum = R"IR(
  %d2 : Tensor = int8graph::dequantize(%q2, %s, %z, %u8)
  %r : Tensor = aten::add(%l, %d2, %one))IR";
  EXPECT_EQ(known_in(*graph_of(conv + sum + quantize, "%p")),
            Names{alone + " dequantize add quantize_per_tensor"});
  EXPECT_EQ(known_in(*graph_of(conv + sum, "%r")), Names{alone});
  std::string sum_and_product = sum + "\n  %m : Tensor = aten::mul(%r, %x)" + quantize;
  sum_and_product.replace(sum_and_product.rfind("%r,"), 2, "%m");
  EXPECT_EQ(known_in(*graph_of(conv + sum_and_product, "%p")), Names{alone});
  const std::string branch = R"IR(
  %g : Tensor = aten::sigmoid(%l)
  %m : Tensor = aten::mul(%g, %slopes)
  %r : Tensor = aten::mul(%l, %m))IR";
  EXPECT_EQ(known_in(*graph_of(conv + branch, "%r")), Names{alone});
}

TEST(KnownRegions, AnInt8SummandOfAnFp32ResultJoinsALayer) {
  const std::string sum = R"IR(
  %d2 : Tensor = int8graph::dequantize(%q2, %s, %z, %u8)
  %a : Tensor = aten::add(%d2, %l, %one)
  %r : Tensor = aten::relu(%a))IR";
  EXPECT_EQ(known_in(*graph_of(kConv + sum, "%r")),
            Names{"dequantize dequantize conv2d dequantize add relu"});
  EXPECT_EQ(known_in(*graph_of("  %dk : Tensor = int8graph::dequantize(%k, %s, %zero, %s8)\n"
                               "  %l : Tensor = aten::matmul(%d, %dk)" +
                                   sum,
                               "%r")),
            Names{"dequantize dequantize matmul add relu"});
}

TEST(KnownRegions, ASummandOfTheOtherDtypeIsDequantizedOutside) {
  const auto graph = graph_of(kLinear + R"IR(
  %dk : Tensor = int8graph::dequantize(%k, %s, %zero, %s8)
  %a : Tensor = aten::add(%l, %dk, %one)
  %p : Tensor = aten::quantize_per_tensor(%a, %s, %z, %u8))IR",
                              "%p");
  EXPECT_EQ(known_in(*graph), Names{"dequantize dequantize linear add quantize_per_tensor"});
}

// --- What is left ---

TEST(KnownRegions, LeavesReadersOfInt8ToOneDnnGraph) {
  const auto graph = graph_of(R"IR(
  %d2 : Tensor = int8graph::dequantize(%k, %s, %zero, %u8)
  %list : Tensor[] = prim::ListConstruct(%d, %d2)
  %c : Tensor = aten::cat(%list, %one)
  %p : Tensor = aten::quantize_per_tensor(%c, %s, %z, %u8)
  %r : Tensor = aten::relu(%x)
  %e : Tensor = aten::erfinv(%r))IR",
                              "%p, %e");
  const KnownRegions known = find_known_regions(nodes_of(*graph));
  EXPECT_TRUE(known.regions.empty());
  EXPECT_EQ(text_of(known.unknown), "dequantize dequantize cat quantize_per_tensor");
  EXPECT_EQ(known.outside,
            (Reasons{{find_node(*graph, "aten::relu"), "it has no int8 neighbour to be fused with"},
                     {find_node(*graph, "aten::erfinv"), "the operator table has no row for it"}}));
}

TEST(KnownRegions, ALoneQuantizerStaysOutsideAndDoesNotJoinInThePlaceOfAWeight) {
  const auto graph = graph_of(R"IR(
  %p : Tensor = aten::quantize_per_tensor(%x, %s, %zero, %s8)
  %dk : Tensor = int8graph::dequantize(%p, %s, %zero, %s8)
  %l : Tensor = aten::matmul(%d, %dk))IR",
                              "%l");
  const KnownRegions known = find_known_regions(nodes_of(*graph));
  ASSERT_EQ(known.regions.size(), 1);
  EXPECT_EQ(text_of(known.regions[0]), "dequantize dequantize matmul");
  const auto reason = known.outside.find(find_node(*graph, "aten::quantize_per_tensor"));
  ASSERT_NE(reason, known.outside.end());
  EXPECT_NE(reason->second.find("PyTorch's own kernel is faster"), std::string::npos);
}

TEST(KnownRegions, WhatIsOfAnotherFormIsLeftToOneDnnGraph) {
  const auto shared_weight = graph_of(kLinear + R"IR(
  %d2 : Tensor = int8graph::dequantize(%q2, %s, %z, %u8)
  %l2 : Tensor = aten::linear(%d2, %w, %none)
  %o : Tensor = aten::add(%l, %l2, %one))IR",
                                      "%o");
  EXPECT_EQ(known_in(*shared_weight), Names{});
  EXPECT_EQ(text_of(find_known_regions(nodes_of(*shared_weight)).unknown),
            "dequantize dequantize linear dequantize linear");

  const auto zero_point = graph_of(R"IR(
  %d2 : Tensor = int8graph::dequantize(%q2, %s, %z, %u8)
  %l : Tensor = aten::matmul(%d, %d2))IR",
                                   "%l");
  EXPECT_EQ(known_in(*zero_point), Names{});
  EXPECT_EQ(text_of(find_known_regions(nodes_of(*zero_point)).unknown),
            "dequantize dequantize matmul");
}

}  // namespace
}  // namespace int8graph
