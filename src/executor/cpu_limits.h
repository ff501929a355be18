#pragma once

#include <optional>
#include <string_view>

#include "onednn/onednn_loader.h"

namespace torch::jit {
struct Graph;
}

namespace int8graph {

/// Why PyTorch has to run a partition in fp32, from the same int8 values, on a CPU with these
/// features (executor/fp32_partition.h). Nothing where it runs in int8.
///
/// Products without VNNI: `vpmaddubsw` multiplies u8 by s8 and adds the products of two
/// neighbouring input channels in 16 bits, where 255 * 127 + 255 * 127 becomes 32767. Activations
/// in s8 are read as u8, with 128 added; for convolutions of those, oneDNN halves the weights
/// besides, which rounds them (oneDNN's guide, "Nuances of int8 Computations"). On AVX2, full-range
/// weights gave 15 to 21 dB. A constant weight whose neighbours never add up to more than 16 bits
/// hold is safe, a depthwise convolution's always (no error in 8,000 convolutions and products of
/// all kinds with oneDNN 3.2); of two activations nothing is known. Weights of seven bits would do
/// in int8, with twice the error; and on AVX2 a linear layer takes oneDNN 1.4 times as long in int8
/// as PyTorch in fp32.
///
/// Softmax into int8 without AVX512: oneDNN has only its reference kernel, which takes 33 ms for 12
/// heads of 128 tokens, PyTorch 0.6.
///
/// Operands of depthwise convolutions, on any CPU: see misreads_operands() in ops/op_properties.h.
/// passes/compute_region.cpp keeps them out of the regions that it draws.
std::optional<std::string_view> why_in_fp32(torch::jit::Graph& partition, const CpuFeatures& cpu);

}  // namespace int8graph
