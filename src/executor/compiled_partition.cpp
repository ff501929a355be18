#include "executor/compiled_partition.h"

#include "executor/onednn_runtime.h"
#include "executor/profile.h"

namespace int8graph {

namespace graph = dnnl::graph;
using graph::logical_tensor;

namespace {

logical_tensor with_shape_of(const logical_tensor& port, const at::Tensor& tensor) {
  return logical_tensor(port.get_id(), port.get_data_type(), tensor.sizes().vec(),
                        tensor.strides().vec());
}

logical_tensor open_output(const logical_tensor& port) {
  return logical_tensor(port.get_id(), port.get_data_type(), DNNL_GRAPH_UNKNOWN_NDIMS,
                        logical_tensor::layout_type::any);
}

/// Whether a compiled output lies as PyTorch may see it; `any` may have become oneDNN's own blocks.
bool lies_as_wanted(const logical_tensor& compiled, OutputLayout layout) {
  if (compiled.get_layout_type() != logical_tensor::layout_type::strided) return false;
  return layout != OutputLayout::Contiguous ||
         compiled.get_strides() == dense_strides(compiled.get_dims());
}

}  // namespace

CompiledPartition::CompiledPartition(const graph::partition& partition, const PartitionPorts& ports,
                                     std::span<const at::Tensor> arguments) {
  for (const auto& input : ports.inputs) {
    if (input.constant.defined()) {
      input_tensors_.push_back(input.port);
      constants_.emplace_back(input.port, onednn_engine(), input.constant.data_ptr());
      arguments_.emplace_back();
    } else {
      input_tensors_.push_back(with_shape_of(input.port, arguments[input.argument]));
      constants_.emplace_back();
      arguments_.emplace_back(input.argument);
    }
  }

  // oneDNN infers the outputs' shapes and picks the strides it likes; where that is not what must
  // come out, a second compilation asks for it.
  std::vector<logical_tensor> outputs;
  for (const auto& output : ports.outputs) outputs.push_back(open_output(output.port));
  compile(partition, outputs);
  bool as_wanted = true;
  for (size_t i = 0; i < outputs.size(); ++i) {
    const logical_tensor& compiled = output_tensors_[i];
    if (lies_as_wanted(compiled, ports.outputs[i].layout)) {
      outputs[i] = compiled;
    } else {
      as_wanted = false;
      outputs[i] = logical_tensor(compiled.get_id(), compiled.get_data_type(), compiled.get_dims(),
                                  dense_strides(compiled.get_dims()));
    }
  }
  if (!as_wanted) compile(partition, outputs);

  for (size_t i = 0; i < output_tensors_.size(); ++i) {
    const logical_tensor& output = output_tensors_[i];
    output_specs_.push_back({output.get_dims(), output.get_strides(),
                             scalar_type_of(output.get_data_type()), ports.outputs[i].quantizer});
  }
  for (const auto& [input_id, output_id] : compiled_.get_inplace_ports()) {
    for (size_t i = 0; i < ports.inputs.size(); ++i) {
      for (size_t o = 0; o < outputs.size(); ++o) {
        if (arguments_[i] && ports.inputs[i].port.get_id() == input_id &&
            outputs[o].get_id() == output_id) {
          inplace_ = Inplace{*arguments_[i], o};
        }
      }
    }
  }
}

void CompiledPartition::compile(const graph::partition& partition,
                                const std::vector<logical_tensor>& outputs) {
  compiled_ = partition.compile(input_tensors_, outputs, onednn_engine());
  output_tensors_.clear();
  for (const logical_tensor& output : outputs) {
    output_tensors_.push_back(compiled_.query_logical_tensor(output.get_id()));
  }
}

std::vector<at::Tensor> CompiledPartition::run(std::span<const at::Tensor> arguments,
                                               const std::vector<bool>& reusable) const {
  const dnnl::engine& engine = onednn_engine();
  std::vector<at::Tensor> results;
  std::vector<graph::tensor> outputs;
  results.reserve(output_specs_.size());
  outputs.reserve(output_specs_.size());
  for (size_t i = 0; i < output_specs_.size(); ++i) {
    const bool takes_over = inplace_ && inplace_->output == i && reusable[inplace_->argument];
    results.push_back(takes_over ? allocate_over(arguments[inplace_->argument], output_specs_[i])
                                 : allocate(output_specs_[i]));
    outputs.emplace_back(output_tensors_[i], engine, results[i].data_ptr());
  }
  // Behind the outputs: to write to one moves the copy-on-write storage that it takes over.
  std::vector<graph::tensor> inputs;
  inputs.reserve(input_tensors_.size());
  for (size_t i = 0; i < input_tensors_.size(); ++i) {
    if (arguments_[i]) {
      const void* data = arguments[*arguments_[i]].const_data_ptr();
      inputs.emplace_back(input_tensors_[i], engine, const_cast<void*>(data));
    } else {
      inputs.push_back(constants_[i]);
    }
  }
  {
    const KernelTimer timer;
    compiled_.execute(onednn_stream(), inputs, outputs);
  }
  return results;
}

}  // namespace int8graph
