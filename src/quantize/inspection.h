#pragma once

#include <torch/script.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "int8graph/export.h"

namespace int8graph {

/// A value that flows between the nodes of a fused graph.
struct InspectedValue {
  std::string name;
  std::string dtype;  ///< "uint8", "float32", "int64" ...; empty when the graph does not tell
  std::optional<double> scale;  ///< of quantized values, with `zero_point`
  int64_t zero_point = 0;
  bool is_contiguous = true;       ///< false: strided as oneDNN likes it, read by partitions only
  std::optional<size_t> producer;  ///< the node; none for inputs of the graph
};

struct InspectedNode {
  /// The TorchScript operator, `int8graph::partition` for partitions.
  std::string kind;
  bool is_partition = false;

  /// Names from the operator table, in execution order; for other nodes the one they stand for.
  std::vector<std::string> operators;

  /// For nodes that are no partitions: why they stay outside of them.
  std::string reason;

  std::vector<size_t> inputs;  ///< positions in Inspection::values; constants are left out
  std::vector<size_t> outputs;
  int64_t int8_weights = 0;   ///< bytes of constants that hold int8
  int64_t other_weights = 0;  ///< bytes of all other constant tensors
};

/// A tensor that `forward` takes, as the artifact was converted with.
struct InspectedInput {
  c10::ScalarType dtype;
  std::vector<int64_t> sizes;
};

/// The graph of an artifact as it runs, in plain values.
struct Inspection {
  std::vector<InspectedValue> values;
  std::vector<InspectedNode> nodes;  ///< in execution order; those of sub-blocks follow their owner
  std::vector<size_t> inputs;        ///< positions in `values`
  std::vector<size_t> outputs;
};

/// Describes what load() returned. With INT8GRAPH_DISABLE set, and for modules that
/// torch::jit::load returned, there are no partitions. Exported for the program int8graph.
INT8GRAPH_API Inspection inspect(const torch::jit::Module& module);

/// Operators of one name: how many there are, and how many of them compute in int8.
struct OperatorCount {
  int all = 0;
  int quantized = 0;
};

/// The recorded operators of an artifact by their names in the configuration, as its graph has them
/// (listed_operators.h): attention that stayed in fp32 does not count as quantized, whatever the
/// configuration says.
/// @param artifact as torch::jit::load returns it; load() has removed the single operators.
INT8GRAPH_API std::map<std::string, OperatorCount> count_operators(
    const torch::jit::Module& artifact);

/// "uint8" for quint8, "int8" for qint8, else numpy's names: "float32".
INT8GRAPH_API std::string dtype_name(c10::ScalarType dtype);

/// Empty when the artifact recorded none.
INT8GRAPH_API std::vector<InspectedInput> recorded_inputs(const torch::jit::Module& module);

}  // namespace int8graph
