#pragma once

#include <exception>
#include <stdexcept>
#include <string>

#include "cli/one_line.h"
#include "cli/tensor_files.h"

namespace int8graph {

/// `"images.npy", sample 3 (float32 1x3x224x224)`
std::string describe(const Call& call);

/// Does what is to be done with one call of the data.
/// @throws std::runtime_error that names the call and what it is made of, where `action` throws.
template <typename Action>
auto naming_call(const Call& call, const Action& action) {
  try {
    return action();
  } catch (const std::exception& error) {
    throw std::runtime_error(describe(call) + ": " + one_line(error));
  }
}

}  // namespace int8graph
