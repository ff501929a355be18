#include "quantize/attention_types.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/csrc/jit/ir/ir.h>
#include <torch/csrc/jit/passes/inliner.h>

#include "testing/ir.h"

namespace int8graph {
namespace {

namespace jit = torch::jit;

class LearnAttentionTypes : public testing::Test {
 protected:
  LearnAttentionTypes() : module_("Attention") {
    module_.define(R"(
      def forward(self, x, mask):
          if x.dim() == 4:
              q = x.transpose(1, 2)
              x = torch.scaled_dot_product_attention(q, q, q, torch.gt(mask, 0.0))
          return x
    )");
    graph_ = module_.get_method("forward").graph();
    jit::Inline(*graph_);
  }

  c10::TensorTypePtr type_of_argument(size_t position) {
    const jit::Node& condition = *find_node(*graph_, "prim::If");
    for (const jit::Node* node : condition.blocks()[0]->nodes()) {
      if (node->kind() == c10::aten::scaled_dot_product_attention) {
        return node->input(position)->type()->expect<c10::TensorType>();
      }
    }
    return nullptr;
  }

  jit::Module module_;
  std::shared_ptr<jit::Graph> graph_;
};

TEST_F(LearnAttentionTypes, RunsTheGraphOnce) {
  learn_attention_types(graph_, module_, {at::randn({2, 3, 4, 16}), at::ones({3, 3})});
  EXPECT_EQ(type_of_argument(0)->sizes().concrete_sizes(), (std::vector<int64_t>{2, 4, 3, 16}));
  EXPECT_EQ(type_of_argument(3)->scalarType(), at::kBool);
  graph_->lint();
}

TEST_F(LearnAttentionTypes, OfWhateverOperatorMadeThem) {
  jit::Module module("PackedAttention");
  module.define(R"(
      def forward(self, x, mask):
          q, k, v = x.unbind(0)
          return torch.scaled_dot_product_attention(q, k, v, (1.0 - mask) * -10000.0)
    )");
  const auto graph = module.get_method("forward").graph();
  jit::Inline(*graph);
  learn_attention_types(graph, module, {at::randn({3, 2, 4, 3, 16}), at::ones({3, 3})});
  const jit::Node* node = find_node(*graph, "aten::scaled_dot_product_attention");
  const auto queries = node->input(0)->type()->expect<c10::TensorType>();
  EXPECT_EQ(queries->sizes().concrete_sizes(), (std::vector<int64_t>{2, 4, 3, 16}));
  EXPECT_EQ(node->input(3)->type()->expect<c10::TensorType>()->scalarType(), at::kFloat);
}

TEST_F(LearnAttentionTypes, WhatDoesNotRunStaysUnknown) {
  learn_attention_types(graph_, module_, {at::randn({3, 16}), at::ones({3, 3})});
  EXPECT_FALSE(type_of_argument(0)->sizes().concrete_sizes());
}

TEST_F(LearnAttentionTypes, WithoutExampleInputsNothingIsLearnt) {
  learn_attention_types(graph_, module_, {});
  EXPECT_FALSE(type_of_argument(0)->sizes().concrete_sizes());
}

}  // namespace
}  // namespace int8graph
