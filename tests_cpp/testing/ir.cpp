#include "testing/ir.h"

#include <ATen/ATen.h>
#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/ir/ir.h>
#include <torch/csrc/jit/ir/irparser.h>

#include <stdexcept>
#include <unordered_map>

#include "ops/graph_walk.h"
#include "testing/small_models.h"

namespace int8graph {

namespace jit = torch::jit;

namespace {

class Picture {
 public:
  std::string of(const jit::Graph& graph) {
    for (const jit::Value* input : graph.inputs()) names_[input] = input->debugName();
    add(*graph.block(), "", "return ");
    return text_;
  }

 private:
  void add(const jit::Block& block, const std::string& indent, const std::string& result) {
    for (const jit::Node* node : block.nodes()) {
      if (node->kind() == c10::prim::Constant) continue;
      std::string outputs;
      for (const jit::Value* output : node->outputs()) {
        names_[output] = std::string(1, next_++);
        outputs += (outputs.empty() ? "" : ", ") + names_[output];
      }
      text_ += indent + outputs + (outputs.empty() ? "" : " = ") + node->kind().toQualString() +
               "(" + list(node->inputs()) + ")\n";
      for (const jit::Block* inner : node->blocks()) add(*inner, indent + "  ", "-> ");
    }
    text_ += indent + result + list(block.outputs()) + "\n";
  }

  std::string list(at::ArrayRef<const jit::Value*> values) const {
    std::string text;
    for (const jit::Value* value : values) text += (text.empty() ? "" : ", ") + name_of(*value);
    return text;
  }

  std::string name_of(const jit::Value& value) const {
    if (value.node()->kind() != c10::prim::Constant) return names_.at(&value);
    const c10::IValue constant = *jit::toIValue(&value);
    if (!constant.isTensor()) return c10::str(constant);
    if (constant.toTensor().dim() > 0) return "tensor";
    return c10::str("{", constant.toTensor().item(), "}");
  }

  std::unordered_map<const jit::Value*, std::string> names_;
  char next_ = 'a';
  std::string text_;
};

}  // namespace

std::shared_ptr<jit::Graph> ir(const std::string& text,
                               const std::vector<std::pair<std::string, at::Tensor>>& constants) {
  auto graph = std::make_shared<jit::Graph>();
  std::unordered_map<std::string, jit::Value*> values;
  jit::parseIR(text, graph.get(), values);
  for (const auto& [name, tensor] : constants) {
    jit::Value* input = values.at(name);
    const jit::WithInsertPoint guard(*graph->nodes().begin());
    input->replaceAllUsesWith(graph->insertConstant(tensor));
    graph->eraseInput(input->offset());
  }
  return graph;
}

jit::Node* find_node(jit::Graph& graph, const std::string& kind) {
  std::vector<jit::Node*> found;
  for_each_node(*graph.block(), [&, symbol = c10::Symbol::fromQualString(kind)](jit::Node& node) {
    if (node.kind() == symbol) found.push_back(&node);
  });
  if (found.size() == 1) return found.front();
  throw std::logic_error(std::to_string(found.size()) + " nodes " + kind + " in\n" +
                         graph.toString());
}

std::string picture_of(const jit::Graph& graph) {
  return Picture().of(graph);
}

at::Tensor int8_weight(at::IntArrayRef sizes, int64_t channel_axis) {
  const at::Tensor weight = noise(sizes, 3);
  const int64_t channels = weight.size(channel_axis);
  return at::quantize_per_channel(weight, at::full({channels}, 0.03, at::kDouble),
                                  at::zeros({channels}, at::kLong), channel_axis, at::kQInt8);
}

}  // namespace int8graph
