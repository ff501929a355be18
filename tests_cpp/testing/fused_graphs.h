#pragma once

#include <torch/script.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "int8graph/quant_conf.h"

namespace int8graph {

/// Calibrates `model` on these inputs alone.
QuantConf calibrated_on(const torch::jit::Module& model, const std::vector<c10::IValue>& inputs,
                        QScheme qscheme = QScheme::PerTensorAffine);

/// The graph of an artifact's forward before the passes, and behind them.
std::shared_ptr<torch::jit::Graph> unfused_graph(const torch::jit::Module& artifact);
std::shared_ptr<torch::jit::Graph> fused_graph(const torch::jit::Module& artifact);

/// What runs, in order: the operators of a partition joined by '+', others by their TorchScript
/// names, apart from quantizers that stand alone: `quantize` and `dequantize`.
///
///     "quantize | dequantize+conv2d+relu+quantize | dequantize+conv2d | aten::topk"
///
/// A weight's dequantize, constants and lists are left out.
std::string summary_of(const torch::jit::Graph& graph);

/// The partition nodes of a graph, in order, those in sub-blocks included.
std::vector<torch::jit::Node*> partitions_of(torch::jit::Graph& graph);

/// Runs a graph of `module` as it is: no pass, no executor that would change it.
c10::IValue run_graph(const std::shared_ptr<torch::jit::Graph>& graph,
                      const torch::jit::Module& module, const std::vector<c10::IValue>& inputs);

/// One model on its way: converted with the inputs that it is then run on.
struct Conversion {
  QuantConf conf;
  torch::jit::Module artifact;
  std::string summary;               ///< of the fused graph
  at::Tensor fp32;                   ///< what the model itself computes
  at::Tensor unfused;                ///< what the artifact computes by PyTorch's operators
  at::Tensor fused;                  ///< what it computes by partitions
  std::vector<std::string> refused;  ///< partitions that oneDNN did not run

  /// One step of the int8 tensor that the last operator reads, or of one that held the outputs.
  double quantum_of_last_input() const;
  double quantum_of_output() const;
};
Conversion convert_and_run(const torch::jit::Module& model, const std::vector<c10::IValue>& inputs,
                           QScheme qscheme = QScheme::PerTensorAffine);

/// oneDNN has run every partition that is for this CPU; fused and unfused results differ by one
/// quantum at most, and by as much in one number or in 5 % of them; both are near fp32.
void expect_right_numbers(const Conversion& conversion, double quantum);

}  // namespace int8graph
