#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace int8graph {

/// The position of the argument that tells an operator to work as in training, such as dropout's
/// `train`; nothing for operators that always do the same.
std::optional<size_t> training_argument(std::string_view symbol);

}  // namespace int8graph
