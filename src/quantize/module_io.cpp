#include "int8graph/module_io.h"

#include <caffe2/serialize/inline_container.h>
#include <torch/csrc/jit/api/function_impl.h>
#include <torch/csrc/jit/passes/constant_propagation.h>
#include <torch/csrc/jit/passes/inliner.h>
#include <torch/csrc/jit/serialization/export.h>

#include <stdexcept>

#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "config/atomic_file.h"
#include "config/autocast.h"
#include "config/environment.h"
#include "executor/shared_kernels.h"
#include "passes/pipeline.h"
#include "quantize/artifact.h"
#include "quantize/torchscript_file.h"

namespace int8graph {

namespace jit = torch::jit;

namespace {

constexpr const char* kConfFile = "int8graph.json";

/// Marks modules whose graph load() has fused: they run, but are no plain TorchScript any more.
constexpr const char* kFused = "int8graph_fused";

/// Weights that were packed leave gaps between memory that is in use.
void return_free_memory() {
#ifdef __GLIBC__
  malloc_trim(0);
#endif
}

/// What jit::ExportModule does, but for the QuantConf, which is compressed: tens of thousands of
/// weight scales in decimal are megabytes.
void export_module(const jit::Module& module, const std::string& conf, AtomicFile& file) {
  caffe2::serialize::PyTorchStreamWriter writer([&file](const void* data, size_t size) {
    file.write(data, size);
    return size;
  });
  jit::ScriptModuleSerializer(writer).serialize(module, {}, /*bytecode_format=*/false,
                                                /*save_mobile_debug_info=*/false);
  writer.writeRecord(std::string("extra/") + kConfFile, conf.data(), conf.size(),
                     /*compress=*/true);
  writer.writeEndOfFile();
}

}  // namespace

void save(const jit::Module& module, const std::string& path) {
  const auto refuse = [&path](const char* reason) {
    throw std::invalid_argument("can't save to \"" + path + "\": " + reason);
  };
  if (!is_artifact(module)) refuse("the module does not come from int8graph's convert");
  ArtifactFacts facts = read_facts(module);
  if (module.hasattr(kFused) || facts.conf_json.empty()) {
    refuse("the module was loaded from a file and is ready to run; copy that file instead");
  }
  const std::string conf = std::exchange(facts.conf_json, "");
  jit::Module copy = module.copy();
  write_facts(copy, facts);
  AtomicFile file(path);
  export_module(copy, conf, file);
  file.commit();
}

jit::Module load(const std::string& path) {
  jit::Module module = load_torchscript(path);
  if (!is_artifact(module)) {
    throw std::invalid_argument("\"" + path +
                                "\" is a TorchScript file, but not one that int8graph's "
                                "convert made");
  }
  if (is_disabled()) return module;

  const AutocastScope off(std::nullopt);
  auto& function = jit::toGraphFunction(module.get_method("forward").function());
  auto graph = function.graph();
  jit::Inline(*graph);
  jit::ConstantPropagation(graph);
  try {
    optimize(graph);
  } catch (const std::exception& error) {
    log("\"" + path + "\" runs unfused: " + error.what());
    return load_torchscript(path);  // this graph may be half changed
  }
  make_kernels(*graph->block());
  module.register_attribute(kFused, c10::BoolType::get(), true);
  // The graph needs no profiling any more; this executor runs it as it is, from the first call on.
  function._set_initial_executor_execution_mode(jit::ExecutorExecutionMode::SIMPLE);

  const auto facts = read_facts(module).inputs;
  if (!facts.empty()) {
    // For its compilations only: a model that has no use for zeros is as good afterwards.
    const c10::InferenceMode no_grad;
    try {
      module.forward(inputs_of_zeros(facts));
    } catch (const std::exception& error) {
      log_verbose([&] { return "not compiled ahead for \"" + path + "\": " + error.what(); });
    }
  }
  return_free_memory();
  return module;
}

}  // namespace int8graph
