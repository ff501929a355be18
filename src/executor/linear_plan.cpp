#include "executor/linear_plan.h"

#include <torch/csrc/jit/ir/ir.h>

#include <utility>

#include "executor/compute_chain.h"
#include "executor/steps.h"
#include "ops/node_arguments.h"
#include "ops/op_properties.h"

namespace int8graph {

std::optional<LinearPlan> linear_plan(torch::jit::Graph& subgraph) {
  auto chain = compute_chain(subgraph);
  if (!chain || chain->compute.kind != OpKind::MatMul) return {};
  const LoweredOp& product = chain->compute;
  if (!constant_tensor(product.inputs[1])) return {};
  const int64_t channel_axis = has_transposed_weight(product) ? 0 : 1;
  const auto source = quantized_input(subgraph, *product.inputs[0]);
  auto layer = weight_and_bias_of(product, channel_axis);
  auto post_ops = post_ops_on_integers(*chain);
  if (!source || !layer || layer->weight.dim() != 2 || !post_ops) return {};
  LinearPlan plan{{*source, *std::move(layer), *std::move(post_ops), std::move(chain->quantizer)},
                  channel_axis};
  fold_zero_point(plan.source.parameters, plan.layer, channel_axis);
  plan.in_steps = compute_in_steps(plan.quantizer, plan.outer_size(), plan.source.parameters,
                                   plan.layer, plan.post_ops);
  return plan;
}

}  // namespace int8graph
