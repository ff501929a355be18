#pragma once

#include <exception>
#include <string>

namespace int8graph {

/// The one line of an error that says what happened. TorchScript puts its own, "RuntimeError: ...",
/// or what a model raised, behind a trace of the model's code, which is left out as PyTorch's own
/// backtrace is.
std::string one_line(const std::exception& error);

}  // namespace int8graph
