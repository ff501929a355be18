#include "executor/attention_kernel.h"

#include <ATen/ExpandUtils.h>
#include <ATen/Parallel.h>
#include <torch/csrc/jit/ir/ir.h>
#include <torch/csrc/jit/runtime/interpreter.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <mutex>

#include "config/environment.h"
#include "executor/attention_primitives.h"
#include "executor/cpu_limits.h"
#include "executor/length_variation.h"
#include "executor/primitive_cache.h"
#include "executor/product_tensors.h"

namespace int8graph {

namespace jit = torch::jit;

namespace {

using Arguments = std::span<const at::Tensor>;

// Forms of blocks that are kept; 24 serve all lengths up to 512, see padded_length().
constexpr size_t kCapacity = 64;

/// The three parts of an attention, one after the other.
class AttentionParts final : public PrimitiveKernel {
 public:
  AttentionParts(AttentionGraph graph, OutputLayout layout) : graph_(std::move(graph)) {
    set_output_layouts(*graph_.mean, {layout});
  }

  std::optional<at::Tensor> run(Arguments arguments) const override {
    std::call_once(compiling_, [this] { code_.emplace(graph_.whole, "an attention's parts"); });
    jit::Stack stack(arguments.begin(), arguments.end());
    jit::InterpreterState(*code_).run(stack);
    return stack.front().toTensor();
  }

 private:
  const AttentionGraph graph_;

  // made when first needed
  mutable std::once_flag compiling_;
  mutable std::optional<jit::Code> code_;
};

/// The same scores with one more operand behind all others: ScoreOperand::mask().
ProductPlan with_mask(ProductPlan scores) {
  scores.post_ops.push_back({.algorithm = dnnl::algorithm::binary_add, .argument = 0});
  return scores;
}

class AttentionKernel final : public PrimitiveKernel {
 public:
  AttentionKernel(AttentionPlan plan, AttentionGraph graph, const std::string& name,
                  OutputLayout layout)
      : plan_(std::move(plan)),
        masked_scores_(with_mask(plan_.scores)),
        layout_(layout),
        name_(name),
        constants_(plan_),
        parts_(std::move(graph), layout),
        cache_(name, kCapacity, "runs in parts") {}

  std::optional<at::Tensor> run(Arguments arguments) const override {
    auto result = run_by_blocks(arguments);
    return result ? std::move(result) : parts_.run(arguments);
  }

 private:
  std::optional<at::Tensor> run_by_blocks(Arguments arguments) const {
    const at::Tensor& whole_query = arguments[plan_.scores.source.argument];
    const at::Tensor& whole_key = arguments[plan_.scores.second.argument];
    const at::Tensor& whole_value = arguments[plan_.mean.second.argument];
    const auto sizes = attention_sizes(whole_query.sizes(), whole_key.sizes(), whole_value.sizes());
    const Operands operands = operands_of(plan_.scores.post_ops, arguments);
    if (!sizes || !fits(*sizes, whole_query.dim(), operands)) return refuse();

    const bool is_padded = lengths_.notice(sizes->queries, sizes->keys);
    const auto copies = is_padded ? HeadBlocks::Copies::Always : HeadBlocks::Copies::WhereNeeded;
    AttentionSizes padded = *sizes;
    if (is_padded) {
      padded.queries = padded_length(padded.queries);
      padded.keys = padded_length(padded.keys);
    }
    const int threads = at::get_num_threads();
    const AttentionBlock block = attention_block(padded, threads);
    const at::Tensor query = with_dense_rows_or_columns(whole_query);
    const at::Tensor key = with_dense_rows_or_columns(whole_key);
    const at::Tensor value = with_dense_rows_or_columns(whole_value);
    std::vector<int64_t> result_sizes = whole_query.sizes().vec();
    result_sizes.back() = sizes->value_width;
    at::Tensor result = allocate_result(plan_.mean.quantizer, std::move(result_sizes), layout_);
    AttentionCall call{padded,
                       block,
                       HeadBlocks(query, block, block.queries, padded.width, copies),
                       HeadBlocks(key, block, padded.width, padded.keys, copies),
                       HeadBlocks(value, block, padded.keys, padded.value_width, copies),
                       HeadBlocks(result, block, block.queries, padded.value_width, copies),
                       {}};
    for (const at::Tensor& operand : operands) {
      call.operands.emplace_back(operand, *sizes, padded, block);
    }
    if (is_padded) call.operands.push_back(ScoreOperand::mask(*sizes, padded, block));

    const auto primitives = cache_.find_or_make(AttentionKey(call, threads).view(), [&] {
      return AttentionPrimitives(plan_, is_padded ? masked_scores_ : plan_.scores, constants_,
                                 call);
    });
    if (!primitives->has_value()) return {};
    (*primitives)->run(call);
    return result;
  }

  bool fits(const AttentionSizes& sizes, int64_t rank, const Operands& operands) const {
    const std::array<int64_t, 4> scores = {sizes.batch, sizes.heads, sizes.queries, sizes.keys};
    return (plan_.softmax.axis == -1 || plan_.softmax.axis == rank - 1) &&
           std::ranges::all_of(operands, [&](const at::Tensor& operand) {
             return operand.dim() <= rank && at::is_expandable_to(operand.sizes(), scores);
           });
  }

  std::nullopt_t refuse() const {
    if (!told_.exchange(true, std::memory_order_relaxed)) {
      log_verbose(
          [&] { return name_ + ": runs in parts: its tensors broadcast or have no heads"; });
    }
    return std::nullopt;
  }

  const AttentionPlan plan_;
  const ProductPlan masked_scores_;
  const OutputLayout layout_;
  const std::string name_;
  const AttentionConstants constants_;
  const AttentionParts parts_;
  const PrimitiveCache<AttentionPrimitives> cache_;
  mutable LengthVariation lengths_;
  mutable std::atomic<bool> told_{false};
};

}  // namespace

std::unique_ptr<const PrimitiveKernel> make_attention_kernel(jit::Graph& subgraph,
                                                             const std::string& name,
                                                             OutputLayout layout,
                                                             const CpuFeatures& cpu) {
  auto graph = attention_graph(subgraph);
  if (!graph) return nullptr;
  const std::array parts = {graph->scores, graph->softmax, graph->mean};
  const auto in_fp32 = std::ranges::count_if(parts, [&](const jit::Node* part) {
    return why_in_fp32(*part->g(c10::attr::Subgraph), cpu).has_value();
  });
  if (in_fp32 == static_cast<std::ptrdiff_t>(parts.size())) return nullptr;
  auto plan = in_fp32 == 0 ? attention_plan(*graph) : std::nullopt;
  if (!plan) return std::make_unique<AttentionParts>(*std::move(graph), layout);
  return std::make_unique<AttentionKernel>(*std::move(plan), *std::move(graph), name, layout);
}

}  // namespace int8graph
