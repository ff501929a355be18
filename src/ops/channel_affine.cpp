#include "ops/channel_affine.h"

#include <ATen/ATen.h>
#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/ir/ir.h>

#include "ops/node_arguments.h"

namespace int8graph {

namespace jit = torch::jit;

namespace {

/// Positions in aten::batch_norm's schema.
enum Argument : size_t { kGamma = 1, kBeta, kMean, kVariance, kTraining, kEpsilon = 7 };

}  // namespace

std::optional<ChannelAffine> channel_affine(const jit::Node& norm) {
  const auto tensor = [&norm](Argument i) { return constant_tensor(norm.input(i)); };
  const auto is_given = [&norm](Argument i) { return !norm.input(i)->mustBeNone(); };
  const auto mean = tensor(kMean);
  const auto variance = tensor(kVariance);
  const auto gamma = tensor(kGamma);
  const auto beta = tensor(kBeta);
  const auto epsilon = jit::toIValue(norm.input(kEpsilon));
  const auto training = jit::toIValue(norm.input(kTraining));
  if (!mean || !variance || !epsilon || !training || training->toBool()) return {};
  if ((is_given(kGamma) && !gamma) || (is_given(kBeta) && !beta)) return {};
  ChannelAffine affine;
  affine.scale = (*variance + epsilon->toDouble()).rsqrt();
  if (gamma) affine.scale = affine.scale * *gamma;
  affine.shift = -*mean * affine.scale;
  if (beta) affine.shift = affine.shift + *beta;
  return affine;
}

}  // namespace int8graph
