// The whole way from an fp32 model to a running int8 one, with no Python in it.
//
//     whole_job FOLDER
//
// Writes configure.json and model.pt to FOLDER. Prints the largest difference between the fp32 and
// the int8 outputs relative to the largest output, and whether all ways to run the artifact agree.

#include <int8graph/int8graph.h>
#include <torch/script.h>

#include <iostream>
#include <string>
#include <vector>

namespace {

torch::jit::Module make_model() {
  torch::manual_seed(0);
  torch::jit::Module model("Net");
  model.register_attribute("training", c10::BoolType::get(), false);
  model.register_parameter("weight1", torch::randn({16, 3, 3, 3}) * 0.2, false);
  model.register_parameter("bias1", torch::randn({16}) * 0.1, false);
  model.register_parameter("weight2", torch::randn({32, 16, 3, 3}) * 0.1, false);
  model.register_parameter("bias2", torch::randn({32}) * 0.1, false);
  model.register_parameter("weight3", torch::randn({10, 32}) * 0.2, false);
  model.register_parameter("bias3", torch::randn({10}) * 0.1, false);
  model.define(R"(
def forward(self, x):
    x = torch.conv2d(x, self.weight1, self.bias1, [1, 1], [1, 1])
    x = torch.max_pool2d(torch.relu(x), [2, 2])
    x = torch.relu(torch.conv2d(x, self.weight2, self.bias2, [1, 1], [1, 1]))
    x = torch.flatten(torch.adaptive_avg_pool2d(x, [1, 1]), 1)
    return torch.linear(x, self.weight3, self.bias3)
)");
  return model;
}

double largest(const torch::Tensor& tensor) {
  return tensor.abs().max().item<double>();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: whole_job FOLDER\n";
    return 2;
  }
  const std::string folder = argv[1];
  torch::NoGradGuard no_grad;
  torch::jit::Module fp32 = make_model();

  int8graph::QuantConf conf;
  for (int batch = 0; batch < 4; ++batch) {
    int8graph::Calibration scope(conf);
    fp32.forward({torch::randn({8, 3, 32, 32})});
    scope.finish();
  }
  conf.save(folder + "/configure.json");

  const torch::Tensor x = torch::randn({4, 3, 32, 32});
  const int8graph::QuantConf read_back(folder + "/configure.json");
  torch::jit::Module q = int8graph::convert(fp32, read_back, {x});
  int8graph::save(q, folder + "/model.pt");

  torch::jit::Module fast = int8graph::load(folder + "/model.pt");
  torch::jit::Module plain = torch::jit::load(folder + "/model.pt");
  const torch::Tensor expected = fp32.forward({x}).toTensor();
  const torch::Tensor got = fast.forward({x}).toTensor();
  bool same = torch::equal(got, q.forward({x}).toTensor());
  plain.forward({x});  // observed by PyTorch, unfused
  for (int run = 0; run < 2; ++run) {
    same = same && torch::equal(got, plain.forward({x}).toTensor());
  }
  std::cout << "relative error: " << largest(got - expected) / largest(expected) << '\n'
            << "all runs agree: " << (same ? "yes" : "no") << '\n';
  return same ? 0 : 1;
}
