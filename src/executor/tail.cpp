#include "executor/tail.h"

#include <algorithm>
#include <span>
#include <utility>

#include "executor/column_block.h"
#include "executor/tensor_bridge.h"

namespace int8graph {

namespace {

using Vectors = ColumnBlock::Vectors;

/// Whether it adds one of the partition's inputs, of fp32.
bool is_summand(const PostOp& op) {
  return op.algorithm == dnnl::algorithm::binary_add && op.argument && op.dtype == c10::kFloat;
}

bool is_gelu(const PostOp& op) {
  return op.algorithm == dnnl::algorithm::eltwise_gelu_erf;
}

/// A plan's post-ops, as a tail takes them.
struct Parts {
  explicit Parts(const LayerPlan& plan) : clamps(plan.post_ops) {
    if (!clamps.empty() && is_summand(clamps.front())) {
      summand = clamps.front().argument;
      clamps = clamps.subspan(1);
    }
    has_gelu = !clamps.empty() && is_gelu(clamps.front());
    if (has_gelu) clamps = clamps.subspan(1);
  }

  std::optional<size_t> summand;
  bool has_gelu;
  std::span<const PostOp> clamps;  ///< the rest
};

/// The parts' limits, in steps where there is a quantizer.
ResultForm form_of(const LayerPlan& plan) {
  Limits limits = limits_of(Parts(plan).clamps);
  if (plan.quantizer) {
    const auto& quantizer = per_tensor(plan.quantizer);
    const auto zero_point = static_cast<double>(quantizer.zero_point());
    limits = {limits.least / quantizer.scale() + zero_point,
              limits.most / quantizer.scale() + zero_point};
  }
  return {plan.quantizer, limits};
}

/// x / 2 + x * erf(x / sqrt(2)) / 2. The second half is x * c * p(t) for c, which is x kept between
/// -4.6 and 4.6, and t = 2 * (c / 4.6)^2 - 1, of the polynomial for which x times the error is
/// least (fitted by least squares, reweighted until the largest errors are alike): 2.5e-6 there,
/// and 1.7e-6 * |x| outside. With two terms less, which saves 1 % of such a layer's time, it would
/// be 5e-5, and one number of a hundred be another one in int8.
INT8GRAPH_INLINE_FOR_VNNI __m512 gelu(const __m512& x) {
  constexpr float kMost = 4.6F;
  constexpr float kOfT[] = {0.153543308F,   -0.0757669955F,  0.0541534498F,  -0.0404132195F,
                            0.0292911027F,  -0.0199619066F,  0.011968771F,   -0.00627114158F,
                            0.00397423375F, -0.00270095025F, 0.000878637074F};
  const __m512 c =
      Vectors::larger(Vectors::fill(-kMost), Vectors::smaller(Vectors::fill(kMost), x));
  const __m512 t =
      Vectors::multiply_add(c * c, Vectors::fill(2 / (kMost * kMost)), Vectors::fill(-1.0F));
  __m512 sum = Vectors::fill(kOfT[std::size(kOfT) - 1]);
#pragma GCC unroll 10
  for (size_t power = std::size(kOfT) - 1; power > 0; --power) {
    sum = Vectors::multiply_add(sum, t, Vectors::fill(kOfT[power - 1]));
  }
  return x * Vectors::multiply_add(c, sum, Vectors::fill(0.5F));
}

/// What a tail does to a row of up to 64 columns.
template <bool kAdds, bool kHasGelu>
INT8GRAPH_INLINE_FOR_VNNI void finish_row(const Tail& tail, const float* from, const float* summand,
                                          int64_t columns, uint8_t* result) {
  __m512 numbers[ColumnBlock::kVectors];
#pragma GCC unroll 4
  for (int64_t v = 0; v < ColumnBlock::kVectors; ++v) {
    const __mmask16 lanes = ColumnBlock::mask(columns, v);
    numbers[v] = _mm512_maskz_loadu_ps(lanes, from + v * ColumnBlock::kLanes);
    if (kAdds) numbers[v] += _mm512_maskz_loadu_ps(lanes, summand + v * ColumnBlock::kLanes);
    if (kHasGelu) numbers[v] = gelu(numbers[v]);
    if (!tail.result.writes_floats) {
      numbers[v] = Vectors::multiply_add(numbers[v], Vectors::fill(tail.scale),
                                         Vectors::fill(tail.zero_point));
    }
  }
  ColumnBlock::write<ColumnBlock::kVectors>(numbers, columns, tail.result, result);
}

template <bool kAdds, bool kHasGelu>
INT8GRAPH_FOR_VNNI INT8GRAPH_UNROLLED void finish_rows(const Tail& tail, const TailRows& rows) {
  for (int64_t row = 0; row < rows.rows; ++row) {
    finish_row<kAdds, kHasGelu>(tail, rows.numbers + row * TailRows::kStride,
                                kAdds ? rows.summand + row * rows.summand_row : nullptr,
                                rows.columns, rows.result + row * rows.result_row);
  }
}

}  // namespace

Tail::Tail(const LayerPlan& plan)
    : summand(Parts(plan).summand), has_gelu(Parts(plan).has_gelu), result(form_of(plan)) {
  if (!plan.quantizer) return;
  const auto& quantizer = per_tensor(plan.quantizer);
  scale = static_cast<float>(1 / quantizer.scale());
  zero_point = static_cast<float>(quantizer.zero_point() + result.flip);
}

bool can_be_tail(const LayerPlan& plan) {
  const Parts parts(plan);
  return !plan.in_steps && std::ranges::all_of(parts.clamps, is_clamp);
}

LayerPlan before_tail(LayerPlan plan) {
  plan.post_ops.clear();
  plan.quantizer.reset();
  return plan;
}

void finish(const Tail& tail, const TailRows& rows) {
  if (rows.summand != nullptr) {
    tail.has_gelu ? finish_rows<true, true>(tail, rows) : finish_rows<true, false>(tail, rows);
  } else {
    tail.has_gelu ? finish_rows<false, true>(tail, rows) : finish_rows<false, false>(tail, rows);
  }
}

}  // namespace int8graph
