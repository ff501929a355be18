#include "ops/graph_edit.h"

#include <torch/csrc/jit/ir/ir.h>

namespace int8graph {

namespace jit = torch::jit;

void replace(jit::Node& node, jit::Value* by) {
  node.output()->replaceAllUsesWith(by);
  node.destroy();
}

bool is_tensor(const jit::Value& value) {
  return value.type()->isSubtypeOf(*c10::TensorType::get());
}

}  // namespace int8graph
