#include "passes/packed_forms.h"

#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/ir/ir.h>

#include "ops/node_arguments.h"
#include "passes/parts.h"

namespace int8graph {

namespace jit = torch::jit;

jit::Node* only_reader(const jit::Value& value, const WrittenValues& written) {
  return value.uses().size() == 1 && !written.contains(&value) ? value.uses()[0].user : nullptr;
}

bool is_reshape(const jit::Node* node) {
  return node != nullptr && (node->kind() == c10::aten::reshape || node->kind() == c10::aten::view);
}

std::optional<std::vector<jit::Value*>> elements_of(jit::Value& list) {
  jit::Node& node = *list.node();
  if (node.kind() != c10::prim::ListConstruct) return {};
  return node.inputs().vec();
}

std::optional<std::vector<int64_t>> constant_integers(const jit::Value& list) {
  if (const auto constant = jit::toIValue(&list); constant && constant->isIntList()) {
    return constant->toIntVector();
  }
  return {};
}

std::optional<int64_t> position(std::optional<int64_t> number, size_t count) {
  const auto size = static_cast<int64_t>(count);
  if (!number || *number < -size || *number >= size) return {};
  return *number < 0 ? *number + size : *number;
}

std::vector<PackedPart> parts_along(jit::Value& value, int64_t axis, size_t rank, int64_t parts,
                                    int64_t count) {
  const auto is_axis = [&](const jit::Value* dimension) {
    const auto number = constant_integer(dimension);
    return number == axis || position(number, rank) == axis;
  };
  std::vector<PackedPart> result;
  for (const jit::Use& use : value.uses()) {
    jit::Node& reader = *use.user;
    if (reader.kind() == c10::aten::unbind && is_axis(reader.input(1))) {
      const std::vector<jit::Value*> made = tensors_made_by(reader);
      if (made.size() != static_cast<size_t>(parts)) return {};
      for (int64_t i = 0; i < parts; ++i) {
        result.push_back({count * i, count, made[static_cast<size_t>(i)]});
      }
      continue;
    }
    const bool is_select = reader.kind() == c10::aten::select && is_axis(reader.input(1));
    const auto part = is_select
                          ? position(constant_integer(reader.input(2)), static_cast<size_t>(parts))
                          : std::nullopt;
    if (!part) return {};
    result.push_back({count * *part, count, reader.output()});
  }
  return result;
}

}  // namespace int8graph
