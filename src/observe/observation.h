#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/core/ivalue.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "observe/recording_rule.h"
#include "observe/value_tracker.h"
#include "ops/operator_table.h"

namespace int8graph {

/// One activation of a recorded call.
struct ObservedActivation {
  std::optional<Range> range{};  ///< nothing if the tensor had no elements
  std::shared_ptr<const ActivationHistogram> histogram{};  ///< where LeastError asks for it
  std::optional<CallOutput> flow{};                        ///< of inputs: the output that feeds it
};

/// The weight of a recorded call.
struct ObservedWeight {
  /// Which memory it is. The weak pointer keeps the address from being given to another storage.
  c10::weak_intrusive_ptr<c10::StorageImpl> storage;
  int64_t storage_offset;
  std::vector<int64_t> sizes;
  std::shared_ptr<const std::vector<Range>> channel_ranges;
  /// As in ObservedCall: which recorded call computed it, if any did.
  std::optional<size_t> origin;

  bool same_as(const ObservedWeight& other) const;
};

/// One recorded call; see recording_rule.h for what has one.
struct ObservedCall {
  const Operator* row;
  std::vector<ObservedActivation> inputs;
  std::vector<ObservedActivation> outputs;
  std::optional<ObservedWeight> weight;
  /// The earliest recorded call that its arguments were computed from most directly.
  std::optional<size_t> origin;
};

/// What one calibration scope sees: recorded calls in execution order, and which output feeds which
/// input. It is told of each outermost operator before and after that runs. Errors don't leave
/// before() and after(), whose callers swallow them: the first one is kept for calls().
///
/// A value keeps its flow through operators that move elements (`Operator::moves_elements()`),
/// through those that hand out a view of an argument or the argument itself, and through clone(),
/// to() and copy_(); to a convolution through zero padding, too, which is part of it
/// (ops/attached_nodes.h). Any other unrecorded operator ends it.
class Observation {
 public:
  /// @param algorithms of the entries so far, which the calls will be those of, perhaps several
  ///   times over; without any, each call's operator tells
  explicit Observation(std::vector<Algorithm> algorithms = {})
      : algorithms_(std::move(algorithms)) {}

  /// @param written positions of the arguments that the operator writes to
  void before(std::string_view symbol, const std::vector<size_t>& written,
              c10::ArrayRef<c10::IValue> arguments) noexcept;

  /// @param results empty when the operator threw: the call is then forgotten
  void after(c10::ArrayRef<c10::IValue> results) noexcept;

  /// Tells that one tensor's values are those of another, which was computed beside it.
  void same_values(const at::Tensor& from, const at::Tensor& to) noexcept;

  /// @throws std::runtime_error with the first error that the functions above met
  const std::vector<ObservedCall>& calls() const;

  /// The operators that ran and were not recorded: "aten::sin".
  const std::set<std::string>& unrecorded() const { return unrecorded_; }

 private:
  // An operator that is running. It holds its arguments no longer than PyTorch's record of it does.
  struct Running {
    std::string symbol;
    std::vector<at::Tensor> arguments;
    std::vector<at::Tensor> written;
    std::optional<size_t> origin;
    std::optional<ObservedCall> call;
    bool passes_first_on;  // results hold elements of the first argument, and zeros at most
    bool pads = false;     // with zeros
  };

  void start(std::string_view symbol, const std::vector<size_t>& written,
             c10::ArrayRef<c10::IValue> arguments);
  void end(Running& running, c10::ArrayRef<c10::IValue> results);
  void end_recorded(Running& running, c10::ArrayRef<c10::IValue> results);
  void end_unrecorded(const Running& running, c10::ArrayRef<c10::IValue> results);

  ObservedCall observe_call(const RecordedCall& recorded);
  ObservedActivation observe_input(const RecordedCall& recorded, size_t position);
  Algorithm next_algorithm(const Operator& row) const;
  std::optional<Range> range_of(const at::Tensor& tensor);
  ObservedWeight observe_weight(const at::Tensor& weight, int64_t channel_axis);
  TrackedValue passed_on(const at::Tensor& from, const at::Tensor& to);
  void fail(std::string_view symbol) noexcept;

  std::vector<Algorithm> algorithms_;
  ValueTracker tracker_;
  std::optional<Running> running_;
  std::vector<ObservedCall> calls_;
  std::set<std::string> unrecorded_;
  std::string error_;
};

}  // namespace int8graph
