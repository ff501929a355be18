#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/core/ivalue.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "int8graph/quant_conf.h"
#include "ops/operator_table.h"

namespace int8graph {

/// Which operator calls have an entry in a QuantConf, and which of their tensors that entry speaks
/// of. Calibration applies this rule to the calls that it sees. Conversion has nodes instead, of
/// which a graph need not know dtypes and ranks: it takes the operator table's arguments for
/// activations (ops/activations.h) and aligns nodes with entries (quantize/match_entries.h).
///
/// 1. Only the outermost dispatched operators count: one node of an inlined TorchScript graph is
///    one call. What an operator calls inside itself (linear > matmul > mm, and whatever attention,
///    LSTM or a custom operator does) has no entry, whether or not the outer operator has one. The
///    recurrent cells, which tracing takes apart, are the exception: their parts count.
///    Nodes count before freezing and constant folding: arithmetic on parameters is a call too.
/// 2. A tensor counts where it is dense (strided, in memory) of dtype float32, float64, float16 or
///    bfloat16. Integer tensors (indices, sizes in a traced graph), quantized and sparse ones
///    don't.
/// 3. The activation inputs of a call are those arguments at `row.activations` (a list stands for
///    its elements) that count and have at least one dimension. 0-dim tensors are scalars, as the
///    2.0 in `x * 2.0` is: they are left out, and the inputs behind them move up.
/// 4. A call is recorded if `row.recorded()` and: of an operator with a weight, if the weight
///    counts (so an embedding has an entry with no input); of others, if there is an activation
///    input.
///    addmm with factors of 1 and a bias of one dimension counts as linear; other addmms don't
///    count.
/// 5. The outputs of a call are all tensors among its results that count, of any rank.
struct RecordedCall {
  const Operator* row;
  std::vector<at::Tensor> activations;
  at::Tensor weight;         ///< undefined where the operator has none
  int64_t channel_axis = 0;  ///< of the weight
};

/// Rules 2 to 4 for one call.
/// @param symbol without overload: "aten::conv2d"
/// @param arguments all of them, in the order of the schema
std::optional<RecordedCall> recorded_call(std::string_view symbol,
                                          c10::ArrayRef<c10::IValue> arguments);

/// The axis of the vectors, in one activation of a recorded call, that the operator multiplies and
/// sums up: the last one, of convolutions the channels'; nothing of operators that don't compute.
std::optional<int64_t> multiplied_axis(const RecordedCall& call, size_t activation);

/// With which algorithm the entry of an operator starts: least_error for linear layers, whose
/// inputs have a few values far outside of all others (behind GELU and layer norms); min_max for
/// others, where the narrower range measured no better (convolutions, attention) or worse (products
/// of embeddings).
Algorithm first_algorithm(const Operator& row);

/// Rule 5.
std::vector<at::Tensor> recorded_outputs(c10::ArrayRef<c10::IValue> results);

/// Rule 2.
bool counts(const at::Tensor& tensor);

/// The row of a call, generic convolutions resolved by their weight, addmm by its arguments; null
/// if there is none.
const Operator* find_operator_of_call(std::string_view symbol,
                                      c10::ArrayRef<c10::IValue> arguments);

/// All defined tensors among the values; lists stand for their elements.
std::vector<at::Tensor> tensors_in(c10::ArrayRef<c10::IValue> values);

}  // namespace int8graph
