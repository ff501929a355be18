#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "executor/layer_plan.h"
#include "executor/tensor_bridge.h"

namespace torch::jit {
struct Graph;
}

namespace int8graph {

/// A partition with one convolution, in the terms of oneDNN's primitives for convolutions and
/// transposed ones:
///
///     %y = int8graph::dequantize(%x, ...)        source    [N, I, D1, ...], u8 or s8
///     %w = aten::dequantize(%constant)           weight    [O, I / groups, K1, ...]; transposed:
///                                                          [I, O / groups, K1, ...]
///     %z = aten::conv2d(%y, %w, %b, ...)         bias      [O]
///     %s = int8graph::dequantize(%shortcut, ...)
///     %a = aten::add(%z, %s, 1)                  summand   broadcast to the result, u8 or s8
///     %m = aten::mul(%a, %gate)                  operand   broadcast to the result, f32, u8 or s8
///
/// and what else follows it. All lists have an element for each spatial dimension.
///
/// Where a kernel of one element steps over the source, what it reads is put side by side first
/// (executor/picked_pixels.h), and the convolution steps by 1, which oneDNN is faster at
/// (ResNet-50's three take 0.93 to 0.97 times as long, copy included), and gemm() is for.
struct ConvPlan : LayerPlan {
  std::vector<int64_t> strides;  ///< 1 where they are those of `subsampling`
  std::vector<int64_t>
      dilations;  ///< 1 where neighbours of the kernel are neighbours in the source
  std::vector<int64_t> pads_begin, pads_end;
  std::vector<int64_t> subsampling;  ///< of the source, every n-th element is read
  std::optional<std::vector<int64_t>> output_padding;  ///< of a transposed one
  int64_t groups;

  bool is_transposed() const { return output_padding.has_value(); }
  size_t spatial_dimensions() const { return strides.size(); }
  int64_t input_channels() const { return channels_on_axis(is_transposed() ? 0 : 1); }
  int64_t output_channels() const { return channels_on_axis(is_transposed() ? 1 : 0); }

  /// Which of the partition's inputs lies where the result will when they are added, if one does.
  std::optional<size_t> summand() const;

  /// The sizes of the result; nothing if the kernel does not fit into a source of these sizes, or
  /// its rank or number of channels is another.
  std::optional<std::vector<int64_t>> result_sizes(c10::IntArrayRef source) const;

 private:
  /// Of the result, given that of the source; nothing if the kernel does not fit.
  std::optional<int64_t> result_size(size_t dimension, int64_t source) const;
  int64_t channels_on_axis(int64_t axis) const {  // the first has those of all groups
    return layer.weight.size(axis) * (axis == 0 ? 1 : groups);
  }
};

/// Whether all of the list are that number, such as strides of 1.
bool are_all(int64_t number, c10::IntArrayRef list);

/// What the result looks like for a source of these sizes, channels-last.
/// @throws std::invalid_argument if they do not fit the convolution
OutputSpec result_spec(const ConvPlan& plan, c10::IntArrayRef source);

/// The plan of a partition's subgraph; nothing if the subgraph is of any other form.
std::optional<ConvPlan> conv_plan(torch::jit::Graph& subgraph);

}  // namespace int8graph
