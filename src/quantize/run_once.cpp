#include "quantize/run_once.h"

#include <c10/core/InferenceMode.h>
#include <torch/csrc/jit/runtime/interpreter.h>

namespace int8graph {

namespace jit = torch::jit;

std::vector<c10::IValue> copies_of(const std::vector<c10::IValue>& inputs) {
  std::vector<c10::IValue> copies;
  for (const c10::IValue& input : inputs) copies.push_back(input.deepcopy());
  return copies;
}

jit::Stack stack_of(const jit::Module& module, const std::vector<c10::IValue>& inputs) {
  jit::Stack stack = copies_of(inputs);
  stack.insert(stack.begin(), module._ivalue());
  module.get_method("forward").function().getSchema().checkAndNormalizeInputs(stack, {});
  return stack;
}

jit::Stack run_once(const std::shared_ptr<jit::Graph>& graph, const jit::Module& module,
                    const std::vector<c10::IValue>& example_inputs) {
  jit::Stack stack = stack_of(module, example_inputs);
  const c10::InferenceMode no_grad;
  jit::InterpreterState(jit::Code(graph, "int8graph::convert")).run(stack);
  return stack;
}

}  // namespace int8graph
