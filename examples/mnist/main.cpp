/// Runs a saved int8 model over a file of images and writes down the digit that it sees in each.
///
///     mnist MODEL IMAGES PREDICTIONS
///
/// MODEL is what `int8graph.save` wrote. IMAGES holds one tensor `[images, 1, 28, 28]` and
/// PREDICTIONS will hold one of `[images]`, both as `torch.save` writes and `torch.load` reads
/// them. There is nothing of int8graph in this code: linking the library is enough.

#include <torch/script.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

constexpr int64_t kBatch = 100;

torch::Tensor read_tensor(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    throw std::runtime_error(path + ": can't be read");
  }
  const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
  return torch::jit::pickle_load(bytes).toTensor();
}

void write_tensor(const torch::Tensor& tensor, const std::string& path) {
  const std::vector<char> bytes = torch::jit::pickle_save(tensor);
  std::ofstream file(path, std::ios::binary);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  if (!file.flush()) {
    throw std::runtime_error(path + ": can't be written");
  }
}

torch::Tensor predict(torch::jit::Module& model, const torch::Tensor& images) {
  // PyTorch's executor watches the first call of a model and optimizes it at the second. Should the
  // first images be computed like all others, then one call has to come before them.
  model.forward({images.narrow(0, 0, std::min(kBatch, images.size(0)))});
  std::vector<torch::Tensor> digits;
  for (const torch::Tensor& batch : images.split(kBatch)) {
    digits.push_back(model.forward({batch}).toTensor().argmax(1));
  }
  return torch::cat(digits);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::cerr << "usage: mnist MODEL IMAGES PREDICTIONS\n";
    return EXIT_FAILURE;
  }
  try {
    const c10::InferenceMode no_gradients;
    torch::jit::Module model = torch::jit::load(argv[1]);
    write_tensor(predict(model, read_tensor(argv[2])), argv[3]);
  } catch (const std::exception& error) {
    std::cerr << "mnist: " << error.what() << '\n';
    return EXIT_FAILURE;
  }
  return EXIT_SUCCESS;
}
