#pragma once

#include <torch/script.h>

#include <memory>
#include <vector>

namespace int8graph {

/// Takes out casts of what compute operators make to the dtype that it has: they would stand
/// between an int8 operator and what fuses behind it. Models guard their softmax and norms so.
///
///     %y : Float = aten::matmul(%q, %k)                  %y : Float = aten::matmul(%q, %k)
///     %f : Float = aten::to(%y, 6, ...)                  %p : Float = aten::softmax(%y, -1, None)
///     %p : Float = aten::softmax(%f, -1, 6)       ==>    %z : Float = aten::matmul(%p, %v)
///     %t : Float = aten::type_as(%p, %q)
///     %z : Float = aten::matmul(%t, %v)
///
/// A fresh trace knows dtypes. For a scripted model, and a trace that was saved and loaded, the
/// graph is run once to learn them; without example inputs the casts stay. Casts of inputs of the
/// model stay in any case: the next call may bring another dtype.
/// @param graph `module`'s forward, inlined
void remove_needless_casts(const std::shared_ptr<torch::jit::Graph>& graph,
                           const torch::jit::Module& module,
                           const std::vector<c10::IValue>& example_inputs);

}  // namespace int8graph
