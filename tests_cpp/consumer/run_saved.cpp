// Runs a saved artifact. It calls nothing of int8graph and includes none of its headers: linking
// the library is all that a program needs.
//
//     run_saved model.pt input.pt output.pt
//
// input.pt holds one tensor, as torch.save() writes it; output.pt will hold the model's. Prints the
// number of int8graph::partition nodes in the graph that ran, the outputs' largest entry per row,
// and the libraries of interest in this process.

#include <torch/csrc/jit/runtime/graph_executor.h>
#include <torch/script.h>

#include <fstream>
#include <iostream>
#include <iterator>
#include <set>
#include <string>
#include <vector>

namespace {

torch::Tensor read_tensor(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
  return torch::jit::pickle_load(bytes).toTensor();
}

void write_tensor(const torch::Tensor& tensor, const std::string& path) {
  const std::vector<char> bytes = torch::jit::pickle_save(tensor);
  std::ofstream(path, std::ios::binary).write(bytes.data(), bytes.size());
}

size_t count(const std::string& text, const std::string& part) {
  size_t found = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
    ++found;
  }
  return found;
}

std::set<std::string> libraries_of_this_process() {
  std::set<std::string> result;
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    const size_t path = line.find('/');
    if (path == std::string::npos) {
      continue;
    }
    for (const char* name : {"/libgomp", "/libiomp", "/libdnnl", "/libpython", "/libint8graph"}) {
      if (line.find(name) != std::string::npos) {
        result.insert(line.substr(path));
      }
    }
  }
  return result;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::cerr << "usage: run_saved model.pt input.pt output.pt\n";
    return 2;
  }
  torch::jit::Module model = torch::jit::load(argv[1]);
  const torch::Tensor input = read_tensor(argv[2]);

  c10::InferenceMode inference;
  torch::Tensor output;
  for (int run = 0; run < 3; ++run) {  // PyTorch observes the first run and optimizes at the second
    output = model.forward({input}).toTensor();
  }
  write_tensor(output, argv[3]);

  std::cout << "partitions: "
            << count(torch::jit::lastExecutedOptimizedGraph()->toString(), "int8graph::partition")
            << "\nargmax:";
  const torch::Tensor argmax = output.flatten(1).argmax(1);
  for (int64_t row = 0; row < argmax.size(0); ++row) {
    std::cout << ' ' << argmax[row].item<int64_t>();
  }
  std::cout << '\n';
  for (const std::string& library : libraries_of_this_process()) {
    std::cout << "library: " << library << '\n';
  }
}
