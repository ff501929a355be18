#pragma once

#include <list>
#include <memory>
#include <mutex>
#include <oneapi/dnnl/dnnl.hpp>
#include <span>
#include <string>
#include <vector>

#include "executor/conv_plan.h"
#include "executor/packed_weight.h"
#include "executor/primitive_runner.h"
#include "executor/tensor_bridge.h"

namespace int8graph {

/// What the convolutions of one plan share, whatever their sizes. Read by all threads.
class ConvConstants {
 public:
  ConvConstants(const ConvPlan& plan, Weights weights);

  /// Bias, scales and zero points, and the weight in this layout: packed once for each layout that
  /// oneDNN wants for some size, which mostly is a single one.
  PrimitiveConstants with_weight(const dnnl::memory::desc& layout) const;

  /// Brings the weight's tensor back, and keeps it from then on.
  void restore_weight() const;

 private:
  void keep_weight() const;

  const WeightAndBias layer_;  // the arguments below point into these
  const std::vector<PostOp> post_ops_;
  const dnnl::memory::desc plain_weight_;
  PrimitiveConstants arguments_;
  mutable std::mutex mutex_;  // of what follows
  mutable Weights ownership_;
  mutable std::list<PackedWeight> packed_;  // its elements stay where they are
};

/// The memory of one convolution. Source, result and operands lie channels-last, dense.
struct ConvShapes {
  c10::IntArrayRef source;
  c10::IntArrayRef result;
  std::vector<OutputSpec> operands;  ///< of the binary post-ops, in their order
};

/// A plan's convolution for a source of certain sizes. Immutable; run by many threads.
class ConvPrimitive {
 public:
  /// @throws dnnl::error if oneDNN has no convolution of this form.
  ConvPrimitive(const ConvPlan& plan, const ConvConstants& constants, const ConvShapes& shapes);

  /// @param result holds the summand, where the plan has one
  /// @param operands of the binary post-ops
  void run(const void* source, void* result, std::span<const at::Tensor> operands) const;

  std::string implementation() const { return runner_.implementation(); }
  std::string shape() const { return runner_.sizes(DNNL_ARG_SRC); }
  const dnnl::memory::desc& weight_layout() const { return weight_layout_; }

 private:
  ConvPrimitive(const ConvPlan& plan, const ConvConstants& constants,
                const dnnl::primitive_desc& description);

  dnnl::memory::desc weight_layout_;
  PrimitiveRunner runner_;
};

}  // namespace int8graph
