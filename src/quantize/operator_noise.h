#pragma once

#include <torch/script.h>

#include <memory>
#include <string>
#include <vector>

#include "int8graph/export.h"

namespace int8graph {

/// How far a tensor is from its reference, summed up over calls.
struct NoiseSums {
  double signal = 0;  ///< of reference^2
  double noise = 0;   ///< of (tensor - reference)^2

  INT8GRAPH_API void add(const at::Tensor& reference, const at::Tensor& tensor);

  /// Signal to quantization noise in decibels, 10 log10(signal / noise); infinite without noise.
  INT8GRAPH_API double sqnr() const;
};

struct OperatorNoise {
  std::string name;    ///< from the operator table
  size_t position;     ///< among the operators, in execution order
  bool is_quantized;   ///< whether one of its inputs or its weight goes through int8
  NoiseSums alone;     ///< at its output, with fp32 inputs: what it adds itself
  NoiseSums together;  ///< at its output, with all operators before it quantized too
};

/// Looks for the operators that lose most when a model becomes int8. The artifact runs unfused.
///
///   fp32       x -> conv --a--> relu --b--> conv --c-->
///   together   x -> conv --A--> relu --B--> conv --C-->     compares A with a, B with b, C with c
///   alone      x -> conv --A--> a -> relu --B--> b -> conv --C-->    each starts from fp32 again
///
/// Exported for the program int8graph.
class INT8GRAPH_API OperatorNoiseMeter {
 public:
  /// @param artifact as torch::jit::load returns it; load() has removed the single operators.
  /// @throws std::invalid_argument when it does not come from this model.
  OperatorNoiseMeter(const torch::jit::Module& fp32, const torch::jit::Module& artifact);
  ~OperatorNoiseMeter();

  /// Runs one call of both.
  void add(const std::vector<c10::IValue>& inputs);

  /// In execution order.
  std::vector<OperatorNoise> result() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace int8graph
