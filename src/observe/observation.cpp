#include "observe/observation.h"

#include <algorithm>
#include <array>
#include <exception>
#include <stdexcept>
#include <utility>

#include "observe/recording_rule.h"
#include "observe/tensor_ranges.h"
#include "ops/attached_nodes.h"
#include "ops/lowering.h"

namespace int8graph {

namespace {

// Results have the first argument's values though they may lie in memory of their own.
constexpr std::array<std::string_view, 4> kCopies = {"aten::clone", "aten::to", "aten::_to_copy",
                                                     "aten::contiguous"};
// The written first argument gets the second one's values.
constexpr std::string_view kCopyInPlace = "aten::copy_";

// Results have the first argument's values, and zeros at the edges.
constexpr std::string_view kPad = "aten::pad";

bool holds(const std::vector<at::Tensor>& tensors, const at::Tensor& wanted) {
  return std::any_of(tensors.begin(), tensors.end(),
                     [&](const at::Tensor& tensor) { return tensor.is_same(wanted); });
}

// Around images, not along channels or the batch.
bool pads_with_zeros(std::string_view symbol, c10::ArrayRef<c10::IValue> arguments) {
  if (symbol != kPad || arguments.size() != 4 || !arguments[0].isTensor()) return false;
  if (!is_zero_padding(arguments[1], arguments[2], arguments[3])) return false;
  const auto amounts = static_cast<int64_t>(arguments[1].toIntVector().size());
  return amounts <= 2 * (arguments[0].toTensor().dim() - 2);
}

// Whether results hold values of the first argument and nothing else.
bool moves_or_copies(std::string_view symbol) {
  const Operator* row = find_operator(symbol);
  return (row != nullptr && row->moves_elements()) ||
         std::find(kCopies.begin(), kCopies.end(), symbol) != kCopies.end();
}

// Ranges of activations in training are not those that the model will see.
void refuse_training(std::string_view symbol, c10::ArrayRef<c10::IValue> arguments) {
  const Operator* row = find_operator(symbol);
  if (row == nullptr || !row->training_argument) return;
  if (*row->training_argument >= arguments.size()) return;
  const c10::IValue& flag = arguments[*row->training_argument];
  if (!flag.isBool() || !flag.toBool()) return;
  throw std::runtime_error(
      "it runs in training mode; call eval() on the model first, before torch.jit.trace if it is "
      "traced. Batch norms without running statistics, which always do, are not supported");
}

bool share_storage(const at::Tensor& a, const at::Tensor& b) {
  return a.has_storage() && b.has_storage() && a.storage().is_alias_of(b.storage());
}

bool is_dense(const at::Tensor& tensor) {
  return tensor.layout() == at::kStrided && tensor.is_non_overlapping_and_dense();
}

// Whether a view or copy must have the extremes of what it was made from. `from` may hold more
// elements, or each of its elements several times, when it is not dense.
bool has_same_values(const at::Tensor& from, const at::Tensor& to) {
  if (from.scalar_type() != to.scalar_type() || from.numel() != to.numel()) return false;
  if (!share_storage(from, to)) return true;
  return is_dense(from) && is_dense(to) && from.storage_offset() == to.storage_offset();
}

}  // namespace

bool ObservedWeight::same_as(const ObservedWeight& other) const {
  return storage._unsafe_get_target() == other.storage._unsafe_get_target() &&
         storage_offset == other.storage_offset && sizes == other.sizes;
}

void Observation::before(std::string_view symbol, const std::vector<size_t>& written,
                         c10::ArrayRef<c10::IValue> arguments) noexcept {
  try {
    running_.reset();
    start(symbol, written, arguments);
  } catch (...) {
    running_.reset();
    fail(symbol);
  }
}

void Observation::after(c10::ArrayRef<c10::IValue> results) noexcept {
  if (!running_.has_value()) return;
  std::optional<Running> running = std::exchange(running_, std::nullopt);
  try {
    end(*running, results);
  } catch (...) {
    fail(running->symbol);
  }
}

void Observation::same_values(const at::Tensor& from, const at::Tensor& to) noexcept {
  try {
    tracker_.set(to, passed_on(from, to));
  } catch (...) {
    fail("the results of a layer");
  }
}

const std::vector<ObservedCall>& Observation::calls() const {
  if (!error_.empty()) throw std::runtime_error(error_);
  return calls_;
}

void Observation::fail(std::string_view symbol) noexcept {
  if (!error_.empty()) return;
  try {
    error_ = "calibration could not observe " + std::string(symbol) + ", recorded as operator " +
             std::to_string(calls_.size()) + ": ";
    throw;
  } catch (const std::exception& error) {
    error_ += error.what();
  } catch (...) {
    error_ += "unknown error";
  }
}

void Observation::start(std::string_view symbol, const std::vector<size_t>& written,
                        c10::ArrayRef<c10::IValue> arguments) {
  refuse_training(symbol, arguments);
  Running running{std::string(symbol), tensors_in(arguments), {}, {}, {}, false};
  for (const size_t position : written) {
    if (position >= arguments.size()) continue;
    for (at::Tensor& tensor : tensors_in(arguments[position])) {
      running.written.push_back(std::move(tensor));
    }
  }
  for (const at::Tensor& tensor : running.arguments) {
    const auto origin = tracker_.find(tensor).origin;
    if (origin && (!running.origin || *origin < *running.origin)) running.origin = origin;
  }

  const std::optional<RecordedCall> recorded = recorded_call(symbol, arguments);
  if (!recorded.has_value()) {
    unrecorded_.insert(running.symbol);
    running.pads = pads_with_zeros(symbol, arguments);
    running.passes_first_on = running.pads || moves_or_copies(symbol);
    running_ = std::move(running);
    return;
  }
  running.call = observe_call(*recorded);
  running.call->origin = running.origin;
  running.passes_first_on = recorded->row->moves_elements();
  running_ = std::move(running);
}

ObservedCall Observation::observe_call(const RecordedCall& recorded) {
  ObservedCall call{recorded.row, {}, {}, {}, {}};
  for (size_t i = 0; i < recorded.activations.size(); ++i) {
    call.inputs.push_back(observe_input(recorded, i));
  }
  if (recorded.weight.defined()) {
    call.weight = observe_weight(recorded.weight, recorded.channel_axis);
  }
  return call;
}

ObservedActivation Observation::observe_input(const RecordedCall& recorded, size_t position) {
  const at::Tensor& tensor = recorded.activations[position];
  ObservedActivation input{.range = range_of(tensor)};
  const TrackedValue value = tracker_.find(tensor);
  // Padding is part of the convolution that reads it. Anything else does not see through it.
  if (!value.is_padded || recorded.row->lower == lower_convolution) input.flow = value.flow;
  if (!input.range.has_value() || next_algorithm(*recorded.row) != Algorithm::LeastError) {
    return input;
  }
  const auto axis = multiplied_axis(recorded, position);
  if (axis.has_value()) input.histogram = tracker_.histogram(tensor, *axis, *input.range);
  return input;
}

Algorithm Observation::next_algorithm(const Operator& row) const {
  return algorithms_.empty() ? first_algorithm(row)
                             : algorithms_[calls_.size() % algorithms_.size()];
}

void Observation::end(Running& running, c10::ArrayRef<c10::IValue> results) {
  if (running.call.has_value()) {
    end_recorded(running, results);
  } else {
    end_unrecorded(running, results);
  }
}

void Observation::end_recorded(Running& running, c10::ArrayRef<c10::IValue> results) {
  const std::vector<at::Tensor> outputs = recorded_outputs(results);
  if (outputs.empty()) return;  // the operator threw
  for (size_t i = 0; i < outputs.size(); ++i) {
    TrackedValue value{CallOutput{calls_.size(), i}, calls_.size(), {}};
    if (running.passes_first_on && has_same_values(running.arguments[0], outputs[i])) {
      value.range = running.call->inputs[0].range;
    }
    if (holds(running.written, outputs[i])) {
      tracker_.set_written(outputs[i], value);
    } else {
      tracker_.set(outputs[i], value);
    }
    running.call->outputs.push_back({.range = range_of(outputs[i])});
  }
  calls_.push_back(std::move(*running.call));
}

void Observation::end_unrecorded(const Running& running, c10::ArrayRef<c10::IValue> results) {
  for (const at::Tensor& tensor : running.written) {
    TrackedValue value{{}, running.origin, {}};
    if (running.symbol == kCopyInPlace && running.arguments.size() == 2) {
      value = passed_on(running.arguments[1], tensor);
    }
    tracker_.set_written(tensor, value);
  }
  for (const at::Tensor& result : tensors_in(results)) {
    if (holds(running.written, result) || holds(running.arguments, result)) continue;
    const auto source =
        std::find_if(running.arguments.begin(), running.arguments.end(),
                     [&](const at::Tensor& argument) { return share_storage(argument, result); });
    TrackedValue value{{}, running.origin, {}};
    if (source != running.arguments.end()) {
      value = passed_on(*source, result);
    } else if (running.passes_first_on && !running.arguments.empty()) {
      value = passed_on(running.arguments[0], result);
      value.is_padded |= running.pads;
    }
    if (value.origin.has_value() || value.range.has_value()) tracker_.set(result, value);
  }
}

TrackedValue Observation::passed_on(const at::Tensor& from, const at::Tensor& to) {
  TrackedValue value = tracker_.find(from);
  if (!has_same_values(from, to)) value.range.reset();
  return value;
}

std::optional<Range> Observation::range_of(const at::Tensor& tensor) {
  if (const auto known = tracker_.find(tensor).range) return known;
  const std::optional<Range> range = scan_range(tensor);
  tracker_.set_range(tensor, range);
  return range;
}

ObservedWeight Observation::observe_weight(const at::Tensor& weight, int64_t channel_axis) {
  return {weight.storage().getWeakStorageImpl(), weight.storage_offset(), weight.sizes().vec(),
          tracker_.channel_ranges(weight, channel_axis), tracker_.find(weight).origin};
}

}  // namespace int8graph
