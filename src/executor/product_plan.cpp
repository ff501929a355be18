#include "executor/product_plan.h"

#include <torch/csrc/jit/ir/ir.h>

#include <utility>

#include "executor/compute_chain.h"

namespace int8graph {

std::optional<ProductPlan> product_plan(torch::jit::Graph& subgraph) {
  auto chain = compute_chain(subgraph);
  if (!chain || chain->compute.kind != OpKind::MatMul) return {};
  const LoweredOp& product = chain->compute;
  const auto source = quantized_input(subgraph, *product.inputs[0]);
  const auto second = quantized_input(subgraph, *product.inputs[1]);
  auto post_ops = post_ops_on_integers(*chain);
  if (!source || !second || !post_ops || !is_symmetric_int8(second->parameters) ||
      !product.attrs.empty() || product.inputs.size() != 2) {
    return {};
  }
  return ProductPlan{*source, *second, *std::move(post_ops), std::move(chain->quantizer)};
}

}  // namespace int8graph
