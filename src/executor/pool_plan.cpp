#include "executor/pool_plan.h"

#include <torch/csrc/jit/ir/ir.h>

#include "executor/quantized_operation.h"
#include "executor/tensor_bridge.h"

namespace int8graph {

namespace jit = torch::jit;
using Integers = std::vector<int64_t>;

namespace {

std::optional<dnnl::algorithm> algorithm_of(const LoweredOp& op) {
  if (op.kind == OpKind::MaxPool) return dnnl::algorithm::pooling_max;
  if (op.kind != OpKind::AvgPool) return {};
  return attr_of<bool>(op, Attr::exclude_pad) ? dnnl::algorithm::pooling_avg_exclude_padding
                                              : dnnl::algorithm::pooling_avg_include_padding;
}

}  // namespace

std::optional<std::vector<int64_t>> PoolPlan::result_sizes(c10::IntArrayRef source) const {
  if (source.size() != kernel.size() + 2) return {};
  std::vector<int64_t> sizes = {source[0], source[1]};
  for (size_t d = 0; d < kernel.size(); ++d) {
    const int64_t window = (kernel[d] - 1) * dilations[d] + 1;
    const int64_t room = source[d + 2] + 2 * pads[d] - window;
    if (room < 0) return {};
    sizes.push_back((room + (rounds_up ? strides[d] - 1 : 0)) / strides[d] + 1);
  }
  return sizes;
}

std::optional<PoolPlan> pool_plan(jit::Graph& subgraph) {
  const auto made = quantized_operation(subgraph);
  const auto algorithm = made ? algorithm_of(made->op) : std::nullopt;
  const auto source = algorithm ? quantized_input(subgraph, *made->op.inputs[0]) : std::nullopt;
  if (!source || source->parameters != made->parameters) return {};
  const LoweredOp& op = made->op;
  const auto kernel = attr_of<Integers>(op, Attr::kernel);
  const bool is_dilated = find_attr(op, Attr::dilations) != nullptr;
  return PoolPlan{
      *algorithm,
      *source,
      kernel,
      attr_of<Integers>(op, Attr::strides),
      is_dilated ? attr_of<Integers>(op, Attr::dilations) : std::vector<int64_t>(kernel.size(), 1),
      attr_of<Integers>(op, Attr::pads_begin),
      attr_of<std::string>(op, Attr::rounding_type) == "ceil",
      make_quantizer(made->parameters)};
}

}  // namespace int8graph
