#pragma once

#include <optional>

#include "ops/lowered_op.h"

namespace torch::jit {
struct Node;
}

namespace int8graph {

/// lower_node() for those who don't ask why there is no form.
std::optional<LoweredOp> lowered(torch::jit::Node& node);

}  // namespace int8graph
