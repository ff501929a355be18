#include "passes/int8_average.h"

#include <torch/csrc/jit/ir/ir.h>

#include "ops/graph_walk.h"
#include "ops/operator_table.h"
#include "passes/quantizers.h"
#include "passes/writes.h"

namespace int8graph {

namespace jit = torch::jit;

namespace {

bool averages_int8(const jit::Node& node) {
  const Operator* row = find_operator(node);
  return row != nullptr && row->op_class == OpClass::Average &&
         is_activation_dequantize(*node.input(0)->node()) &&
         parameters_of(*node.input(0)->node()->input(0));
}

}  // namespace

void average_in_int8(jit::Block& block) {
  const auto written = written_values(*block.owningGraph());
  for_each_node(block, [&](jit::Node& node) {
    if (averages_int8(node) && !written.contains(node.input(0))) read_int8_instead(node, 0);
  });
}

}  // namespace int8graph
