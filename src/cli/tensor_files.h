#pragma once

#include <torch/script.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace int8graph {

/// The arguments of one call of a model.
using Inputs = std::vector<c10::IValue>;

/// One call of a model, as data makes it.
struct Call {
  Inputs inputs;
  std::string source;  ///< for messages: "images.npy", sample 3
};

struct BatchOptions {
  std::optional<int64_t> batch = {};  ///< samples per call, where a file holds many; else 1
  int64_t samples = -1;               ///< how many samples (of a folder: files) to use; -1 for all
};

/// The calls that a file or folder of data makes.
///
///   x.npy, x.pt with a tensor    samples along the first axis, cut into batches
///   x.pt with a tuple of tensors one per input of the model; cut likewise, all to the same length
///   x.pt with a list             one call per element, which is a tensor or a tuple of tensors
///   a folder                     one call per .npy or .pt file in it, by order of their names: a
///                                tensor or a tuple of tensors as it is
///
/// .pt files are what torch.save() writes; float64 becomes float32, which models are made for.
/// Samples and elements count from 0.
/// @throws std::system_error, std::invalid_argument; both name the path. UsageError when a batch is
///   asked of a list or folder, whose calls are made already.
std::vector<Call> read_calls(const std::string& path, const BatchOptions& options);

/// One tensor of numpy's format: little-endian numbers or bools.
at::Tensor read_npy(const std::string& path);

/// "1x3x224x224" or, for several inputs, "1x128,1x128". @throws UsageError.
std::vector<std::vector<int64_t>> parse_shapes(const std::string& text);

/// One dtype, or one per shape, such as "float32" or "int64,int64". @throws UsageError.
std::vector<c10::ScalarType> parse_dtypes(const std::string& text, size_t count);

/// Arguments for timing: normally distributed floats from a fixed seed; ones where the dtype is an
/// integer (a token, a mask and a segment alike) and true for bool.
Inputs made_up_inputs(const std::vector<std::vector<int64_t>>& shapes,
                      const std::vector<c10::ScalarType>& dtypes);

}  // namespace int8graph
