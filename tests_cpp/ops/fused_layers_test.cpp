#include "ops/fused_layers.h"

#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/function.h>
#include <gtest/gtest.h>
#include <torch/csrc/jit/ir/ir.h>

#include "testing/ir.h"
#include "testing/small_models.h"

namespace int8graph {
namespace {

namespace jit = torch::jit;

constexpr int64_t kBatch = 2, kLength = 5, kWidth = 16, kHeads = 4, kHidden = 24;

at::Tensor weight(at::IntArrayRef sizes, uint64_t seed) {
  return noise(sizes, seed) * 0.2;
}

/// A mask of one of PyTorch's types, true for what is left out; nothing for type -1.
std::optional<at::Tensor> mask_of(int64_t type) {
  if (type < 0) return {};
  const at::Tensor queries = at::ones({kLength, kLength}, at::kBool).triu(1);
  at::Tensor keys = noise({kBatch, kLength}, 3) > 0.5;
  keys.select(1, 0).fill_(false);  // no query is left without a key
  if (type == 0) return queries;
  if (type == 1) return keys;
  return queries.logical_or(keys.view({kBatch, 1, 1, kLength}))
      .expand({kBatch, kHeads, kLength, kLength});
}

c10::IValue optional(const std::optional<at::Tensor>& tensor) {
  return tensor ? c10::IValue(*tensor) : c10::IValue();
}

c10::IValue optional(int64_t mask_type) {
  return mask_type < 0 ? c10::IValue() : c10::IValue(mask_type);
}

/// What PyTorch's operator makes of the arguments, the definition must make of them, too.
void expect_defined(const std::string& name, const std::vector<c10::IValue>& arguments) {
  const c10::InferenceMode no_grad;
  ASSERT_TRUE(is_defined_for(name, arguments));
  jit::Stack stack = arguments;
  c10::Dispatcher::singleton().findSchemaOrThrow(name.c_str(), "").callBoxed(stack);
  jit::Function* definition = definition_of(name);
  ASSERT_NE(definition, nullptr);
  const c10::IValue result = (*definition)(arguments);
  const std::vector<c10::IValue> results =
      result.isTuple() ? result.toTupleRef().elements().vec() : std::vector{result};
  for (size_t i = 0; i < stack.size(); ++i) {
    if (!stack[i].toTensor().defined()) {
      EXPECT_TRUE(results[i].isNone());
      continue;
    }
    EXPECT_TRUE(at::allclose(results[i].toTensor(), stack[i].toTensor(), 1e-4, 1e-5)) << i;
  }
}

TEST(FusedLayers, AttentionIsWhatItsDefinitionIs) {
  const at::Tensor x = noise({kBatch, kLength, kWidth});
  for (const bool need_weights : {false, true}) {
    for (const bool average : {false, true}) {
      for (const int64_t mask_type : {-1, 0, 1, 2}) {
        SCOPED_TRACE(c10::str(need_weights, average, " mask type ", mask_type));
        expect_defined("aten::_native_multi_head_attention",
                       {x, x, x, kWidth, kHeads, weight({3 * kWidth, kWidth}, 4),
                        weight({3 * kWidth}, 5), weight({kWidth, kWidth}, 6), weight({kWidth}, 7),
                        optional(mask_of(mask_type)), need_weights, average, optional(mask_type)});
      }
    }
  }
}

TEST(FusedLayers, AnEncoderLayerIsWhatItsDefinitionIs) {
  const at::Tensor x = noise({kBatch, kLength, kWidth});
  for (const bool use_gelu : {false, true}) {
    for (const bool norm_first : {false, true}) {
      for (const int64_t mask_type : {-1, 0, 1, 2}) {
        SCOPED_TRACE(c10::str(use_gelu, norm_first, " mask type ", mask_type));
        expect_defined("aten::_transformer_encoder_layer_fwd", {x,
                                                                kWidth,
                                                                kHeads,
                                                                weight({3 * kWidth, kWidth}, 4),
                                                                weight({3 * kWidth}, 5),
                                                                weight({kWidth, kWidth}, 6),
                                                                weight({kWidth}, 7),
                                                                use_gelu,
                                                                norm_first,
                                                                1e-5,
                                                                1 + weight({kWidth}, 8),
                                                                weight({kWidth}, 9),
                                                                1 + weight({kWidth}, 10),
                                                                weight({kWidth}, 11),
                                                                weight({kHidden, kWidth}, 12),
                                                                weight({kHidden}, 13),
                                                                weight({kWidth, kHidden}, 14),
                                                                weight({kWidth}, 15),
                                                                optional(mask_of(mask_type)),
                                                                optional(mask_type)});
      }
    }
  }
}

TEST(FusedLayers, OtherOperatorsHaveNoDefinition) {
  EXPECT_EQ(definition_of("aten::linear"), nullptr);
  EXPECT_EQ(definition_of("aten::scaled_dot_product_attention"), nullptr);
}

TEST(FusedLayers, NestedTensorsAndCrossAttentionAreNotDefined) {
  const std::string attention = "aten::_native_multi_head_attention";
  const at::Tensor x = noise({kBatch, kLength, kWidth});
  EXPECT_TRUE(is_defined_for(attention, {x, x, x}));
  EXPECT_FALSE(is_defined_for(attention, {x, x.clone(), x}));
  const at::Tensor nested = at::_nested_tensor_from_tensor_list({x[0], x[1]});
  EXPECT_FALSE(is_defined_for(attention, {nested, nested, nested}));
  EXPECT_FALSE(is_defined_for("aten::_transformer_encoder_layer_fwd", {nested}));
  EXPECT_FALSE(is_defined_for("aten::_transformer_encoder_layer_fwd", {x[0]}));
}

/// What is known of the encoder layer in a graph of %x, a padding mask %m and constants.
Defined definedness(const std::string& before, const std::string& source) {
  const std::string layer = "aten::_transformer_encoder_layer_fwd";
  const auto graph = ir(R"(
graph(%x : Tensor, %m : Tensor, %e : int, %h : int, %s : float):
  %f : bool = prim::Constant[value=0]()
  %none : NoneType = prim::Constant()
)" + before +
                        "  %y : Tensor = " + layer + "(" + source +
                        ", %e, %h, %x, %x, %x, %x, %f, %f, %s, %x, %x, %x, %x, %x, %x, %x, %x, "
                        "%none, %none)\n  return (%y)\n");
  return definedness_of(*find_node(*graph, layer));
}

TEST(FusedLayers, WhatMayBeNestedInAGraphIsToldApart) {
  EXPECT_EQ(definedness("", "%x"), Defined::Yes);
  const std::string nested = "  %n : Tensor = aten::_nested_tensor_from_mask(%x, %m, %f)\n";
  EXPECT_EQ(definedness(nested, "%n"), Defined::UnlessNested);
  EXPECT_EQ(definedness(nested, "%x"), Defined::UnlessNested);
}

}  // namespace
}  // namespace int8graph
