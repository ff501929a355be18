#include "int8graph/calibration.h"

#include <ATen/record_function.h>
#include <torch/csrc/jit/api/function_impl.h>
#include <torch/csrc/jit/python/update_graph_executor_opt.h>

#include <algorithm>
#include <exception>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "config/environment.h"
#include "observe/accumulate.h"
#include "observe/observation.h"
#include "ops/fused_layers.h"

#ifndef NDEBUG
// Without it RecordFunction::inputs() looks at a flag that libtorch, built with NDEBUG, never sets.
#error "int8graph must be compiled with NDEBUG, as libtorch's wheels are"
#endif

namespace int8graph {

namespace {

// What calibration needs of an operator's schema, which is slow to ask for.
struct Signature {
  size_t arguments = 0;
  size_t results = 0;
  std::vector<size_t> written;  // positions of the arguments that it writes to
};

Signature signature_of(const at::RecordFunction& function) {
  const std::optional<c10::FunctionSchema> schema = function.operator_schema();
  if (!schema.has_value()) return {};
  Signature signature{schema->arguments().size(), schema->returns().size(), {}};
  for (size_t i = 0; i < signature.arguments; ++i) {
    const c10::AliasInfo* alias = schema->arguments()[i].alias_info();
    if (alias != nullptr && alias->isWrite()) signature.written.push_back(i);
  }
  return signature;
}

// TorchScript's interpreter hands over its whole stack, on which the operator's own values lie
// last. Some internal calls carry none.
c10::ArrayRef<c10::IValue> last(c10::ArrayRef<c10::IValue> values, size_t count) {
  if (values.size() < count) return {};
  return values.slice(values.size() - count);
}

std::vector<Algorithm> algorithms_of(const std::vector<OperatorEntry>& entries) {
  std::vector<Algorithm> algorithms;
  for (const OperatorEntry& entry : entries) algorithms.push_back(entry.algorithm);
  return algorithms;
}

// Why a scope found no entries, as QuantConf::why_empty() says it.
std::string why_nothing_was_recorded(const std::set<std::string>& operators) {
  constexpr size_t kNamed = 10;
  if (operators.empty()) {
    return "no operator ran in the calibration scope, on the thread that it is of";
  }
  std::string names;
  size_t left = operators.size();
  for (const std::string& name : operators) {
    if (operators.size() - left == kNamed) break;
    names += (names.empty() ? "" : ", ") + name;
    --left;
  }
  if (left > 0) names += " and " + std::to_string(left) + " more";
  const bool has_nested = operators.contains("aten::_nested_tensor_from_mask");
  return "nothing that ran in the calibration scope can have an entry: " + names +
         (has_nested ? "; make nn.TransformerEncoder with enable_nested_tensor=False" : "");
}

// Operators that torch.jit.trace looks into: its graph holds their parts, so those are what counts.
bool is_traced_in_parts(const std::string& name) {
  return name == "aten::lstm_cell" || name == "aten::gru_cell" || name == "aten::rnn_tanh_cell" ||
         name == "aten::rnn_relu_cell";
}

// What an operator's definition computes of the same arguments, in operators that are observed like
// all others; nothing of most operators, which have none.
std::vector<at::Tensor> results_of_definition(const std::string& symbol,
                                              c10::ArrayRef<c10::IValue> arguments) noexcept {
  try {
    torch::jit::Function* definition = definition_of(symbol);
    if (definition == nullptr || !is_defined_for(symbol, arguments)) return {};
    return tensors_in((*definition)(arguments.vec()));
  } catch (const std::exception& error) {  // of arguments that the operator refuses, too
    log_verbose([&] { return "calibration does not see into " + symbol + ": " + error.what(); });
    return {};
  }
}

// The scopes that live on one thread, and the callback that tells them of the operators there.
//
// PyTorch reports operators nested: linear begins, matmul begins, matmul ends, linear ends. The
// depth tells the outermost one, which alone counts. What the autograd engine runs on this thread
// is nested in its node. Records without a schema (those of torch.autograd.Function, or of a user's
// own) are no operators, and what runs inside them counts. Their end comes at depth 0, where start
// and end both do nothing. An operator with a definition does not count, but what its definition
// runs, just before it.
class ThreadScopes {
 public:
  static ThreadScopes& of_this_thread() {
    thread_local ThreadScopes scopes;
    return scopes;
  }

  void add(const std::shared_ptr<Observation>& observation) {
    remove(nullptr);
    if (scopes_.empty()) attach();
    scopes_.push_back(observation);
  }

  // Removes those whose scope was destroyed on another thread, too.
  void remove(const std::shared_ptr<Observation>& observation) {
    std::erase_if(scopes_, [&](const auto& scope) {
      const auto other = scope.lock();
      return other == nullptr || other == observation;
    });
    if (scopes_.empty()) detach();
  }

 private:
  static std::unique_ptr<at::ObserverContext> on_start(const at::RecordFunction& function) {
    try {
      of_this_thread().start(function);
    } catch (...) {
      // Out of memory; start() counts first, so that the depth stays right.
    }
    return nullptr;
  }

  static void on_end(const at::RecordFunction& function, at::ObserverContext*) {
    of_this_thread().end(function);
  }

  void start(const at::RecordFunction& function) {
    if (!callback_.has_value()) return;
    if (depth_ > 0 || function.scope() == at::RecordScope::BACKWARD_FUNCTION) {
      ++depth_;
      return;
    }
    const std::optional<c10::OperatorName> name = function.operator_name();
    if (!name.has_value() || is_traced_in_parts(name->name)) return;
    ++depth_;
    auto known = signatures_.find(*name);
    if (known == signatures_.end()) {
      known = signatures_.emplace(*name, signature_of(function)).first;
    }
    const Signature& signature = known->second;
    const auto arguments = last(function.inputs(), signature.arguments);
    if (is_observed()) {
      --depth_;  // what the definition runs is outermost
      defined_ = results_of_definition(name->name, arguments);
      ++depth_;
    }
    running_ = &signature;
    if (!defined_.empty()) return;
    for (const auto& scope : scopes_) {
      const std::shared_ptr<Observation> observation = scope.lock();
      if (observation) observation->before(name->name, running_->written, arguments);
    }
  }

  void end(const at::RecordFunction& function) {
    if (depth_ == 0 || --depth_ > 0 || running_ == nullptr) return;
    const auto results = last(function.outputs(), running_->results);
    running_ = nullptr;
    const std::vector<at::Tensor> defined = std::exchange(defined_, {});
    const auto tensors = defined.empty() ? std::vector<at::Tensor>() : tensors_in(results);
    for (const auto& scope : scopes_) {
      const std::shared_ptr<Observation> observation = scope.lock();
      if (!observation) continue;
      observation->after(results);
      for (size_t i = 0; i < defined.size() && i < tensors.size(); ++i) {
        observation->same_values(defined[i], tensors[i]);
      }
    }
  }

  bool is_observed() const {
    return std::ranges::any_of(scopes_, [](const auto& scope) { return !scope.expired(); });
  }

  void attach() {
    depth_ = 0;
    callback_ = at::addThreadLocalCallback(
        at::RecordFunctionCallback(on_start, on_end)
            .needsInputs(true)
            .needsOutputs(true)
            .scopes({at::RecordScope::FUNCTION, at::RecordScope::BACKWARD_FUNCTION}));
    // The executor of TorchScript removes and replaces operators, which the graph that is converted
    // still has.
    optimizes_scripts_ = torch::jit::getGraphExecutorOptimize();
    torch::jit::setGraphExecutorOptimize(false);
  }

  void detach() {
    if (!callback_.has_value()) return;
    at::removeCallback(*callback_);
    callback_.reset();
    torch::jit::setGraphExecutorOptimize(optimizes_scripts_);
  }

  std::vector<std::weak_ptr<Observation>> scopes_;
  std::unordered_map<c10::OperatorName, Signature> signatures_;
  const Signature* running_ = nullptr;  // of the outermost operator
  std::vector<at::Tensor> defined_;     // its results, where its definition ran before it
  std::optional<at::CallbackHandle> callback_;
  int64_t depth_ = 0;
  bool optimizes_scripts_ = true;
};

}  // namespace

class Calibration::Impl {
 public:
  Impl(QuantConf& conf, CalibrationOptions options)
      : conf_(conf),
        options_(options),
        observation_(std::make_shared<Observation>(algorithms_of(conf.entries()))) {
    ThreadScopes::of_this_thread().add(observation_);
  }

  void finish() {
    const std::shared_ptr<Observation> observation = end();
    if (observation == nullptr) return;
    try {
      conf_.set_entries(
          accumulate(observation->calls(), conf_.entries(), conf_.qscheme(), options_));
      if (conf_.entries().empty()) {
        conf_.why_empty_ = why_nothing_was_recorded(observation->unrecorded());
      }
    } catch (const std::runtime_error& error) {
      throw std::invalid_argument(error.what());
    }
  }

  // Null when the scope has ended before. The thread that made the scope must end it: from another
  // one, its callback stays, without effect, until the next scope there.
  std::shared_ptr<Observation> end() noexcept {
    auto observation = std::exchange(observation_, nullptr);
    if (observation != nullptr) ThreadScopes::of_this_thread().remove(observation);
    return observation;
  }

  bool is_unwinding() const { return std::uncaught_exceptions() > exceptions_before_; }

 private:
  QuantConf& conf_;
  CalibrationOptions options_;
  std::shared_ptr<Observation> observation_;
  int exceptions_before_ = std::uncaught_exceptions();
};

Calibration::Calibration(QuantConf& conf, CalibrationOptions options)
    : impl_(std::make_unique<Impl>(conf, options)) {}

Calibration::~Calibration() {
  if (impl_->is_unwinding()) {
    abandon();
    return;
  }
  try {
    finish();
  } catch (const std::exception& error) {
    log(error.what());
  }
}

void Calibration::finish() {
  impl_->finish();
}

void Calibration::abandon() noexcept {
  impl_->end();
}

}  // namespace int8graph
