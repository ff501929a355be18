#include "ops/node_arguments.h"

#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/ir/ir.h>

#include "ops/graph_edit.h"

namespace int8graph {

namespace jit = torch::jit;

namespace {

const c10::Symbol kDequantize = c10::Symbol::fromQualString("aten::dequantize");

c10::IValue constant(const NodeArguments& arguments, size_t i) {
  if (auto ivalue = jit::toIValue(arguments.node().input(i))) return *ivalue;
  throw NotLowerable{"argument " + std::to_string(i) + " is not a constant"};
}

[[noreturn]] void wrong_type(size_t i, const char* wanted) {
  throw NotLowerable{"argument " + std::to_string(i) + " is not " + wanted};
}

}  // namespace

size_t NodeArguments::size() const {
  return node_.inputs().size();
}

jit::Value* NodeArguments::value(size_t i) const {
  if (!is_tensor(i)) wrong_type(i, "a tensor");
  return node_.input(i);
}

bool NodeArguments::is_none(size_t i) const {
  return node_.input(i)->mustBeNone();
}

bool NodeArguments::is_tensor(size_t i) const {
  return int8graph::is_tensor(*node_.input(i));
}

bool NodeArguments::boolean(size_t i) const {
  const auto v = constant(*this, i);
  if (!v.isBool()) wrong_type(i, "a bool");
  return v.toBool();
}

int64_t NodeArguments::integer(size_t i) const {
  const auto v = constant(*this, i);
  if (!v.isInt()) wrong_type(i, "an int");
  return v.toInt();
}

double NodeArguments::number(size_t i) const {
  const auto v = constant(*this, i);
  if (v.isInt()) return static_cast<double>(v.toInt());
  if (!v.isDouble()) wrong_type(i, "a number");
  return v.toDouble();
}

std::string NodeArguments::string(size_t i) const {
  const auto v = constant(*this, i);
  if (!v.isString()) wrong_type(i, "a string");
  return v.toStringRef();
}

std::vector<int64_t> NodeArguments::integers(size_t i) const {
  const jit::Node* producer = node_.input(i)->node();
  if (producer->kind() == c10::prim::ListConstruct) {
    // A list of constants that constant propagation has not met yet.
    std::vector<int64_t> result;
    for (const jit::Value* element : producer->inputs()) {
      const auto v = jit::toIValue(element);
      if (!v || !v->isInt()) wrong_type(i, "a list of constant ints");
      result.push_back(v->toInt());
    }
    return result;
  }
  const auto v = constant(*this, i);
  if (v.isInt()) return {v.toInt()};
  if (!v.isIntList()) wrong_type(i, "a list of ints");
  return v.toIntVector();
}

std::vector<int64_t> NodeArguments::integers(size_t i, size_t length) const {
  auto list = integers(i);
  if (list.size() == 1) list.resize(length, list.front());
  if (list.size() != length) {
    throw NotLowerable{"argument " + std::to_string(i) + " has " + std::to_string(list.size()) +
                       " elements, not " + std::to_string(length)};
  }
  return list;
}

std::vector<jit::Value*> NodeArguments::list(size_t i) const {
  jit::Node* producer = node_.input(i)->node();
  if (producer->kind() != c10::prim::ListConstruct) {
    throw NotLowerable{"its list of tensors is not built beside it"};
  }
  return producer->inputs().vec();
}

std::optional<int64_t> constant_integer(const torch::jit::Value* value) {
  const auto constant = torch::jit::toIValue(value);
  return constant && constant->isInt() ? std::optional(constant->toInt()) : std::nullopt;
}

std::optional<at::Tensor> constant_tensor(const jit::Value* value) {
  const jit::Node* node = value->node();
  if (node->kind() == kDequantize) node = node->input(0)->node();
  if (node->kind() != c10::prim::Constant) return std::nullopt;
  const auto ivalue = jit::toIValue(node->output());
  if (!ivalue || !ivalue->isTensor()) return std::nullopt;
  return ivalue->toTensor();
}

}  // namespace int8graph
