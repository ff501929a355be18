#pragma once

#include <c10/core/ScalarType.h>

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "ops/lowered_op.h"

namespace torch::jit {
struct Node;
struct Value;
}  // namespace torch::jit

namespace int8graph {

class NodeArguments;

/// What an operator is to the recipe and to the passes.
enum class OpClass {
  Conv,         ///< int8 compute with a constant weight: convolutions
  Linear,       ///< int8 compute with a constant weight: fully connected layers
  MatMul,       ///< int8 compute of two activations
  Add,          ///< may become the sum behind a compute operator
  Elementwise,  ///< fuses behind a compute operator; has no int8 form of its own
  Norm,         ///< batch norm: folded into the compute operator before it where there is one
  Pool,         ///< int8 in, int8 out, with the same parameters on both sides
  Average,      ///< int8 in, fp32 out: adaptive average pools
  Shape,        ///< flatten: a view that stands in the JSON file, as the predecessor's did
  View,         ///< any other operator that moves elements and computes nothing
  Part,         ///< moves some of the elements: slices, and all that divide a tensor
  Concat,       ///< joins tensors; int8 passes through when all parameters are equal
  Lookup,       ///< rows of a constant table
  Quantizer,    ///< quantize and dequantize themselves
  Other,        ///< never quantized; in oneDNN Graph in fp32, if at all
};

/// A constant weight among an operator's arguments.
struct WeightArgument {
  size_t argument;       ///< its position in the TorchScript schema
  int64_t channel_axis;  ///< the axis of output channels; one scale for each of its indices
};

/// Everything the project knows about one operator. Calibration, conversion, graph mapping and the
/// operator table in docs/ read these rows; adding an operator is adding a row.
struct Operator {
  std::string_view name;  ///< in the JSON file
  OpClass op_class;

  /// TorchScript symbols: functional, in-place and traced forms whose arguments named below agree.
  std::vector<std::string_view> symbols;

  /// Positions of the activation inputs. A tensor list counts as its elements.
  std::vector<size_t> activations;
  std::optional<WeightArgument> weight;

  /// The oneDNN Graph form of a node (ops/lowering.h). Null: it stays outside of partitions.
  LoweredOp (*lower)(const NodeArguments& arguments) = nullptr;

  /// The position of the argument that tells it to work as in training, such as dropout's `train`.
  std::optional<size_t> training_argument = {};

  /// Whether calibration writes an entry for it to the JSON file.
  bool recorded() const {
    return op_class != OpClass::View && op_class != OpClass::Part &&
           op_class != OpClass::Quantizer && op_class != OpClass::Other;
  }

  /// Whether the outputs hold elements of the first input and nothing else, in whatever order, so
  /// that a quantizer may stand on either side of it.
  bool moves_elements() const {
    return op_class == OpClass::Shape || op_class == OpClass::View || op_class == OpClass::Part;
  }

  /// Whether a quantized first input's parameters are those of the output, too: elements were moved
  /// or, as max pools do, selected.
  bool keeps_parameters() const;

  /// As the name tells: 2 of conv2d, conv_transpose2d and max_pool2d; 0 where it does not.
  size_t spatial_dimensions() const;

  /// Whether an activation input stands where oneDNN wants a weight: int8 without a zero point.
  bool needs_symmetric(size_t activation) const {
    return op_class == OpClass::MatMul && activation > 0;
  }

  bool is_compute() const {
    return op_class == OpClass::Conv || op_class == OpClass::Linear || op_class == OpClass::MatMul;
  }
};

std::span<const Operator> operator_table();

/// The row of a TorchScript symbol such as "aten::relu_"; null if there is none.
/// `aten::_convolution` and `aten::convolution` stand for several rows: use find_convolution().
const Operator* find_operator(std::string_view symbol);

/// Whether the symbol is a generic convolution, whose row depends on its weight's rank and on its
/// argument `transposed`, which stands at the same position in both generic forms.
bool is_generic_convolution(std::string_view symbol);
inline constexpr size_t kTransposedArgument = 6;

/// Whether the symbol is aten::addmm, `beta * bias + alpha * x @ weight`: the "linear" of layers
/// that store their weight transposed, where both factors are 1 and the bias has one dimension.
bool is_addmm(std::string_view symbol);

/// Positions of aten::addmm's arguments.
namespace addmm {
inline constexpr size_t kBias = 0, kInput = 1, kWeight = 2, kBeta = 3, kAlpha = 4;
}

/// The row of a convolution with the given rank of its weight (3 to 5); null for other ranks.
const Operator* find_convolution(int64_t weight_rank, bool transposed);

/// The row of a TorchScript node; null if there is none, for nodes that read reduced floats, which
/// stay PyTorch's, and for an aten::view with a dtype, which is no view of elements.
const Operator* find_operator(const torch::jit::Node& node);

/// The dtype of a value that is bfloat16 or float16, as far as its type tells
/// (passes/mark_reduced_floats.h); nothing for others.
std::optional<c10::ScalarType> reduced_float(const torch::jit::Value& value);

/// Whether some input of the node is a reduced float, constants apart.
bool reads_reduced_float(const torch::jit::Node& node);

/// Operator::moves_elements() of the node's row; false if there is none.
bool moves_elements(const torch::jit::Node& node);

/// Whether the node is a view of all elements of its first input, not of some of them.
bool moves_all_elements(const torch::jit::Node& node);

/// What a node becomes in oneDNN Graph, or why it stays with PyTorch.
Lowering lower_node(torch::jit::Node& node);

/// The row with the given name in the JSON file; null if there is none.
const Operator* find_operator_by_name(std::string_view name);

}  // namespace int8graph
