#include "passes/channels_last_quantizers.h"

#include <gtest/gtest.h>
#include <torch/csrc/jit/ir/ir.h>

#include "int8graph/convert.h"
#include "passes/quantizers.h"
#include "testing/fused_graphs.h"
#include "testing/small_models.h"

namespace int8graph {
namespace {

/// Whether the first quantizer in a fused model puts channels side by side.
bool turns(const std::string& body) {
  const auto model = small_model(body);
  const std::vector<c10::IValue> inputs = {small_input(4)};
  const auto graph = fused_graph(convert(model, calibrated_on(model, inputs), inputs));
  for (const torch::jit::Node* node : graph->nodes()) {
    if (is_quantize(*node)) return node->kind() == channels_last_quantize_symbol();
  }
  ADD_FAILURE() << "there is no quantizer";
  return false;
}

TEST(ChannelsLastQuantizers, StandBeforeConvolutions) {
  EXPECT_TRUE(turns("return self.conv2d(x)"));
  EXPECT_TRUE(turns("return self.conv2d(torch.pad(x, [0, 1, 0, 1]))"));
  EXPECT_TRUE(turns("return torch.cat([self.conv2d(x), self.conv2d_second(x)], 1)"));
}

TEST(ChannelsLastQuantizers, LeaveWhatOthersRead) {
  EXPECT_FALSE(turns("return self.exact_linear(x.permute(0, 2, 3, 1))"));
  EXPECT_FALSE(turns("return self.conv2d(x).sum() + self.exact_linear(x.permute(0, 2, 3, 1))"));
}

}  // namespace
}  // namespace int8graph
