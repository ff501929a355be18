#pragma once

#include <torch/script.h>

#include <memory>
#include <vector>

namespace int8graph {

/// For a call that may write to its inputs.
std::vector<c10::IValue> copies_of(const std::vector<c10::IValue>& inputs);

/// The arguments of one `forward` call as an interpreter takes them: the module's object, copies of
/// the inputs, and the defaults of what is left out.
torch::jit::Stack stack_of(const torch::jit::Module& module,
                           const std::vector<c10::IValue>& inputs);

/// Runs a variant of `module`'s forward that looks at values on the way.
/// @param example_inputs the arguments of one `forward` call; defaults are filled in
/// @return the outputs of `graph`
torch::jit::Stack run_once(const std::shared_ptr<torch::jit::Graph>& graph,
                           const torch::jit::Module& module,
                           const std::vector<c10::IValue>& example_inputs);

}  // namespace int8graph
