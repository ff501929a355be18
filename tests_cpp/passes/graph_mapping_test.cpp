#include "passes/graph_mapping.h"

#include <gtest/gtest.h>
#include <torch/csrc/jit/ir/ir.h>

#include <algorithm>

#include "onednn/onednn_loader.h"
#include "testing/ir.h"

namespace int8graph {
namespace {

namespace jit = torch::jit;
using dnnl::graph::logical_tensor;

/// int8 linear layer, an operator that oneDNN Graph does not know, and what `nodes` adds.
std::shared_ptr<jit::Graph> linear_and(const std::string& nodes, const std::string& result) {
  load_onednn();
  return ir(R"IR(
graph(%q : Tensor, %x : Tensor, %weight : Tensor):
  %s : float = prim::Constant[value=0.02]()
  %z : int = prim::Constant[value=0]()
  %t : int = prim::Constant[value=12]()
  %u8 : int = prim::Constant[value=13]()
  %one : int = prim::Constant[value=1]()
  %none : NoneType = prim::Constant()
  %d : Tensor = int8graph::dequantize(%q, %s, %z, %t)
  %v : Tensor = aten::dequantize(%weight)
  %l : Tensor = aten::linear(%d, %v, %none)
)IR" + nodes + "\n  return (" +
                result + ")",
            {{"weight", int8_weight({4, 4})}});
}

std::vector<std::string> kinds_of(const std::vector<MappedGraph>& segments) {
  std::vector<std::string> result;
  for (const MappedGraph& segment : segments) {
    std::string text;
    for (const jit::Node* node : segment.nodes) {
      text += std::string(text.empty() ? "" : " ") + node->kind().toUnqualString();
    }
    result.push_back(text);
  }
  return result;
}

// --- Values ---

TEST(LogicalTensorOf, AnActivationHasItsValuesIdAndNoShape) {
  const auto graph = linear_and("", "%l");
  const jit::Value* value = graph->outputs()[0];
  const logical_tensor tensor = logical_tensor_of(value);
  EXPECT_EQ(tensor.get_id(), value->unique());
  EXPECT_EQ(tensor.get_data_type(), logical_tensor::data_type::f32);
  EXPECT_EQ(tensor.get_layout_type(), logical_tensor::layout_type::undef);
  EXPECT_NE(tensor.get_property_type(), logical_tensor::property_type::constant);
  EXPECT_THROW(tensor.get_dims(), dnnl::error);
}

TEST(LogicalTensorOf, AnActivationsDtypeIsToldByItsQuantizerOrByItsReader) {
  const auto graph = linear_and("  %p : Tensor = aten::quantize_per_tensor(%l, %s, %z, %u8)", "%p");
  EXPECT_EQ(logical_tensor_of(graph->outputs()[0]).get_data_type(), logical_tensor::data_type::u8);
  EXPECT_EQ(logical_tensor_of(graph->inputs()[0]).get_data_type(), logical_tensor::data_type::s8);
}

TEST(LogicalTensorOf, AConstantHasItsShapeAndIsMarked) {
  const auto graph = linear_and("", "%l");
  const jit::Value* dequantized = find_node(*graph, "aten::linear")->input(1);
  const logical_tensor weight = logical_tensor_of(dequantized->node()->input(0));
  EXPECT_EQ(weight.get_data_type(), logical_tensor::data_type::s8);
  EXPECT_EQ(weight.get_property_type(), logical_tensor::property_type::constant);
  EXPECT_EQ(weight.get_dims(), (logical_tensor::dims{4, 4}));
  EXPECT_EQ(logical_tensor_of(dequantized).get_data_type(), logical_tensor::data_type::f32);
  EXPECT_EQ(logical_tensor_of(dequantized).get_dims(), (logical_tensor::dims{4, 4}));
}

// --- Nodes ---

TEST(MapNodes, AnOperationsIdIsItsNodesPosition) {
  const auto graph = linear_and("  %e : Tensor = aten::erfinv(%l)", "%e");
  const std::vector<jit::Node*> nodes = {
      find_node(*graph, "int8graph::dequantize"), find_node(*graph, "aten::dequantize"),
      find_node(*graph, "aten::linear"), find_node(*graph, "aten::erfinv")};
  MappedGraph mapped = map_nodes(nodes);
  EXPECT_EQ(mapped.nodes, nodes);
  std::vector<size_t> fused;
  for (const auto& partition : mapped.graph.get_partitions()) {
    if (partition.is_supported()) fused = partition.get_ops();
  }
  std::ranges::sort(fused);
  EXPECT_EQ(fused, (std::vector<size_t>{0, 1, 2}));
}

TEST(MapNodes, TellsWhyANodeBecameAWildcard) {
  const auto graph = linear_and("  %e : Tensor = aten::erfinv(%l)", "%e");
  jit::Node* erfinv = find_node(*graph, "aten::erfinv");
  const MappedGraph mapped = map_nodes({find_node(*graph, "aten::linear"), erfinv});
  EXPECT_EQ(mapped.reasons, (Reasons{{erfinv, "the operator table has no row for it"}}));
}

// --- Blocks ---

constexpr const char* kJoinOfInt8 = R"IR(
  %l1 : Tensor = aten::quantize_per_tensor(%l, %s, %z, %u8)
  %d1 : Tensor = int8graph::dequantize(%l1, %s, %z, %u8)
  %l2 : Tensor[] = prim::ListConstruct(%d1, %d1)
  %c : Tensor = aten::cat(%l2, %one)
)IR";

TEST(MapBlock, MapsWhatIsNotKnownBefore) {
  const auto graph = linear_and(kJoinOfInt8, "%c");
  const MappedBlock mapped = map_block(*graph->block());
  ASSERT_EQ(mapped.known_regions.size(), 1);
  EXPECT_EQ(mapped.known_regions[0].back()->kind(), c10::aten::quantize_per_tensor);
  EXPECT_EQ(kinds_of(mapped.segments), std::vector<std::string>{"dequantize cat"});
}

TEST(MapBlock, AWriteDividesItIntoSegmentsAndBelongsToNone) {
  const auto graph = linear_and(std::string(kJoinOfInt8) +
                                    "  %w : Tensor = aten::add_(%x, %x, %one)\n"
                                    "  %d2 : Tensor = int8graph::dequantize(%q, %s, %z, %t)\n"
                                    "  %r : Tensor = aten::relu(%d2)",
                                "%r");
  const MappedBlock mapped = map_block(*graph->block());
  EXPECT_EQ(kinds_of(mapped.segments),
            (std::vector<std::string>{"dequantize cat", "dequantize relu"}));
  ASSERT_EQ(mapped.reasons.size(), 1);
  EXPECT_EQ(mapped.reasons.begin()->first, find_node(*graph, "aten::add_"));
}

TEST(MapBlock, OfNothingButConstantsThereAreNoSegments) {
  const auto graph = ir(R"IR(
graph(%x : Tensor):
  %one : int = prim::Constant[value=1]()
  return (%x))IR");
  EXPECT_TRUE(map_block(*graph->block()).segments.empty());
}

}  // namespace
}  // namespace int8graph
