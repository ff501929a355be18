#include "testing/depthwise.h"

#include <ATen/ATen.h>
#include <torch/csrc/jit/ir/ir.h>

#include "testing/ir.h"

namespace int8graph {

std::shared_ptr<torch::jit::Graph> depthwise_convolution(int64_t channels,
                                                         const std::string& rest) {
  return ir(R"IR(
graph(%x, %other, %w, %slopes):
  %scale : float = prim::Constant[value=0.5]()
  %zero : int = prim::Constant[value=0]()
  %u8 : int = prim::Constant[value=13]()
  %none : NoneType = prim::Constant()
  %ones : int[] = prim::Constant[value=[1, 1]]()
  %one : int = prim::Constant[value=1]()
  %groups : int = prim::Constant[value=)IR" +
                std::to_string(channels) + R"IR(]()
  %y = int8graph::dequantize(%x, %scale, %zero, %u8)
  %s = int8graph::dequantize(%other, %scale, %zero, %u8)
  %v = aten::dequantize(%w)
  %z = aten::conv2d(%y, %v, %none, %ones, %ones, %ones, %groups)
  )IR" + rest + "\n  return (%result)\n",
            {{"w", int8_weight({channels, 1, 3, 3})}, {"slopes", at::ones({channels})}});
}

}  // namespace int8graph
