#include "quantize/artifact.h"

namespace int8graph {

namespace {

constexpr const char* kConf = "int8graph_conf";
constexpr const char* kInputs = "int8graph_inputs";

}  // namespace

bool is_artifact(const torch::jit::Module& module) {
  return module.hasattr(kConf);
}

void write_facts(torch::jit::Module& module, const ArtifactFacts& facts) {
  c10::List<c10::List<int64_t>> inputs;
  for (const auto& input : facts.inputs) inputs.push_back(c10::List<int64_t>(input));
  const auto set = [&module](const char* name, const c10::TypePtr& type, c10::IValue value) {
    if (module.hasattr(name)) {
      module.setattr(name, std::move(value));
    } else {
      module.register_attribute(name, type, std::move(value));
    }
  };
  set(kConf, c10::StringType::get(), facts.conf_json);
  set(kInputs, c10::ListType::create(c10::ListType::ofInts()), inputs);
}

ArtifactFacts read_facts(const torch::jit::Module& module) {
  ArtifactFacts facts{.conf_json = module.attr(kConf).toStringRef(), .inputs = {}};
  for (const c10::IValue& input : module.attr(kInputs).toListRef()) {
    facts.inputs.push_back(input.toIntVector());
  }
  return facts;
}

std::vector<std::vector<int64_t>> input_facts(const std::vector<c10::IValue>& inputs) {
  std::vector<std::vector<int64_t>> facts;
  for (const c10::IValue& input : inputs) {
    if (!input.isTensor()) return {};
    const at::Tensor& tensor = input.toTensor();
    std::vector<int64_t> fact = {static_cast<int64_t>(tensor.scalar_type())};
    fact.insert(fact.end(), tensor.sizes().begin(), tensor.sizes().end());
    facts.push_back(std::move(fact));
  }
  return facts;
}

std::vector<c10::IValue> inputs_of_zeros(const std::vector<std::vector<int64_t>>& facts) {
  std::vector<c10::IValue> inputs;
  for (const auto& fact : facts) {
    const auto dtype = static_cast<c10::ScalarType>(fact.front());
    const std::vector<int64_t> sizes(fact.begin() + 1, fact.end());
    inputs.emplace_back(at::zeros(sizes, dtype));
  }
  return inputs;
}

}  // namespace int8graph
