#pragma once

#include <ATen/core/Tensor.h>

#include <optional>

namespace torch::jit {
struct Node;
}

namespace int8graph {

/// What a batch norm in eval mode computes: `scale * x + shift`, with one number for each channel.
///
///     scale = gamma / sqrt(variance + epsilon)      shift = beta - mean * scale
struct ChannelAffine {
  at::Tensor scale;
  at::Tensor shift;
};

/// That of an aten::batch_norm; nothing in training mode, or if a parameter is not a constant.
std::optional<ChannelAffine> channel_affine(const torch::jit::Node& norm);

}  // namespace int8graph
