#include "testing/small_models.h"

#include <ATen/CPUGeneratorImpl.h>

#include <sstream>
#include <string_view>

namespace int8graph {

namespace {

constexpr const char* kMethods = R"(
def conv1d(self, x):
  return torch.conv1d(x, self.w1, self.b, [1], [1])
def conv2d(self, x):
  return torch.conv2d(x, self.w2, self.b, [1, 1], [1, 1])
def conv2d_second(self, x):
  return torch.conv2d(x, self.v2, self.b, [1, 1], [1, 1])
def conv3d(self, x):
  return torch.conv3d(x, self.w3, self.b, [1, 1, 1], [1, 1, 1])
def conv2d_no_bias(self, x):
  return torch.conv2d(x, self.w2, None, [1, 1], [1, 1])
def conv2d_strided(self, x):
  return torch.conv2d(x, self.w2, self.b, [2, 2], [1, 1])
def conv2d_dilated(self, x):
  return torch.conv2d(x, self.w2, self.b, [1, 1], [2, 2], [2, 2])
def conv2d_grouped(self, x):
  return torch.conv2d(x, self.grouped, self.b, [1, 1], [1, 1], [1, 1], 2)
def conv2d_depthwise(self, x):
  return torch.conv2d(x, self.depthwise, self.b, [1, 1], [1, 1], [1, 1], 8)
def conv2d_same(self, x):
  return torch.conv2d(x, self.even, self.b, [1, 1], "same")
def conv2d_valid(self, x):
  return torch.conv2d(x, self.w2, self.b, [1, 1], "valid")
def conv_transpose1d(self, x):
  return torch.conv_transpose1d(x, self.w1, self.b, [2], [1], [1])
def conv_transpose2d(self, x):
  return torch.conv_transpose2d(x, self.w2, self.b, [2, 2], [1, 1], [1, 1])
def conv_transpose3d(self, x):
  return torch.conv_transpose3d(x, self.w3, self.b, [2, 2, 2], [1, 1, 1], [1, 1, 1])
def linear(self, x):
  return torch.linear(x, self.w, self.b)
def linear_second(self, x):
  return torch.linear(x, self.v, self.b)
def linear_no_bias(self, x):
  return torch.linear(x, self.w)
def batch_norm(self, x):
  return torch.batch_norm(x, self.scale, self.b, self.mean, self.var, False, 0.1, 1e-5, False)
def exact_conv1d(self, x):
  return torch.conv1d(x, self.one1)
def exact_conv2d(self, x):
  return torch.conv2d(x, self.one2)
def exact_conv3d(self, x):
  return torch.conv3d(x, self.one3)
def exact_linear(self, x):
  return torch.linear(x, self.one)
)";

std::string indented(const std::string& body) {
  std::istringstream lines(body);
  std::string result;
  for (std::string line; std::getline(lines, line);) result += "  " + line + "\n";
  return result;
}

}  // namespace

at::Tensor noise(at::IntArrayRef sizes, uint64_t seed) {
  return at::randn(sizes, at::make_generator<at::CPUGeneratorImpl>(seed));
}

at::Tensor alternating(at::IntArrayRef sizes, uint64_t seed) {
  const at::Tensor outputs = at::arange(sizes[0]).view({-1, 1});
  const at::Tensor is_odd = (outputs + at::arange(sizes[1])).remainder(2).to(at::kBool);
  std::vector<int64_t> spread(sizes.size(), 1);  // over the kernel's window
  spread[0] = sizes[0];
  spread[1] = sizes[1];
  const at::Tensor size = noise(sizes, seed).abs();
  return at::where(is_odd.view(spread), -size, size);
}

torch::jit::Module small_model(const std::string& body, const std::string& arguments) {
  constexpr int64_t c = kChannels;
  const at::Tensor one = at::eye(c);
  torch::jit::Module model("SmallModel");
  const auto add = [&model](const char* name, const at::Tensor& tensor) {
    model.register_parameter(name, tensor, /*is_buffer=*/false);
  };
  add("w1", alternating({c, c, 3}, 311));
  add("w2", alternating({c, c, 3, 3}, 312));
  add("w3", alternating({c, c, 3, 3, 3}, 313));
  add("v2", alternating({c, c, 3, 3}, 314));
  add("grouped", alternating({c, c / 2, 3, 3}, 315));
  add("depthwise", noise({c, 1, 3, 3}, 16));
  add("even", alternating({c, c, 2, 4}, 317));
  add("w", alternating({c, c}, 318));
  add("v", alternating({c, c}, 319));
  add("b", noise({c}, 20));
  add("scale", noise({c}, 21).abs().add(0.5));
  add("mean", noise({c}, 22));
  add("var", noise({c}, 23).abs().add(0.5));
  add("slope", at::full({1}, 0.25));
  add("place", noise({2, c, 6, 5}, 24));
  add("one", one);
  add("one1", one.view({c, c, 1}));
  add("one2", one.view({c, c, 1, 1}));
  add("one3", one.view({c, c, 1, 1, 1}));
  model.register_attribute("training", c10::BoolType::get(), false);
  model.define(kMethods);
  model.define("def forward(self, " + arguments + "):\n" + indented(body));
  return model;
}

at::Tensor small_input(int64_t rank, uint64_t seed) {
  const std::vector<int64_t> sizes = {2, kChannels, 6, 5, 4};
  return noise(at::IntArrayRef(sizes).slice(0, static_cast<size_t>(rank)), seed);
}

torch::jit::Module module_of(const std::vector<std::pair<std::string, at::Tensor>>& parameters,
                             const std::string& forward) {
  torch::jit::Module module("model");
  for (const auto& [name, value] : parameters) {
    module.register_parameter(name, value, /*is_buffer=*/false);
  }
  module.define(forward);
  module.eval();
  return module;
}

}  // namespace int8graph
