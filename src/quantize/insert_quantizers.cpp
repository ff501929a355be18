#include "quantize/insert_quantizers.h"

#include <ATen/ATen.h>
#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/ir/ir.h>
#include <torch/csrc/jit/passes/common_subexpression_elimination.h>
#include <torch/csrc/jit/passes/dead_code_elimination.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "config/entry_label.h"
#include "config/environment.h"
#include "ops/activations.h"
#include "ops/graph_walk.h"
#include "ops/node_arguments.h"
#include "ops/operator_table.h"
#include "passes/quantizers.h"
#include "passes/writes.h"
#include "quantize/weight_quantization.h"

namespace int8graph {

namespace jit = torch::jit;

namespace {

int64_t scalar_type_of(QDType dtype) {
  return static_cast<int64_t>(dtype == QDType::UInt8 ? c10::kQUInt8 : c10::kQInt8);
}

void quantize_input(const ActivationUse& use, jit::Node* before, const QuantizerParameters& p) {
  jit::Value* quantized = insert_quantize(use.value(), p, before);
  use.reader->replaceInput(use.offset, insert_dequantize(quantized, before));
}

void quantize_output(jit::Value* output, const QuantizerParameters& p) {
  jit::Node* next = output->node()->next();
  jit::Value* quantized = insert_quantize(output, p, next);
  jit::Value* dequantized = insert_dequantize(quantized, next);
  output->replaceAllUsesAfterNodeWith(dequantized->node(), dequantized);
}

/// The weight and bias of a node as they are now.
CalibratedWeight calibrated_weight(const jit::Node& node, const Operator& row) {
  constexpr size_t kBias = 2;  // of convolutions and linear layers alike
  CalibratedWeight result;
  result.weight = constant_tensor(node.input(row.weight->argument)).value_or(at::Tensor());
  if (row.is_compute()) result.bias = constant_tensor(node.input(kBias)).value_or(at::Tensor());
  return result;
}

int64_t most_channels(const CalibratedWeights& weights) {
  int64_t most = 1;
  for (const auto& [node, calibrated] : weights) {
    most = std::max(most, calibrated.weight.size(find_operator(*node)->weight->channel_axis));
  }
  return most;
}

class Inserter {
 public:
  Inserter(const MatchedEntries& matched, const CalibratedWeights& weights, WrittenValues written)
      : matched_(matched),
        weights_(weights),
        written_(std::move(written)),
        zero_points_(at::zeros({most_channels(weights)}, at::kLong)) {}

  void visit(jit::Block& block) {
    for_each_node(block, [this](jit::Node& node) {
      if (const auto found = matched_.find(&node); found != matched_.end()) {
        quantize(node, *found->second);
      }
    });
  }

  size_t computing() const { return computing_; }

 private:
  void quantize(jit::Node& node, const OperatorEntry& entry) {
    const Operator& row = *find_operator(node);
    const auto activations = activations_of(node, row);
    if (row.is_compute() && !may_compute_in_int8(node, row, entry)) return;
    for (size_t i = 0; i < activations.size(); ++i) {
      if (!entry.inputs_quantized[i] || is_constant_summand(activations[i], row, entry) ||
          is_averaged_beside_fp32(activations[i], row, entry) ||
          is_written_by_its_reader(activations[i], entry)) {
        continue;
      }
      jit::Node* before = activations[i].reader;
      quantize_input(activations[i], before, input_parameters(entry, i));
    }
    if (!entry.outputs_quantized.empty() && entry.outputs_quantized.front() &&
        !was_folded(node, row, entry) && !is_written(*node.output(), entry)) {
      quantize_output(node.output(), {entry.output_scales.front(), entry.output_zero_points.front(),
                                      scalar_type_of(entry.output_quantized_dtypes.front())});
    }
    if (row.is_compute()) ++computing_;
    if (row.weight && weights_.contains(&node) && (row.is_compute() || was_constant(entry))) {
      quantize_weight_of(node, *row.weight, entry);
    }
  }

  void quantize_weight_of(jit::Node& node, const WeightArgument& argument,
                          const OperatorEntry& entry) {
    const at::Tensor folded = *constant_tensor(node.input(argument.argument));
    const at::Tensor quantized = quantize_weight(weights_.at(&node).weight, folded, entry,
                                                 argument.channel_axis, zero_points_);
    const jit::WithInsertPoint guard(&node);
    jit::Value* constant = node.owningGraph()->insertConstant(quantized);
    node.replaceInput(argument.argument, insert_dequantize(constant, &node));
  }

  /// A parameter, such as a positional embedding: it fuses in fp32 as well, and would have to be
  /// dequantized at each call.
  static bool is_constant_summand(const ActivationUse& use, const Operator& row,
                                  const OperatorEntry& entry) {
    if (row.op_class != OpClass::Add || !constant_tensor(use.value())) return false;
    log_verbose([&] {
      return "input not quantized: " + label_of(entry) +
             ": this operand of the sum is a constant, which fuses in fp32 as well";
    });
    return true;
  }

  /// Where an average's source is wanted in fp32 anyway, by the caller or by an operator that has
  /// no entry, a quantizer would be one more pass over it.
  bool is_averaged_beside_fp32(const ActivationUse& use, const Operator& row,
                               const OperatorEntry& entry) const {
    if (row.op_class != OpClass::Average) return false;
    const auto& uses = use.value()->uses();
    const bool is_read_beside = std::ranges::any_of(uses, [&](const jit::Use& other) {
      return !is_quantize(*other.user) && !matched_.contains(other.user) &&
             other.user->kind() != c10::aten::size;
    });
    if (!is_read_beside) return false;
    log_verbose([&] {
      return "input not quantized: " + label_of(entry) + ": what it averages is read in fp32, too";
    });
    return true;
  }

  /// A sum that is left in place writes to its first operand, where others look for the result: a
  /// quantized copy would take the write from them.
  static bool is_written_by_its_reader(const ActivationUse& use, const OperatorEntry& entry) {
    if (!writes_to(*use.reader, use.offset)) return false;
    log_verbose([&] {
      return "input not quantized: " + label_of(entry) + ": the operator writes its result there";
    });
    return true;
  }

  /// Readers of a quantized copy would miss what is written to the output, or write to the copy.
  bool is_written(const jit::Value& output, const OperatorEntry& entry) const {
    if (!written_.contains(&output)) return false;
    log_verbose([&] {
      return "output not quantized: " + label_of(entry) + ": some operator writes to it in place";
    });
    return true;
  }

  /// A table that some operator makes of constants has become one by now, without scales.
  static bool was_constant(const OperatorEntry& entry) {
    if (!entry.weight_scales.empty()) return true;
    log_verbose([&] {
      return "not quantized: " + label_of(entry) +
             ": its table was no parameter when the model was calibrated";
    });
    return false;
  }

  /// The output's range was observed before what has been folded into the operator since.
  bool was_folded(const jit::Node& node, const Operator& row, const OperatorEntry& entry) const {
    if (!row.weight || !weights_.contains(&node)) return false;
    const CalibratedWeight now = calibrated_weight(node, row);
    const CalibratedWeight& then = weights_.at(&node);
    if (now.weight.is_same(then.weight) && now.bias.is_same(then.bias)) return false;
    log_verbose([&] {
      return "output not quantized: " + label_of(entry) +
             ": the operator behind it is folded into it";
    });
    return true;
  }

  /// An operator computes in int8 when all its operands are: otherwise quantizing costs precision
  /// and gains nothing.
  static bool may_compute_in_int8(const jit::Node& node, const Operator& row,
                                  const OperatorEntry& entry) {
    const auto tell = [&](const char* reason) {
      log_verbose([&] { return "not quantized: " + label_of(entry) + ": " + reason; });
      return false;
    };
    for (const bool quantized : entry.inputs_quantized) {
      if (!quantized) return tell("inputs_quantized is false");
    }
    if (row.weight && !constant_tensor(node.input(row.weight->argument))) {
      return tell("its weight is not a constant");
    }
    return true;
  }

  const MatchedEntries& matched_;
  const CalibratedWeights& weights_;
  const WrittenValues written_;
  const at::Tensor zero_points_;
  size_t computing_ = 0;
};

}  // namespace

QuantizerParameters input_parameters(const OperatorEntry& entry, size_t input) {
  return {entry.input_scales[input], entry.input_zero_points[input],
          scalar_type_of(entry.input_quantized_dtypes[input])};
}

CalibratedWeights weights_of(const MatchedEntries& matched) {
  CalibratedWeights weights;
  for (const auto& [node, entry] : matched) {
    const Operator& row = *find_operator(*node);
    if (!row.weight) continue;
    if (auto calibrated = calibrated_weight(*node, row); calibrated.weight.defined()) {
      weights.emplace(node, std::move(calibrated));
    }
  }
  return weights;
}

size_t insert_quantizers(const std::shared_ptr<jit::Graph>& graph, const MatchedEntries& matched,
                         const CalibratedWeights& weights) {
  Inserter inserter(matched, weights, written_values(*graph));
  inserter.visit(*graph->block());
  jit::EliminateCommonSubexpression(graph);
  jit::EliminateDeadCode(graph);  // the fp32 weights
  return inserter.computing();
}

}  // namespace int8graph
