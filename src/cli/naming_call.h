#pragma once

#include <exception>
#include <stdexcept>
#include <string>

#include "cli/tensor_files.h"

namespace int8graph {

/// `"images.npy", sample 3 (float32 1x3x224x224)`
std::string describe(const Call& call);

/// What to throw where `error` came of this call: it names the call and what that is made of.
std::runtime_error failure_of(const Call& call, const std::exception& error);

/// Does what is to be done with one call of the data.
/// @throws failure_of(call, ...) where `action` throws.
template <typename Action>
auto naming_call(const Call& call, const Action& action) {
  try {
    return action();
  } catch (const std::exception& error) {
    throw failure_of(call, error);
  }
}

}  // namespace int8graph
