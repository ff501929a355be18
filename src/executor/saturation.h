#pragma once

#include <string_view>

namespace torch::jit {
struct Graph;
}

namespace int8graph {

/// Whether a partition computes a product that oneDNN's kernels may get wrong where
/// load_onednn().adds_products_in_16_bits, which is on CPUs without VNNI.
///
/// There they multiply u8 by s8 with `vpmaddubsw`, which adds the products of two neighbouring
/// input channels in 16 bits: 255 * 127 + 255 * 127 becomes 32767. Activations in s8 are read as
/// u8, with 128 added; for convolutions of those, oneDNN halves the weights besides, which rounds
/// them (oneDNN's guide, "Nuances of int8 Computations"). Full-range weights gave 15 to 21 dB on
/// AVX2.
///
/// A constant weight whose neighbours never add up to more than 16 bits hold is safe, a depthwise
/// convolution's always; of two activations nothing is known. What is not safe runs by PyTorch in
/// fp32, from the same int8 values: the same numbers as on other CPUs, at about fp32's speed. Seven
/// bits of the weights would do in int8, with twice the error; and on AVX2 a linear layer takes
/// oneDNN 1.4 times as long in int8 as in fp32.
bool products_may_saturate(const torch::jit::Graph& partition);

inline constexpr std::string_view kSaturationReason =
    "in fp32: without VNNI, oneDNN's int8 products can saturate";

}  // namespace int8graph
