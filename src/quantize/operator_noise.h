#pragma once

#include <torch/script.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "int8graph/export.h"
#include "int8graph/quant_conf.h"

namespace int8graph {

/// How far a tensor is from its reference, summed up over calls.
struct NoiseSums {
  double signal = 0;  ///< of reference^2
  double noise = 0;   ///< of (tensor - reference)^2

  /// Infinities of the reference, as masks add them to scores, are left out.
  INT8GRAPH_API void add(const at::Tensor& reference, const at::Tensor& tensor);

  /// Signal to quantization noise in decibels, 10 log10(signal / noise); infinite without noise.
  INT8GRAPH_API double sqnr() const;
};

struct OperatorNoise {
  std::string name;           ///< from the operator table
  size_t position;            ///< among the operators that are compared, in execution order
  std::optional<int64_t> id;  ///< of its entry in the configuration; none where that is not known
  bool is_quantized;          ///< computes in int8, or reads an int8 table
  NoiseSums alone;            ///< at its output, with fp32 inputs: what it adds itself
  NoiseSums together;         ///< at its output, with all operators before it quantized too
};

/// Looks for the operators that lose most when a model becomes int8. The artifact runs unfused.
///
///   fp32       x -> conv --a--> relu --b--> conv --c-->
///   together   x -> conv --A--> relu --B--> conv --C-->     compares A with a, B with b, C with c
///   alone      x -> conv --A--> a -> relu --B--> b -> conv --C-->    each starts from fp32 again
///
/// Operators are those that remain in both after folding, paired by name, order and sizes of
/// weights; attention counts as one, in the artifact too. Where one side has an operator more, that
/// one is not compared. Outputs that hold integers or bools count as equal.
/// Exported for the program int8graph.
class INT8GRAPH_API OperatorNoiseMeter {
 public:
  /// @param artifact as torch::jit::load returns it; load() has removed the single operators.
  /// @param entries of the artifact's configuration: OperatorNoise::id is theirs
  /// @throws std::invalid_argument when it does not come from this model: when an operator with a
  ///   weight stands on one side only.
  OperatorNoiseMeter(const torch::jit::Module& fp32, const torch::jit::Module& artifact,
                     const std::vector<OperatorEntry>& entries = {});
  ~OperatorNoiseMeter();

  /// Runs one call of both. @throws std::invalid_argument when outputs differ in shape.
  void add(const std::vector<c10::IValue>& inputs);

  /// In execution order.
  std::vector<OperatorNoise> result() const;

  /// Operators of one side that the other one has no counterpart of, each with its place.
  const std::vector<std::string>& unpaired() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace int8graph
