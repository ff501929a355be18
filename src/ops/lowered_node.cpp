#include "ops/lowered_node.h"

#include "ops/operator_table.h"

namespace int8graph {

std::optional<LoweredOp> lowered(torch::jit::Node& node) {
  Lowering lowering = lower_node(node);
  auto* op = std::get_if<LoweredOp>(&lowering);
  return op != nullptr ? std::optional(std::move(*op)) : std::nullopt;
}

}  // namespace int8graph
