#include "executor/partition_kernel.h"

#include <torch/csrc/jit/ir/ir.h>
#include <torch/csrc/jit/runtime/interpreter.h>

#include <array>
#include <atomic>
#include <chrono>
#include <mutex>

#include "config/autocast.h"
#include "config/elapsed.h"
#include "config/environment.h"
#include "executor/attention_kernel.h"
#include "executor/call_key.h"
#include "executor/compiled_partition.h"
#include "executor/cpu_limits.h"
#include "executor/fp32_partition.h"
#include "executor/mapped_partition.h"
#include "executor/onednn_runtime.h"
#include "executor/primitive_kernel.h"
#include "executor/profile.h"
#include "executor/result_memory.h"
#include "executor/snapshot_cache.h"
#include "executor/tensor_bridge.h"
#include "onednn/onednn_loader.h"
#include "ops/graph_walk.h"
#include "ops/node_arguments.h"
#include "ops/operator_table.h"
#include "passes/graph_mapping.h"

namespace int8graph {

namespace jit = torch::jit;

namespace {

std::string shapes_of(std::span<const at::Tensor> tensors) {
  std::string text;
  for (const at::Tensor& tensor : tensors) {
    if (!text.empty()) text += ", ";
    text += c10::str(tensor.sizes(), " ", tensor.scalar_type());
  }
  return text;
}

/// The rank that inputs must have: a pool's with its batch, since oneDNN would take the first
/// entries of a window for an input without one. Nothing where all ranks work.
std::optional<int64_t> rank_of_inputs(const jit::Graph& subgraph) {
  for (const jit::Node* node : subgraph.nodes()) {
    const Operator* row = find_operator(*node);
    if (row == nullptr || row->op_class != OpClass::Pool) continue;
    return static_cast<int64_t>(row->spatial_dimensions()) + 2;
  }
  return {};
}

/// Whether it reads rows as if they followed each other in the order of their numbers: whatever
/// strides it is told, oneDNN Graph 3.2 does so in layer norms, and writes the result's rows alike.
bool reads_rows_in_order(const jit::Graph& subgraph) {
  return any_node(*subgraph.block(),
                  [](const jit::Node& node) { return node.kind() == c10::aten::layer_norm; });
}

/// What a compilation came to: a partition, or a refusal, which is remembered like a success.
struct Outcome {
  std::optional<CompiledPartition> partition;
};

}  // namespace

class PartitionKernel::Impl {
 public:
  Impl(const jit::Node& node, Weights weights)
      : subgraph_(node.g(c10::attr::Subgraph)->copy()),
        name_(partition_name(*subgraph_)),
        layouts_(output_layouts(node)),
        reusable_(reusable_inputs(node)),
        results_leave_(results_leave(node)),
        rank_(rank_of_inputs(*subgraph_)),
        reads_rows_in_order_(reads_rows_in_order(*subgraph_)),
        cache_(compile_cache_capacity()) {
    onednn_engine();
    for (const jit::Value* input : subgraph_->inputs()) {
      argument_dtypes_.push_back(scalar_type_of(logical_tensor_of(input).get_data_type()));
    }
    if (layouts_.size() == 1) {
      primitive_ = make_attention_kernel(*subgraph_, name_, layouts_[0], load_onednn().cpu);
    }
    if (primitive_) return;
    if (const auto reason = why_in_fp32(*subgraph_, load_onednn().cpu)) {
      log_verbose([&] { return name_ + ": runs in fp32: " + std::string(*reason); });
      in_fp32_.emplace(*subgraph_, layouts_);
      return;
    }
    if (layouts_.size() == 1) {
      primitive_ = make_primitive_kernel(*subgraph_, name_, layouts_[0], reusable_, weights);
    }
    if (!primitive_) mapped();
  }

  void run(jit::Stack& stack) const {
    const PartitionTimer timer(this, name_);
    const ArenaScope arena(!results_leave_);
    const size_t count = argument_dtypes_.size();
    const std::span<c10::IValue> inputs(stack.data() + (stack.size() - count), count);
    widen(inputs);
    if (const auto odd = first_misfit(inputs)) {
      tell_of_misfit(*odd, inputs[*odd]);
      return run_unfused(stack);
    }
    if (in_fp32_) {
      const AutocastScope off(std::nullopt);
      return in_fp32_->run(stack);
    }
    c10::SmallVector<at::Tensor, 4> arguments;
    for (c10::IValue& input : inputs) arguments.push_back(std::move(input).toTensor());
    jit::drop(stack, count);
    const std::span<at::Tensor> view(arguments.data(), arguments.size());
    if (run_primitive(view, stack) || run_compiled(view, stack)) return;
    for (at::Tensor& argument : arguments) stack.emplace_back(std::move(argument));
    run_unfused(stack);
  }

 private:
  /// Under torch.autocast, operators between partitions may make bfloat16 or float16.
  void widen(std::span<c10::IValue> inputs) const {
    for (size_t i = 0; i < inputs.size(); ++i) {
      if (argument_dtypes_[i] != c10::kFloat || !inputs[i].isTensor()) continue;
      if (at::isReducedFloatingType(inputs[i].toTensor().scalar_type())) {
        inputs[i] = inputs[i].toTensor().to(c10::kFloat);
      }
    }
  }

  /// The first input that is empty, or not of the dtype or rank it was built for.
  std::optional<size_t> first_misfit(std::span<const c10::IValue> inputs) const {
    for (size_t i = 0; i < inputs.size(); ++i) {
      if (!inputs[i].isTensor() || !is_plain(inputs[i].toTensor()) ||
          inputs[i].toTensor().scalar_type() != argument_dtypes_[i]) {
        return i;
      }
      if (rank_ && inputs[i].toTensor().dim() != *rank_) return i;
    }
    return {};
  }

  void tell_of_misfit(size_t i, const c10::IValue& input) const {
    if (told_misfit_.exchange(true)) return;
    log_verbose([&] {
      const std::string found =
          input.isTensor() ? shapes_of(std::array{input.toTensor()}) : input.tagKind();
      const std::string rank = rank_ ? c10::str(" and of ", *rank_, " dimensions") : "";
      return c10::str(name_, ": runs unfused: input ", i, " is ", found,
                      "; accepted are tensors on the CPU that are not empty, of dtype ",
                      argument_dtypes_[i], rank);
    });
  }

  /// The subgraph in oneDNN Graph's form; null if that does not take it. A primitive needs it for
  /// odd shapes only, so it is made when it is first asked for.
  const MappedPartition* mapped() const {
    std::call_once(mapping_, [this] {
      restore_weight();
      mapped_ = map_partition(*subgraph_, name_, layouts_);
    });
    return mapped_ ? &*mapped_ : nullptr;
  }

  /// Whether a primitive ran it.
  bool run_primitive(std::span<const at::Tensor> arguments, jit::Stack& stack) const {
    if (!primitive_) return false;
    auto result = primitive_->run(arguments);
    if (!result) return false;
    stack.emplace_back(std::move(*result));
    return true;
  }

  /// Whether oneDNN Graph ran it.
  /// @param arguments those with gaps, and a layer norm's with rows in another order, are replaced
  ///   by copies
  bool run_compiled(std::span<at::Tensor> arguments, jit::Stack& stack) const {
    if (mapped() == nullptr) return false;
    for (at::Tensor& argument : arguments) {
      if (reads_rows_in_order_) {
        argument = argument.contiguous();
      } else if (!argument.is_non_overlapping_and_dense()) {
        argument = argument.contiguous(argument.suggest_memory_format());
      }
    }
    const auto outcome =
        cache_.find_or_make(CallKey(arguments).view(), [&] { return compile(arguments); });
    if (!outcome->partition) return false;
    for (at::Tensor& result : outcome->partition->run(arguments, unique_among(arguments))) {
      stack.emplace_back(std::move(result));
    }
    return true;
  }

  std::shared_ptr<const Outcome> compile(std::span<const at::Tensor> arguments) const {
    const auto start = std::chrono::steady_clock::now();
    auto outcome = std::make_shared<Outcome>();
    try {
      outcome->partition.emplace(mapped()->partition, mapped()->ports, arguments);
    } catch (const std::exception& error) {  // oneDNN lets std::bad_alloc out for odd shapes
      if (!told_refusal_.exchange(true)) {
        log_verbose([&] {
          return name_ + " for " + shapes_of(arguments) + ": runs unfused: oneDNN says " +
                 error.what();
        });
      }
      return outcome;
    }
    log_verbose([&] {
      return name_ + ": compiled for " + shapes_of(arguments) + " in " +
             std::to_string(milliseconds_since(start)) + " ms";
    });
    return outcome;
  }

  /// Which arguments nobody else holds any more, now that they have left the interpreter's stack.
  std::vector<bool> unique_among(std::span<const at::Tensor> arguments) const {
    std::vector<bool> unique(reusable_);
    for (size_t i = 0; i < arguments.size(); ++i) {
      unique[i] = unique[i] && is_unique(arguments[i]);
    }
    return unique;
  }

  void restore_weight() const {
    if (primitive_) primitive_->restore_weight();
  }

  void run_unfused(jit::Stack& stack) const {
    std::call_once(falling_back_, [this] {
      restore_weight();
      fallback_.emplace(subgraph_, "int8graph::partition");
    });
    const AutocastScope off(std::nullopt);
    jit::InterpreterState(*fallback_).run(stack);
  }

  const std::shared_ptr<jit::Graph> subgraph_;
  const std::string name_;
  const std::vector<OutputLayout> layouts_;
  const std::vector<bool> reusable_;
  const bool results_leave_;
  const std::optional<int64_t> rank_;
  const bool reads_rows_in_order_;
  std::vector<c10::ScalarType> argument_dtypes_;
  std::optional<const Fp32Partition> in_fp32_;
  std::unique_ptr<const PrimitiveKernel> primitive_;
  mutable SnapshotCache<Outcome> cache_;
  mutable std::atomic<bool> told_misfit_{false};
  mutable std::atomic<bool> told_refusal_{false};

  // made when first needed
  mutable std::once_flag mapping_;
  mutable std::optional<MappedPartition> mapped_;
  mutable std::once_flag falling_back_;
  mutable std::optional<jit::Code> fallback_;
};

PartitionKernel::PartitionKernel(const jit::Node& node, Weights weights)
    : impl_(std::make_unique<Impl>(node, weights)) {}

PartitionKernel::~PartitionKernel() = default;

void PartitionKernel::run(jit::Stack& stack) const {
  impl_->run(stack);
}

}  // namespace int8graph
