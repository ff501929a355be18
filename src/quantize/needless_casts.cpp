#include "quantize/needless_casts.h"

#include <torch/csrc/jit/ir/ir.h>

#include <algorithm>
#include <optional>
#include <string_view>
#include <unordered_set>

#include "ops/graph_edit.h"
#include "ops/node_arguments.h"
#include "ops/operator_table.h"
#include "quantize/run_once.h"

namespace int8graph {

namespace jit = torch::jit;

namespace {

using Values = std::unordered_set<const jit::Value*>;

/// The positions of softmax's arguments: input, dimension, dtype.
constexpr size_t kSoftmaxDtype = 2;

bool is_softmax_with_dtype(const jit::Node& node) {
  return (node.kind() == c10::aten::softmax || node.kind() == c10::aten::log_softmax) &&
         !node.input(kSoftmaxDtype)->mustBeNone();
}

bool is_cast(const jit::Node& node) {
  return node.kind() == c10::aten::to || node.kind() == c10::aten::type_as ||
         is_softmax_with_dtype(node);
}

/// Also in the forms that are not canonical yet.
bool is_compute_of_any_form(const jit::Node& node) {
  const std::string_view symbol = node.kind().toQualString();
  const Operator* row = find_operator(symbol);
  return (row != nullptr && row->is_compute()) || is_generic_convolution(symbol) ||
         is_addmm(symbol);
}

/// Whether the dtype that a cast makes is that of an input of the model, which may change.
bool follows_another(const jit::Node& cast, const Values& results) {
  const bool has_example = cast.inputs().size() > 1 && is_tensor(*cast.input(1));
  return has_example && !results.contains(cast.input(1));
}

/// The casts, outside of nested blocks, of what was computed: of a compute operator's result or
/// what operators of the table make of it.
std::vector<jit::Node*> casts_of_results(jit::Graph& graph) {
  std::vector<jit::Node*> casts;
  Values results;
  for (jit::Node* node : graph.nodes()) {
    const bool reads_result = !node->inputs().empty() && results.contains(node->input(0));
    if (reads_result && is_cast(*node) && !follows_another(*node, results)) casts.push_back(node);
    const bool goes_on = reads_result && (is_cast(*node) || find_operator(*node) != nullptr);
    if (!goes_on && !is_compute_of_any_form(*node)) continue;
    results.insert(node->outputs().begin(), node->outputs().end());
  }
  return casts;
}

struct Dtypes {
  std::optional<c10::ScalarType> before, after;
};

std::optional<c10::ScalarType> dtype_of(const jit::Value& value) {
  const auto type = value.type()->cast<c10::TensorType>();
  return type ? type->scalarType() : std::nullopt;
}

std::vector<Dtypes> known_dtypes(const std::vector<jit::Node*>& casts) {
  std::vector<Dtypes> dtypes;
  for (const jit::Node* cast : casts) {
    dtypes.push_back({dtype_of(*cast->input(0)), dtype_of(*cast->output())});
  }
  return dtypes;
}

/// Of a run in which what the casts read and make is returned, too.
std::vector<Dtypes> learned_dtypes(jit::Graph& graph, const jit::Module& module,
                                   const std::vector<c10::IValue>& example_inputs) {
  const auto watched = graph.copy();
  for (jit::Node* cast : casts_of_results(*watched)) {
    watched->registerOutput(cast->input(0));
    watched->registerOutput(cast->output());
  }
  const jit::Stack stack = run_once(watched, module, example_inputs);
  std::vector<Dtypes> dtypes;
  for (size_t i = graph.outputs().size(); i < stack.size(); i += 2) {
    dtypes.push_back({stack[i].toTensor().scalar_type(), stack[i + 1].toTensor().scalar_type()});
  }
  return dtypes;
}

bool are_known(const std::vector<Dtypes>& dtypes) {
  return std::ranges::all_of(dtypes, [](const Dtypes& d) { return d.before && d.after; });
}

/// Whether an argument asks for a copy or a memory format, as aten::to's last two may.
bool does_more_than_cast(const jit::Node& node) {
  if (node.kind() != c10::aten::to) return false;
  const auto* schema = node.maybeSchema();
  if (schema == nullptr) return true;
  for (const char* name : {"copy", "memory_format"}) {
    const auto position = schema->argumentIndexWithName(name);
    if (!position) continue;
    const auto value = jit::toIValue(node.input(static_cast<size_t>(*position)));
    if (!value || !(value->isNone() || (value->isBool() && !value->toBool()))) return true;
  }
  return false;
}

void remove(jit::Node& cast) {
  if (!is_softmax_with_dtype(cast)) return replace(cast, cast.input(0));
  const jit::WithInsertPoint guard(&cast);
  cast.replaceInput(kSoftmaxDtype, cast.owningGraph()->insertConstant(c10::IValue()));
}

}  // namespace

void remove_needless_casts(const std::shared_ptr<jit::Graph>& graph, const jit::Module& module,
                           const std::vector<c10::IValue>& example_inputs) {
  const auto casts = casts_of_results(*graph);
  auto dtypes = known_dtypes(casts);
  if (!are_known(dtypes)) {
    if (example_inputs.empty()) return;
    dtypes = learned_dtypes(*graph, module, example_inputs);
  }
  for (size_t i = 0; i < casts.size(); ++i) {
    const bool keeps_dtype = dtypes[i].before && dtypes[i].before == dtypes[i].after;
    if (keeps_dtype && !does_more_than_cast(*casts[i])) remove(*casts[i]);
  }
}

}  // namespace int8graph
