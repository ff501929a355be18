#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace c10 {
struct Symbol;
}

namespace torch::jit {
struct Graph;
struct Node;
}  // namespace torch::jit

namespace int8graph {

/// The fused operator in a TorchScript graph: `int8graph::partition`.
c10::Symbol partition_symbol();

/// A partition's operators: "dequantize+conv2d+relu+quantize". Constants and weights are left out.
std::string partition_name(const torch::jit::Graph& subgraph);

/// How an output of a partition lies in memory.
enum class OutputLayout : int64_t {
  Any,          ///< as oneDNN likes it; for readers that take every stride
  Contiguous,   ///< as PyTorch's fp32 operators would leave it; for values that leave the graph
  HeadsInside,  ///< [B, H, L, D] as a contiguous [B, L, H, D], whose readers swap the two back
};

/// The layouts of a partition's outputs: written by layout propagation, read by the executor.
void set_output_layouts(torch::jit::Node& partition, const std::vector<OutputLayout>& layouts);
std::vector<OutputLayout> output_layouts(const torch::jit::Node& partition);

/// Which inputs of a partition may be overwritten at their last use: written by layout propagation,
/// read by the executor, which adds the proof at run time that nobody else holds the buffer.
void set_reusable_inputs(torch::jit::Node& partition, const std::vector<bool>& reusable);
std::vector<bool> reusable_inputs(const torch::jit::Node& partition);

/// Whether a partition's results may be among those of the graph: written by
/// passes/leaving_results.h, read by the executor. They may, where nobody has written it.
void set_results_leave(torch::jit::Node& partition, bool leave);
bool results_leave(const torch::jit::Node& partition);

}  // namespace int8graph
