#include "executor/matmul_plan.h"

#include <torch/csrc/jit/ir/ir.h>

#include "executor/steps.h"
#include "ops/node_arguments.h"
#include "ops/op_properties.h"

namespace int8graph {

namespace jit = torch::jit;

namespace {

/// Fills in what multiplies the source.
bool read_factor(const LoweredOp& product, jit::Graph& subgraph, MatmulPlan& plan) {
  plan.weight_is_transposed = has_transposed_weight(product);
  if (constant_tensor(product.inputs[1])) {
    const int64_t column_axis = plan.weight_is_transposed ? 0 : 1;
    plan.layer = weight_and_bias_of(product, column_axis);
    if (!plan.layer || plan.layer->weight.dim() != 2) return false;
    fold_zero_point(plan.source.parameters, *plan.layer, column_axis);
    return true;
  }
  plan.second = quantized_input(subgraph, *product.inputs[1]);
  return plan.second && is_symmetric_int8(plan.second->parameters) && product.attrs.empty() &&
         product.inputs.size() == 2;
}

}  // namespace

std::optional<MatmulPlan> matmul_plan(jit::Graph& subgraph) {
  auto chain = compute_chain(subgraph);
  if (!chain || chain->compute.kind != OpKind::MatMul) return {};
  const auto source = quantized_input(subgraph, *chain->compute.inputs[0]);
  auto post_ops = post_ops_on_integers(*chain);
  if (!source || !post_ops) return {};
  MatmulPlan plan{*source, {}, {}, false, *std::move(post_ops), std::move(chain->quantizer)};
  if (!read_factor(chain->compute, subgraph, plan)) return {};
  if (plan.layer) {
    plan.in_steps = compute_in_steps(plan.quantizer, plan.outer_size(), plan.source.parameters,
                                     *plan.layer, plan.post_ops);
  }
  return plan;
}

}  // namespace int8graph
