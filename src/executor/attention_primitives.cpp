#include "executor/attention_primitives.h"

#include <c10/core/CPUAllocator.h>
#include <c10/util/accumulate.h>

#include <algorithm>
#include <array>

#include "executor/profile.h"
#include "executor/softmax_rows.h"
#include "executor/tensor_bridge.h"

namespace int8graph {

using dnnl::memory;

namespace {

memory::desc dense(const memory::dims& sizes, c10::ScalarType dtype) {
  return {sizes, onednn_dtype(dtype), dense_strides(sizes)};
}

MatmulShapes shapes_of_scores(const AttentionCall& call) {
  MatmulShapes shapes{
      call.query.desc(), call.key.desc(), dense(call.score_sizes(), c10::kFloat), {}};
  for (const ScoreOperand& operand : call.operands) {
    shapes.operands.push_back(dense(operand.sizes_in(call.block), c10::kFloat));
  }
  return shapes;
}

MatmulShapes shapes_of_mean(const AttentionCall& call, const QuantizedInput& probabilities) {
  const auto dtype = static_cast<c10::ScalarType>(probabilities.parameters.dtype);
  return {dense(call.score_sizes(), dtype), call.value.desc(), call.result.desc(), {}};
}

int64_t rows_of_scores(const AttentionCall& call) {
  return call.block.batch * call.block.heads * call.block.queries;
}

}  // namespace

AttentionConstants::AttentionConstants(const AttentionPlan& plan)
    : scores(product_constants(plan.scores)),
      softmax(row_constants(plan.softmax)),
      mean(product_constants(plan.mean)) {}

AttentionKey::AttentionKey(const AttentionCall& call, int threads)
    : values_{threads,         call.block.batch, call.block.heads,      call.block.queries,
              call.sizes.keys, call.sizes.width, call.sizes.value_width} {
  for (const HeadBlocks* blocks : {&call.query, &call.key, &call.value, &call.result}) {
    for (const int64_t stride : blocks->strides()) values_.push_back(stride);
  }
  for (const ScoreOperand& operand : call.operands) {
    for (const int64_t size : operand.sizes_in(call.block)) values_.push_back(size);
  }
}

/// Memory for one block.
struct AttentionPrimitives::Workspace {
  explicit Workspace(const AttentionCall& call) {
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
    memory = c10::GetCPUAllocator()->allocate(end);
    for (size_t i = 0; i < sizes.size(); ++i) {
      places[i] = static_cast<char*>(memory.get()) + offsets[i];
    }
  }

  void* scores() const { return places[0]; }
  void* probabilities() const { return places[1]; }
  void* query() const { return places[2]; }
  void* key() const { return places[3]; }
  void* value() const { return places[4]; }
  void* result() const { return places[5]; }

  static constexpr size_t kLine = 64;  // bytes of a cache line

  at::DataPtr memory;
  std::array<void*, 6> places{};
};

ScoreSoftmax::ScoreSoftmax(const RowPlan& plan, const PrimitiveConstants& constants, int64_t rows,
                           int64_t length)
    : rows_(rows), length_(length), quantizer_(plan.quantizer) {
  TORCH_INTERNAL_ASSERT(quantizer_ && plan.algorithm == dnnl::algorithm::softmax_accurate);
  if (!has_fast_softmax()) primitive_.emplace(plan, constants, rows, length);
}

void ScoreSoftmax::run(void* scores, void* probabilities) const {
  if (primitive_) return primitive_->run(scores, probabilities);
  const KernelTimer timer;
  softmax_rows(static_cast<float*>(scores), rows_, length_, per_tensor(quantizer_).scale(),
               quantizer_->scalar_type(), probabilities);
}

std::string ScoreSoftmax::implementation() const {
  return primitive_ ? primitive_->implementation() : "int8graph:softmax_rows";
}

std::string ScoreSoftmax::shape() const {
  return c10::str(rows_, 'x', length_);
}

AttentionPrimitives::AttentionPrimitives(const AttentionPlan& plan, const ProductPlan& scores,
                                         const AttentionConstants& constants,
                                         const AttentionCall& call)
    : scores_(scores, constants.scores, shapes_of_scores(call)),
      softmax_(plan.softmax, constants.softmax, rows_of_scores(call), call.sizes.keys),
      mean_(plan.mean, constants.mean, shapes_of_mean(call, plan.mean.source)) {}

void AttentionPrimitives::run(const AttentionCall& call) const {
  const Workspace work(call);
  call.value.clear_padding(work.value());  // which read() leaves
  for (int64_t batch = 0; batch < call.sizes.batch; batch += call.block.batch) {
    for (int64_t head = 0; head < call.sizes.heads; head += call.block.heads) {
      run_heads(call, work, batch, head);
    }
  }
}

/// The last block of queries may overlap the one before.
void AttentionPrimitives::run_heads(const AttentionCall& call, const Workspace& work, int64_t batch,
                                    int64_t head) const {
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

std::string AttentionPrimitives::implementation() const {
  return scores_.implementation() + '+' + softmax_.implementation() + '+' + mean_.implementation();
}

}  // namespace int8graph
