#include "executor/cpu_limits.h"

#include <ATen/ATen.h>
#include <torch/csrc/jit/ir/ir.h>

#include <algorithm>
#include <cstdint>
#include <limits>

#include "executor/compute_chain.h"
#include "ops/attached_nodes.h"
#include "ops/graph_walk.h"
#include "ops/node_arguments.h"
#include "ops/operator_table.h"
#include "passes/quantizers.h"

namespace int8graph {

namespace jit = torch::jit;

namespace {

/// What multiplies the activation.
const jit::Value& factor_of(const jit::Node& node, const Operator& row) {
  return *node.input(row.weight ? row.weight->argument : row.activations[1]);
}

/// The axis of a constant factor that is summed over.
int64_t input_axis(const at::Tensor& factor, const Operator& row) {
  if (row.weight) return row.weight->channel_axis == 0 ? 1 : 0;
  return factor.dim() == 1 ? 0 : -2;
}

/// What makes the int8 values that the node multiplies, behind the zeros put around them.
const jit::Node& source_of(const jit::Node& node, const Operator& row) {
  const jit::Node* source = node.input(row.activations[0])->node();
  if (is_attached(*source)) source = source->input(0)->node();
  return *source;
}

/// Whether 255 times any two neighbours along the axis add up to a number of 16 bits.
bool neighbours_fit(const at::Tensor& values, int64_t axis) {
  const int64_t pairs = values.size(axis) - 1;
  if (pairs < 1) return true;
  const at::Tensor wide = values.to(at::kShort);
  const auto [least, most] = (wide.narrow(axis, 0, pairs) + wide.narrow(axis, 1, pairs)).aminmax();
  return most.item<int>() * 255 <= std::numeric_limits<int16_t>::max() &&
         least.item<int>() * 255 >= std::numeric_limits<int16_t>::min();
}

// Of a slice this large, the copies stay in the caches, and so does the memory that they need.
constexpr int64_t kValuesAtOnce = int64_t{1} << 16;

/// The same for a weight, by slices of another axis.
bool all_neighbours_fit(const at::Tensor& weight, int64_t axis) {
  const at::Tensor values = weight.int_repr();
  const bool is_first = axis == 0 || axis == -values.dim();
  if (values.dim() == 1) return neighbours_fit(values, axis);
  const int64_t sliced = is_first ? 1 : 0;
  const int64_t in_slice = std::max<int64_t>(
      1, kValuesAtOnce * values.size(sliced) / std::max<int64_t>(1, values.numel()));
  return std::ranges::all_of(values.split(in_slice, sliced), [axis](const at::Tensor& slice) {
    return neighbours_fit(slice, axis);
  });
}

bool may_saturate(const jit::Node& node) {
  const Operator* row = find_operator(node);
  if (row == nullptr || !row->is_compute()) return false;
  const jit::Node& source = source_of(node, *row);
  if (source.kind() == c10::aten::dequantize) return true;  // a constant times an activation
  if (source.kind() != explicit_dequantize_symbol()) return false;  // a product in fp32
  const auto weight = constant_tensor(&factor_of(node, *row));
  if (!weight || !weight->is_quantized()) return true;
  const bool is_halved = row->op_class == OpClass::Conv &&
                         parameters_at(source)->dtype == static_cast<int64_t>(at::kQInt8);
  return is_halved || !all_neighbours_fit(*weight, input_axis(*weight, *row));
}

bool is_int8_softmax(const jit::Node& node) {
  if (node.kind() != c10::aten::softmax) return false;
  const auto& uses = node.output()->uses();
  return uses.size() == 1 && is_quantize(*uses[0].user);
}

}  // namespace

std::optional<std::string_view> why_in_fp32(jit::Graph& partition, const CpuFeatures& cpu) {
  if (!cpu.vnni && any_node(*partition.block(), may_saturate)) {
    return "without VNNI, oneDNN's int8 products can saturate";
  }
  if (!cpu.avx512 && any_node(*partition.block(), is_int8_softmax)) {
    return "without AVX512, oneDNN has only its reference kernel for softmax into int8";
  }
  const auto chain = compute_chain(partition);
  if (chain && has_misread_operands(*chain)) {
    return "oneDNN's int8 kernels for depthwise convolutions misread operands of their last "
           "channels";
  }
  return {};
}

}  // namespace int8graph
