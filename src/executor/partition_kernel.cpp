#include "executor/partition_kernel.h"

#include <torch/csrc/jit/ir/ir.h>
#include <torch/csrc/jit/runtime/interpreter.h>

#include <atomic>
#include <chrono>

#include "config/environment.h"
#include "executor/call_key.h"
#include "executor/compiled_partition.h"
#include "executor/matmul_kernel.h"
#include "executor/onednn_runtime.h"
#include "executor/profile.h"
#include "executor/snapshot_cache.h"
#include "ops/attached_nodes.h"
#include "ops/node_arguments.h"
#include "ops/operator_table.h"
#include "passes/graph_mapping.h"
#include "passes/quantizers.h"

namespace int8graph {

namespace jit = torch::jit;
namespace graph = dnnl::graph;

namespace {

/// "dequantize+conv2d+relu+quantize"
std::string name_of(const jit::Graph& subgraph) {
  std::string name;
  for (const jit::Node* node : subgraph.nodes()) {
    if (node->kind() == c10::prim::Constant || node->kind() == c10::prim::ListConstruct) continue;
    if (constant_tensor(node->output())) continue;  // a weight's dequantize
    const Operator* row = find_operator(*node);
    if (!name.empty()) name += '+';
    name += row ? std::string(row->name) : std::string(node->kind().toUnqualString());
  }
  return name;
}

std::string shapes_of(std::span<const at::Tensor> tensors) {
  std::string text;
  for (const at::Tensor& tensor : tensors) {
    if (!text.empty()) text += ", ";
    text += c10::str(tensor.sizes(), " ", tensor.scalar_type());
  }
  return text;
}

/// The quantizer of a subgraph's output; null for outputs in floating point.
at::QuantizerPtr quantizer_of(const jit::Value& value) {
  if (!is_quantize(*value.node())) return nullptr;
  const auto parameters = parameters_of(value).value();
  return at::make_per_tensor_affine_quantizer(parameters.scale, parameters.zero_point,
                                              static_cast<c10::ScalarType>(parameters.dtype));
}

/// What a compilation came to: a partition, or a refusal, which is remembered like a success.
struct Outcome {
  std::optional<CompiledPartition> partition;
};

}  // namespace

class PartitionKernel::Impl {
 public:
  explicit Impl(const jit::Node& node)
      : subgraph_(node.g(c10::attr::Subgraph)->copy()),
        name_(name_of(*subgraph_)),
        reusable_(reusable_inputs(node)),
        fallback_(subgraph_, "int8graph::partition"),
        cache_(compile_cache_capacity()) {
    onednn_engine();
    map(output_layouts(node));
    if (partition_) make_matmul();
  }

  void run(jit::Stack& stack) const {
    const PartitionTimer timer(this, name_);
    const size_t count = subgraph_->inputs().size();
    const std::span<c10::IValue> inputs(stack.data() + (stack.size() - count), count);
    if (!partition_ || !fit(inputs)) {
      return run_unfused(stack, "an input is empty or not of the dtype it was built for");
    }
    c10::SmallVector<at::Tensor, 4> arguments;
    for (c10::IValue& input : inputs) arguments.push_back(std::move(input).toTensor());
    const std::span<const at::Tensor> view(arguments.data(), arguments.size());
    if (matmul_ && matmul_->takes(view)) {
      jit::drop(stack, count);
      stack.emplace_back(matmul_->run(view));
      return;
    }
    const CallKey key(view);
    const auto outcome = cache_.find_or_make(key.view(), [&] { return compile(view); });
    jit::drop(stack, count);
    if (!outcome->partition) {
      for (at::Tensor& argument : arguments) stack.emplace_back(std::move(argument));
      return run_unfused(stack, "oneDNN does not compile it");
    }
    for (at::Tensor& result : outcome->partition->run(view, unique_among(view))) {
      stack.emplace_back(std::move(result));
    }
  }

 private:
  bool fit(std::span<const c10::IValue> inputs) const {
    for (size_t i = 0; i < inputs.size(); ++i) {
      if (!inputs[i].isTensor() || !is_plain(inputs[i].toTensor()) ||
          inputs[i].toTensor().scalar_type() != argument_dtypes_[i]) {
        return false;
      }
    }
    return true;
  }

  /// Maps the subgraph to oneDNN Graph once more, now alone, and notes where each port's data is.
  void map(const std::vector<OutputLayout>& layouts) {
    std::vector<jit::Node*> nodes(subgraph_->nodes().begin(), subgraph_->nodes().end());
    MappedGraph mapped = map_nodes(nodes);
    const auto operators = static_cast<size_t>(std::ranges::count_if(
        nodes, [](const jit::Node* n) { return !is_part_of_its_reader(*n); }));
    const auto partitions = mapped.graph.get_partitions();
    const auto fits = std::ranges::find_if(partitions, [&](const graph::partition& candidate) {
      return candidate.is_supported() && candidate.get_ops_num() == operators &&
             candidate.get_output_ports().size() == layouts.size();
    });
    if (fits == partitions.end()) {
      log_verbose([&] {
        std::string text = name_ + ": runs unfused: oneDNN Graph does not take it as one partition";
        for (const auto& [node, reason] : mapped.reasons) {
          text += std::string("; ") + node->kind().toQualString() + ": " + reason;
        }
        return text;
      });
      return;
    }
    argument_dtypes_.assign(subgraph_->inputs().size(), c10::kFloat);
    for (const auto& port : fits->get_input_ports()) add_input(port);
    for (size_t i = 0; i < layouts.size(); ++i) {
      const jit::Value* value = subgraph_->outputs()[i];
      for (const auto& port : fits->get_output_ports()) {
        if (port.get_id() == value->unique()) {
          ports_.outputs.push_back({port, layouts[i], quantizer_of(*value)});
        }
      }
    }
    if (ports_.outputs.size() == layouts.size()) partition_ = *fits;
  }

  /// A single product takes the shorter way, where there is one.
  void make_matmul() {
    auto plan = matmul_plan(*subgraph_);
    if (!plan) return;
    try {
      matmul_ = make_matmul_kernel(std::move(*plan));
    } catch (const dnnl::error& error) {
      log_verbose([&] {
        return name_ + ": compiled by oneDNN Graph for each shape: its matmul says " + error.what();
      });
    }
  }

  void add_input(const graph::logical_tensor& port) {
    for (size_t i = 0; i < subgraph_->inputs().size(); ++i) {
      if (subgraph_->inputs()[i]->unique() == port.get_id()) {
        argument_dtypes_[i] = scalar_type_of(port.get_data_type());
        ports_.inputs.push_back({port, i, {}});
        return;
      }
    }
    for (const jit::Node* node : subgraph_->nodes()) {
      if (node->kind() == c10::prim::Constant && node->output()->unique() == port.get_id()) {
        ports_.inputs.push_back({port, 0, *constant_tensor(node->output())});
        return;
      }
    }
    throw std::logic_error(name_ + ": oneDNN Graph asks for a tensor that the subgraph lacks");
  }

  std::shared_ptr<const Outcome> compile(std::span<const at::Tensor> arguments) const {
    const auto start = std::chrono::steady_clock::now();
    auto outcome = std::make_shared<Outcome>();
    try {
      outcome->partition.emplace(*partition_, ports_, arguments);
    } catch (const std::exception& error) {  // oneDNN lets std::bad_alloc out for odd shapes
      if (!told_.exchange(true)) {
        log_verbose([&] {
          return name_ + " for " + shapes_of(arguments) + ": runs unfused: oneDNN says " +
                 error.what();
        });
      }
      return outcome;
    }
    log_verbose([&] {
      const std::chrono::duration<double, std::milli> time =
          std::chrono::steady_clock::now() - start;
      return name_ + ": compiled for " + shapes_of(arguments) + " in " +
             std::to_string(time.count()) + " ms";
    });
    return outcome;
  }

  /// Which arguments nobody else holds any more, now that they have left the interpreter's stack:
  /// neither the tensor nor, through a view, its storage.
  std::vector<bool> unique_among(std::span<const at::Tensor> arguments) const {
    std::vector<bool> unique(reusable_);
    for (size_t i = 0; i < arguments.size(); ++i) {
      unique[i] =
          unique[i] && arguments[i].use_count() == 1 && arguments[i].storage().use_count() == 1;
    }
    return unique;
  }

  void run_unfused(jit::Stack& stack, const char* reason) const {
    if (partition_ && !told_.exchange(true)) {
      log_verbose([&] { return name_ + ": runs unfused: " + reason; });
    }
    jit::InterpreterState(fallback_).run(stack);
  }

  const std::shared_ptr<jit::Graph> subgraph_;
  const std::string name_;
  const std::vector<bool> reusable_;
  const jit::Code fallback_;
  PartitionPorts ports_;
  std::vector<c10::ScalarType> argument_dtypes_;
  std::optional<graph::partition> partition_;
  std::unique_ptr<const MatmulKernel> matmul_;
  mutable SnapshotCache<Outcome> cache_;
  mutable std::atomic<bool> told_{false};
};

PartitionKernel::PartitionKernel(const jit::Node& node) : impl_(std::make_unique<Impl>(node)) {}

PartitionKernel::~PartitionKernel() = default;

void PartitionKernel::run(jit::Stack& stack) const {
  impl_->run(stack);
}

}  // namespace int8graph
