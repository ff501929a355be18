#include "passes/candidates.h"

#include <torch/csrc/jit/ir/ir.h>

#include "passes/quantizers.h"

namespace int8graph {

namespace jit = torch::jit;

jit::Node* Candidates::only_reader(const jit::Value& value) const {
  const auto& uses = value.uses();
  return uses.size() == 1 && contain(*uses[0].user) ? uses[0].user : nullptr;
}

jit::Node* Candidates::quantizer_of(const jit::Value& result) const {
  jit::Node* reader = only_reader(result);
  return reader != nullptr && is_quantize(*reader) && parameters_at(*reader) ? reader : nullptr;
}

jit::Node* Candidates::dequantize_of(jit::Value& value) const {
  jit::Node* node = value.node();
  const bool fits = node->kind() == explicit_dequantize_symbol() && contain(*node) &&
                    value.uses().size() == 1 && parameters_at(*node);
  return fits ? node : nullptr;
}

}  // namespace int8graph
