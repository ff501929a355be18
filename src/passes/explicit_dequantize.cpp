#include "passes/explicit_dequantize.h"

#include <torch/csrc/jit/ir/ir.h>

#include "ops/graph_walk.h"
#include "ops/node_arguments.h"
#include "passes/quantizers.h"
#include "passes/writes.h"

namespace int8graph {

namespace jit = torch::jit;

namespace {

jit::Value* insert_explicit(jit::Value* quantized, const QuantizerParameters& p,
                            jit::Node* before) {
  const jit::WithInsertPoint guard(before);
  return before->owningGraph()->insert(explicit_dequantize_symbol(),
                                       {quantized, p.scale, p.zero_point, p.dtype});
}

/// A tensor list stands between a dequantize and the join that reads it.
void give_to_each_reader(jit::Node& dequantize, const QuantizerParameters& parameters) {
  const auto uses = dequantize.output()->uses();
  for (const jit::Use& use : uses) {
    jit::Value* own = insert_explicit(dequantize.input(0), parameters, use.user);
    use.user->replaceInput(use.offset, own);
  }
}

/// Each reader of a weight gets a dequantize of its own, too.
void split_weight(jit::Node& dequantize) {
  const auto uses = dequantize.output()->uses();
  for (size_t i = 1; i < uses.size(); ++i) {
    const jit::WithInsertPoint guard(uses[i].user);
    jit::Value* own =
        dequantize.owningGraph()->insert(c10::aten::dequantize, {dequantize.input(0)});
    uses[i].user->replaceInput(uses[i].offset, own);
  }
}

}  // namespace

void make_dequantize_explicit(jit::Block& block) {
  const auto written = written_values(*block.owningGraph());
  for_each_node(block, [&](jit::Node& node) {
    if (is_activation_dequantize(node)) {
      const auto parameters = parameters_of(*node.input(0));
      if (!parameters || written.contains(node.output())) return;
      give_to_each_reader(node, *parameters);
      node.destroy();
    } else if (node.kind() == c10::aten::dequantize && constant_tensor(node.output())) {
      split_weight(node);
    }
  });
}

}  // namespace int8graph
