#include "quantize/inspection.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "config/temporary_directory.h"
#include "int8graph/convert.h"
#include "int8graph/module_io.h"
#include "testing/fused_graphs.h"
#include "testing/small_models.h"

namespace int8graph {
namespace {

namespace jit = torch::jit;

using Names = std::vector<std::string>;

class InspectionTest : public testing::Test {
 protected:
  const InspectedValue& output_of(size_t node) const {
    return fused_.values[fused_.nodes[node].outputs.at(0)];
  }

  static jit::Module reloaded(const jit::Module& artifact) {
    const TemporaryDirectory directory;
    save(artifact, directory / "model.pt");
    return load(directory / "model.pt");
  }

  const at::Tensor x_ = small_input(4);
  const jit::Module model_ =
      small_model("return torch.erfinv(self.exact_conv2d(torch.relu(self.conv2d(x))))");
  const QuantConf conf_ = calibrated_on(model_, {x_});
  const jit::Module artifact_ = convert(model_, conf_, {x_});
  const jit::Module loaded_ = reloaded(artifact_);
  const Inspection fused_ = inspect(loaded_);
};

TEST_F(InspectionTest, NamesTheOperatorsOfEachPartition) {
  ASSERT_EQ(fused_.nodes.size(), 4);
  EXPECT_EQ(fused_.nodes[0].operators, Names{"quantize"});
  EXPECT_EQ(fused_.nodes[1].operators, (Names{"dequantize", "conv2d", "quantize"}));
  EXPECT_EQ(fused_.nodes[2].operators, (Names{"dequantize", "conv2d"}));
  for (size_t i = 1; i < 3; ++i) {
    EXPECT_TRUE(fused_.nodes[i].is_partition);
    EXPECT_EQ(fused_.nodes[i].kind, "int8graph::partition");
    EXPECT_EQ(fused_.nodes[i].reason, "");
  }
}

TEST_F(InspectionTest, TellsWhyANodeIsOutside) {
  const InspectedNode& node = fused_.nodes.back();
  EXPECT_FALSE(node.is_partition);
  EXPECT_EQ(node.kind, "aten::erfinv");
  EXPECT_EQ(node.operators, Names{"erfinv"});
  EXPECT_EQ(node.reason, "the operator table has no row for it");
  EXPECT_EQ(fused_.nodes[0].kind, "int8graph::quantize_channels_last");
  EXPECT_EQ(fused_.nodes[0].reason, "int8graph has a kernel of its own for it");
}

TEST_F(InspectionTest, FollowsTheFlowFromInputToOutput) {
  ASSERT_EQ(fused_.inputs.size(), 1);
  EXPECT_EQ(fused_.values[fused_.inputs[0]].producer, std::nullopt);
  std::vector<size_t> flow = fused_.inputs;
  for (size_t i = 0; i < fused_.nodes.size(); ++i) {
    EXPECT_EQ(fused_.nodes[i].inputs, flow) << i;
    EXPECT_EQ(output_of(i).producer, i);
    flow = fused_.nodes[i].outputs;
  }
  EXPECT_EQ(fused_.outputs, flow);
}

TEST_F(InspectionTest, TellsDtypesParametersAndLayouts) {
  const OperatorEntry& first = conf_.entries().front();
  EXPECT_EQ(output_of(0).dtype, "uint8");
  EXPECT_EQ(output_of(0).scale, first.input_scales.front());
  EXPECT_EQ(output_of(0).zero_point, first.input_zero_points.front());
  EXPECT_EQ(output_of(1).dtype, "uint8");
  EXPECT_EQ(output_of(2).dtype, "float32");
  EXPECT_EQ(output_of(2).scale, std::nullopt);
  EXPECT_FALSE(output_of(1).is_contiguous);
  EXPECT_TRUE(fused_.values[fused_.inputs[0]].is_contiguous);
}

TEST_F(InspectionTest, CountsTheBytesOfWeights) {
  EXPECT_EQ(fused_.nodes[0].int8_weights, 0);
  EXPECT_EQ(fused_.nodes[1].int8_weights, kChannels * kChannels * 3 * 3);
  EXPECT_EQ(fused_.nodes[1].other_weights, kChannels * static_cast<int64_t>(sizeof(float)));
  EXPECT_EQ(fused_.nodes[2].int8_weights, kChannels * kChannels);
  EXPECT_EQ(fused_.nodes[2].other_weights, 0);
}

TEST_F(InspectionTest, KnowsWhatTheArtifactWasConvertedWith) {
  const auto inputs = recorded_inputs(loaded_);
  ASSERT_EQ(inputs.size(), 1);
  EXPECT_EQ(inputs[0].dtype, c10::kFloat);
  EXPECT_EQ(inputs[0].sizes, x_.sizes().vec());
  EXPECT_EQ(fused_.values[fused_.inputs[0]].dtype, "float32");
}

TEST_F(InspectionTest, BeforeThePassesThereAreNoPartitions) {
  const Inspection unfused = inspect(artifact_);
  EXPECT_GT(unfused.nodes.size(), fused_.nodes.size());
  for (const InspectedNode& node : unfused.nodes) {
    EXPECT_FALSE(node.is_partition) << node.kind;
    EXPECT_NE(node.reason, "") << node.kind;
  }
}

TEST_F(InspectionTest, CountsOperatorsByName) {
  const auto counts = count_operators(artifact_);
  ASSERT_EQ(counts.size(), 2);
  EXPECT_EQ(counts.at("conv2d").all, 2);
  EXPECT_EQ(counts.at("conv2d").quantized, 2);
  EXPECT_EQ(counts.at("relu").all, 1);
  EXPECT_EQ(counts.at("relu").quantized, 0);
}

TEST(DtypeName, IsNumpysAndTellsQuantizedTypesByTheirIntegers) {
  EXPECT_EQ(dtype_name(c10::kQUInt8), "uint8");
  EXPECT_EQ(dtype_name(c10::kQInt8), "int8");
  EXPECT_EQ(dtype_name(c10::kFloat), "float32");
  EXPECT_EQ(dtype_name(c10::kDouble), "float64");
  EXPECT_EQ(dtype_name(c10::kHalf), "float16");
  EXPECT_EQ(dtype_name(c10::kLong), "int64");
  EXPECT_EQ(dtype_name(c10::kShort), "int16");
  EXPECT_EQ(dtype_name(c10::kBool), "bool");
}

}  // namespace
}  // namespace int8graph
