#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace torch::jit {
struct Value;
}

namespace int8graph {

/// The oneDNN Graph operations that rows of the operator table lower to. The names are oneDNN's, so
/// that passes/graph_mapping.cpp translates them without a table of its own.
#define INT8GRAPH_OP_KINDS(X) \
  X(Abs)                      \
  X(Add)                      \
  X(AvgPool)                  \
  X(BatchNormInference)       \
  X(Clamp)                    \
  X(Concat)                   \
  X(Convolution)              \
  X(ConvTranspose)            \
  X(Dequantize)               \
  X(Divide)                   \
  X(Elu)                      \
  X(Exp)                      \
  X(GELU)                     \
  X(HardSigmoid)              \
  X(HardSwish)                \
  X(LayerNorm)                \
  X(LeakyReLU)                \
  X(Log)                      \
  X(LogSoftmax)               \
  X(MatMul)                   \
  X(Maximum)                  \
  X(MaxPool)                  \
  X(Minimum)                  \
  X(Mish)                     \
  X(Multiply)                 \
  X(Pow)                      \
  X(PReLU)                    \
  X(Quantize)                 \
  X(ReLU)                     \
  X(Round)                    \
  X(Select)                   \
  X(Sigmoid)                  \
  X(SoftMax)                  \
  X(SoftPlus)                 \
  X(Sqrt)                     \
  X(Square)                   \
  X(StaticReshape)            \
  X(StaticTranspose)          \
  X(Subtract)                 \
  X(Tanh)                     \
  X(TypeCast)

/// The attributes that those operations take, again by oneDNN's names.
#define INT8GRAPH_OP_ATTRS(X) \
  X(alpha)                    \
  X(auto_broadcast)           \
  X(axis)                     \
  X(begin_norm_axis)          \
  X(beta)                     \
  X(data_format)              \
  X(dilations)                \
  X(epsilon)                  \
  X(exclude_pad)              \
  X(groups)                   \
  X(keep_stats)               \
  X(kernel)                   \
  X(max)                      \
  X(min)                      \
  X(order)                    \
  X(output_padding)           \
  X(pads_begin)               \
  X(pads_end)                 \
  X(qtype)                    \
  X(rounding_type)            \
  X(scales)                   \
  X(shape)                    \
  X(special_zero)             \
  X(strides)                  \
  X(transpose_b)              \
  X(use_affine)               \
  X(weights_format)           \
  X(zps)

#define INT8GRAPH_ENUMERATOR(name) name,
enum class OpKind { INT8GRAPH_OP_KINDS(INT8GRAPH_ENUMERATOR) };
enum class Attr { INT8GRAPH_OP_ATTRS(INT8GRAPH_ENUMERATOR) };
#undef INT8GRAPH_ENUMERATOR

using AttrValue =
    std::variant<bool, int64_t, float, std::string, std::vector<int64_t>, std::vector<float>>;

/// One oneDNN Graph operation that computes what one TorchScript node computes.
struct LoweredOp {
  OpKind kind;
  std::vector<torch::jit::Value*> inputs;  ///< in oneDNN's order
  std::vector<std::pair<Attr, AttrValue>> attrs;
};

/// The value of an attribute; null if the operation has none of that name.
const AttrValue* find_attr(const LoweredOp& op, Attr attr);

/// The value of an attribute that the operation has.
template <typename T>
const T& attr_of(const LoweredOp& op, Attr attr) {
  return std::get<T>(*find_attr(op, attr));
}

/// Why a node has no oneDNN Graph form; told in the verbose log and by `inspect`.
struct Reason {
  std::string text;
};

using Lowering = std::variant<LoweredOp, Reason>;

}  // namespace int8graph
