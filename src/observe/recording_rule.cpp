#include "observe/recording_rule.h"

#include <utility>

namespace int8graph {

namespace {

constexpr size_t kGenericWeightArgument = 1;

void append_tensors(const c10::IValue& value, std::vector<at::Tensor>& out) {
  if (value.isTensor()) {
    if (value.toTensor().defined()) out.push_back(value.toTensor());
  } else if (value.isList()) {  // of tensors, or of optional ones
    const auto elements = value.toListRef();
    if (elements.empty() || !(elements[0].isTensor() || elements[0].isNone())) return;
    for (const c10::IValue& element : elements) append_tensors(element, out);
  } else if (value.isTuple()) {
    for (const c10::IValue& element : value.toTupleRef().elements()) append_tensors(element, out);
  }
}

// addmm that is a linear layer with a transposed weight.
bool is_linear(c10::ArrayRef<c10::IValue> arguments) {
  if (arguments.size() <= addmm::kAlpha) return false;
  const c10::IValue& bias = arguments[addmm::kBias];
  return bias.isTensor() && bias.toTensor().dim() == 1 &&
         arguments[addmm::kBeta].toScalar().equal(1) &&
         arguments[addmm::kAlpha].toScalar().equal(1);
}

}  // namespace

bool counts(const at::Tensor& tensor) {
  if (!tensor.defined() || tensor.layout() != at::kStrided || tensor.is_nested()) return false;
  if (!tensor.has_storage() || tensor.is_meta()) return false;
  const auto dtype = tensor.scalar_type();
  return dtype == at::kFloat || dtype == at::kDouble || dtype == at::kHalf ||
         dtype == at::kBFloat16;
}

std::vector<at::Tensor> tensors_in(c10::ArrayRef<c10::IValue> values) {
  std::vector<at::Tensor> result;
  for (const c10::IValue& value : values) append_tensors(value, result);
  return result;
}

const Operator* find_operator_of_call(std::string_view symbol,
                                      c10::ArrayRef<c10::IValue> arguments) {
  if (is_addmm(symbol)) return is_linear(arguments) ? find_operator_by_name("linear") : nullptr;
  if (!is_generic_convolution(symbol)) return find_operator(symbol);
  if (arguments.size() <= kTransposedArgument) return nullptr;
  const c10::IValue& weight = arguments[kGenericWeightArgument];
  const c10::IValue& transposed = arguments[kTransposedArgument];
  if (!weight.isTensor() || !transposed.isBool()) return nullptr;
  return find_convolution(weight.toTensor().dim(), transposed.toBool());
}

std::optional<RecordedCall> recorded_call(std::string_view symbol,
                                          c10::ArrayRef<c10::IValue> arguments) {
  const Operator* row = find_operator_of_call(symbol, arguments);
  if (row == nullptr || !row->recorded()) return std::nullopt;
  RecordedCall call{row, {}, {}};
  std::vector<size_t> activations = row->activations;
  std::optional<WeightArgument> weight = row->weight;
  if (is_addmm(symbol)) {
    activations = {addmm::kInput};
    weight = WeightArgument{.argument = addmm::kWeight, .channel_axis = 1};
  }
  for (const size_t position : activations) {
    if (position >= arguments.size()) continue;
    for (at::Tensor& tensor : tensors_in(arguments[position])) {
      if (counts(tensor) && tensor.dim() > 0) call.activations.push_back(std::move(tensor));
    }
  }
  if (!weight.has_value()) {
    if (call.activations.empty()) return std::nullopt;
    return call;
  }
  const size_t position = weight->argument;
  if (position >= arguments.size() || !arguments[position].isTensor()) return std::nullopt;
  call.weight = arguments[position].toTensor();
  call.channel_axis = weight->channel_axis;
  if (!counts(call.weight) || call.channel_axis >= call.weight.dim()) return std::nullopt;
  return call;
}

std::optional<int64_t> multiplied_axis(const RecordedCall& call, size_t activation) {
  if (!call.row->is_compute()) return std::nullopt;
  const int64_t rank = call.activations[activation].dim();
  if (call.row->op_class != OpClass::Conv) return rank - 1;
  return rank - (call.weight.dim() - 1);  // there may be no batch axis
}

Algorithm first_algorithm(const Operator& row) {
  return row.op_class == OpClass::Linear ? Algorithm::LeastError : Algorithm::MinMax;
}

std::vector<at::Tensor> recorded_outputs(c10::ArrayRef<c10::IValue> results) {
  std::vector<at::Tensor> outputs = tensors_in(results);
  std::erase_if(outputs, [](const at::Tensor& tensor) { return !counts(tensor); });
  return outputs;
}

}  // namespace int8graph
