#pragma once

#include <cstdint>
#include <memory>
#include <string>

namespace torch::jit {
struct Graph;
}

namespace int8graph {

/// A partition's subgraph: a depthwise int8 convolution of so many channels, %z, and `rest`, which
/// makes %result of it. It may use %other, and %s, which is dequantized from that; the constant
/// %slopes, one for each channel; %one; and %scale, %zero and %u8 for a quantizer.
std::shared_ptr<torch::jit::Graph> depthwise_convolution(int64_t channels, const std::string& rest);

}  // namespace int8graph
