#pragma once

#include <torch/script.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace int8graph {

/// Numbers from a normal distribution, the same ones in every run.
at::Tensor noise(at::IntArrayRef sizes, uint64_t seed = 1);

/// Noise whose signs alternate along both channel axes, for weights: products of such a weight fit
/// into 16 bits, so that they run in int8 on CPUs without VNNI, too (executor/cpu_limits.h).
at::Tensor alternating(at::IntArrayRef sizes, uint64_t seed = 1);

/// An fp32 module in eval mode whose forward has the given TorchScript body, of one line or more.
///
///     small_model("return torch.relu(self.conv2d(x))")
///
/// It may call these methods; all have kChannels channels in and out, and weights of their own:
///   conv1d, conv2d, conv3d                 3 wide, padded, so that sizes stay
///   conv2d_second                          the same with other weights
///   conv2d_no_bias, linear_no_bias
///   conv2d_strided, _dilated, _grouped, _depthwise, _same, _valid
///   conv_transpose1d, _2d, _3d             stride 2
///   linear, linear_second
///   batch_norm                             over any rank
///   exact_conv1d, _2d, _3d, exact_linear   the identity (in int8 times 0.996), so that its result
///                                          shows the int8 tensor that it reads, quantum by quantum
torch::jit::Module small_model(const std::string& body, const std::string& arguments = "x");

/// An fp32 module in eval mode with these parameters and a TorchScript `forward`, which ends its
/// last line.
torch::jit::Module module_of(const std::vector<std::pair<std::string, at::Tensor>>& parameters,
                             const std::string& forward);

inline constexpr int64_t kChannels = 8;

/// Inputs that fit those methods, by rank: [2, C] linear, [2, C, 6], [2, C, 6, 5], [2, C, 6, 5, 4].
at::Tensor small_input(int64_t rank, uint64_t seed = 7);

}  // namespace int8graph
