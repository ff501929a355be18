#include "executor/attention_kernel.h"

#include <ATen/ExpandUtils.h>
#include <ATen/Parallel.h>
#include <c10/core/CPUAllocator.h>
#include <c10/util/SmallVector.h>
#include <c10/util/accumulate.h>
#include <torch/csrc/jit/ir/ir.h>
#include <torch/csrc/jit/runtime/interpreter.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <mutex>

#include "executor/attention_blocks.h"
#include "executor/head_blocks.h"
#include "executor/matmul_primitive.h"
#include "executor/primitive_cache.h"
#include "executor/product_tensors.h"
#include "executor/row_primitive.h"
#include "executor/score_operand.h"
#include "executor/tensor_bridge.h"

namespace int8graph {

namespace jit = torch::jit;
using dnnl::memory;

namespace {

using Arguments = std::span<const at::Tensor>;
using ScoreOperands = c10::SmallVector<ScoreOperand, 3>;

// Forms of blocks that are kept; 24 serve all lengths up to 512, see padded_length().
constexpr size_t kCapacity = 64;

c10::ScalarType dtype_of(const QuantizedInput& input) {
  return static_cast<c10::ScalarType>(input.parameters.dtype);
}

memory::desc dense(const memory::dims& sizes, c10::ScalarType dtype) {
  return {sizes, onednn_dtype(dtype), dense_strides(sizes)};
}

/// The same scores with one more operand behind all others: ScoreOperand::mask().
MatmulPlan with_mask(MatmulPlan scores) {
  scores.post_ops.push_back({.algorithm = dnnl::algorithm::binary_add, .argument = 0});
  return scores;
}

/// What the blocks of one plan share, whatever their sizes.
struct AttentionConstants {
  explicit AttentionConstants(const AttentionPlan& plan)
      : scores(std::make_shared<MatmulConstants>(plan.scores)),
        softmax(row_constants(plan.softmax)),
        mean(std::make_shared<MatmulConstants>(plan.mean)) {}

  std::shared_ptr<const MatmulConstants> scores;
  PrimitiveConstants softmax;
  std::shared_ptr<const MatmulConstants> mean;
};

/// What one call works on.
struct Call {
  AttentionSizes sizes;  ///< with padding
  AttentionBlock block;
  HeadBlocks query, key, value, result;
  ScoreOperands operands;

  memory::dims score_sizes() const { return {1, block.heads, block.queries, sizes.keys}; }
};

/// What the primitives of a call's blocks depend on.
class BlockKey {
 public:
  BlockKey(const Call& call, int threads)
      : values_{threads,         call.block.heads, call.block.queries,
                call.sizes.keys, call.sizes.width, call.sizes.value_width} {
    for (const HeadBlocks* blocks : {&call.query, &call.key, &call.value, &call.result}) {
      for (const int64_t stride : blocks->strides()) values_.push_back(stride);
    }
    for (const ScoreOperand& operand : call.operands) {
      for (const int64_t size : operand.sizes_in(call.block)) values_.push_back(size);
    }
  }
  CacheKey view() const { return {values_.data(), values_.size()}; }

 private:
  c10::SmallVector<int64_t, 32> values_;
};

/// Memory for one block.
class Workspace {
 public:
  explicit Workspace(const Call& call) {
    const auto count = static_cast<size_t>(c10::multiply_integers(call.score_sizes()));
    const std::array<size_t, 6> sizes = {count * sizeof(float),   count,
                                         call.query.copy_bytes(), call.key.copy_bytes(),
                                         call.value.copy_bytes(), call.result.copy_bytes()};
    std::array<size_t, 6> offsets{};
    size_t end = 0;
    for (size_t i = 0; i < sizes.size(); ++i) {
      offsets[i] = end;
      end += (sizes[i] + kLine - 1) / kLine * kLine;
    }
    memory_ = c10::GetCPUAllocator()->allocate(end);
    for (size_t i = 0; i < sizes.size(); ++i) {
      places_[i] = static_cast<char*>(memory_.get()) + offsets[i];
    }
  }

  void* scores() const { return places_[0]; }
  void* probabilities() const { return places_[1]; }
  void* query() const { return places_[2]; }
  void* key() const { return places_[3]; }
  void* value() const { return places_[4]; }
  void* result() const { return places_[5]; }

 private:
  static constexpr size_t kLine = 64;  // bytes of a cache line

  at::DataPtr memory_;
  std::array<void*, 6> places_{};
};

/// Computes blocks of one form. Immutable; run by many threads.
class BlockPrimitives {
 public:
  /// @param scores the plan's, with as many operands as the call
  /// @throws dnnl::error if oneDNN has no primitives of this form.
  BlockPrimitives(const AttentionPlan& plan, const MatmulPlan& scores,
                  const AttentionConstants& constants, const Call& call)
      : scores_(scores, constants.scores, shapes_of_scores(call)),
        softmax_(plan.softmax, constants.softmax, call.block.heads * call.block.queries,
                 call.sizes.keys),
        mean_(plan.mean, constants.mean, shapes_of_mean(call, dtype_of(plan.mean.source))) {}

  void run(const Call& call) const {
    const Workspace work(call);
    for (int64_t batch = 0; batch < call.sizes.batch; ++batch) {
      for (int64_t head = 0; head < call.sizes.heads; head += call.block.heads) {
        run_heads(call, work, batch, head);
      }
    }
  }

  std::string implementation() const {
    return scores_.implementation() + '+' + softmax_.implementation() + '+' +
           mean_.implementation();
  }
  std::string shape() const { return softmax_.shape() + " scores"; }

 private:
  static MatmulShapes shapes_of_scores(const Call& call) {
    MatmulShapes shapes{
        call.query.desc(), call.key.desc(), dense(call.score_sizes(), c10::kFloat), {}};
    for (const ScoreOperand& operand : call.operands) {
      shapes.operands.push_back(dense(operand.sizes_in(call.block), c10::kFloat));
    }
    return shapes;
  }

  static MatmulShapes shapes_of_mean(const Call& call, c10::ScalarType probability) {
    return {dense(call.score_sizes(), probability), call.value.desc(), call.result.desc(), {}};
  }

  /// One block of heads. The last block of queries may overlap the one before.
  void run_heads(const Call& call, const Workspace& work, int64_t batch, int64_t head) const {
    const void* key = call.key.read(batch, head, 0, work.key());
    const void* value = call.value.read(batch, head, 0, work.value());
    c10::SmallVector<const void*, 6> data = {nullptr, key, work.scores()};
    data.resize(3 + call.operands.size());
    for (int64_t next = 0; next < call.sizes.queries; next += call.block.queries) {
      const int64_t query = std::min(next, call.sizes.queries - call.block.queries);
      data[0] = call.query.read(batch, head, query, work.query());
      for (size_t i = 0; i < call.operands.size(); ++i) {
        data[3 + i] = call.operands[i].at(batch, head, query);
      }
      scores_.run({data.data(), data.size()});
      softmax_.run(work.scores(), work.probabilities());
      const void* result = call.result.place(batch, head, query, work.result());
      mean_.run(std::array<const void*, 3>{work.probabilities(), value, result});
      call.result.put(batch, head, query, result);
    }
  }

  MatmulPrimitive scores_;
  RowPrimitive softmax_;
  MatmulPrimitive mean_;
};

class AttentionKernel final : public PrimitiveKernel {
 public:
  AttentionKernel(AttentionPlan plan, std::string name, OutputLayout layout)
      : plan_(std::move(plan)),
        masked_scores_(with_mask(plan_.scores)),
        layout_(layout),
        constants_(plan_),
        cache_(std::move(name), kCapacity) {
    set_output_layouts(*plan_.parts->outputs()[0]->node(), {layout});
  }

  std::optional<at::Tensor> run(Arguments arguments) const override {
    auto result = run_by_blocks(arguments);
    return result ? std::move(result) : run_by_parts(arguments);
  }

 private:
  std::optional<at::Tensor> run_by_blocks(Arguments arguments) const {
    const at::Tensor& whole_query = arguments[plan_.scores.source.argument];
    const at::Tensor& whole_key = arguments[plan_.scores.second->argument];
    const at::Tensor& whole_value = arguments[plan_.mean.second->argument];
    const auto sizes = attention_sizes(whole_query.sizes(), whole_key.sizes(), whole_value.sizes());
    const int64_t rank = whole_query.dim();
    const Operands operands = operands_of(plan_.scores.post_ops, arguments);
    if (!sizes || !fits(*sizes, rank, operands)) return {};

    const bool is_padded = lengths_vary(*sizes);
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
    at::Tensor result = allocate_result(whole_query.sizes(), padded.value_width);
    const auto copies = is_padded ? HeadBlocks::Copies::Always : HeadBlocks::Copies::WhereNeeded;
    Call call{padded,
              block,
              HeadBlocks(query, block.heads, block.queries, padded.width, copies),
              HeadBlocks(key, block.heads, padded.width, padded.keys, copies),
              HeadBlocks(value, block.heads, padded.keys, padded.value_width, copies),
              HeadBlocks(result, block.heads, block.queries, padded.value_width, copies),
              {}};
    for (const at::Tensor& operand : operands) call.operands.emplace_back(operand, *sizes, padded);
    if (is_padded) call.operands.push_back(ScoreOperand::mask(*sizes, padded));

    const auto primitives = cache_.find_or_make(BlockKey(call, threads).view(), [&] {
      return BlockPrimitives(plan_, is_padded ? masked_scores_ : plan_.scores, constants_, call);
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

  /// Whether some call came with other lengths than the first.
  bool lengths_vary(const AttentionSizes& sizes) const {
    const int64_t lengths = (sizes.queries << 32) | sizes.keys;
    int64_t first = first_lengths_.load(std::memory_order_relaxed);
    if (first == kNone && first_lengths_.compare_exchange_strong(first, lengths)) return false;
    if (first == lengths) return false;
    if (first != kMany) first_lengths_.store(kMany, std::memory_order_relaxed);
    return true;
  }

  at::Tensor allocate_result(at::IntArrayRef query, int64_t value_width) const {
    std::vector<int64_t> sizes = query.vec();
    sizes.back() = value_width;
    std::vector<int64_t> strides = strides_of(sizes, layout_);
    return allocate({std::move(sizes), std::move(strides), result_dtype(plan_.mean.quantizer),
                     plan_.mean.quantizer});
  }

  at::Tensor run_by_parts(Arguments arguments) const {
    std::call_once(splitting_, [this] { parts_.emplace(plan_.parts, "an attention's parts"); });
    jit::Stack stack(arguments.begin(), arguments.end());
    jit::InterpreterState(*parts_).run(stack);
    return stack.front().toTensor();
  }

  const AttentionPlan plan_;
  const MatmulPlan masked_scores_;
  const OutputLayout layout_;
  const AttentionConstants constants_;
  const PrimitiveCache<BlockPrimitives> cache_;

  static constexpr int64_t kNone = -1, kMany = -2;
  mutable std::atomic<int64_t> first_lengths_{kNone};  ///< of all calls so far, or one of the above

  // made when first needed
  mutable std::once_flag splitting_;
  mutable std::optional<jit::Code> parts_;
};

}  // namespace

std::unique_ptr<const PrimitiveKernel> make_attention_kernel(AttentionPlan plan, std::string name,
                                                             OutputLayout layout) {
  return std::make_unique<AttentionKernel>(std::move(plan), std::move(name), layout);
}

}  // namespace int8graph
