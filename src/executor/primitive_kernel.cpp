#include "executor/primitive_kernel.h"

#include "config/environment.h"
#include "executor/concat_kernel.h"
#include "executor/conv_kernel.h"
#include "executor/depthwise.h"
#include "executor/depthwise_kernel.h"
#include "executor/gemm.h"
#include "executor/gemm_kernel.h"
#include "executor/linear_kernel.h"
#include "executor/patch_kernel.h"
#include "executor/pointwise_kernel.h"
#include "executor/pool_kernel.h"
#include "executor/product_kernel.h"
#include "executor/row_kernel.h"

namespace int8graph {

std::unique_ptr<const PrimitiveKernel> make_primitive_kernel(torch::jit::Graph& subgraph,
                                                             const std::string& name,
                                                             OutputLayout layout,
                                                             const std::vector<bool>& reusable,
                                                             Weights weights) {
  try {
    if (auto plan = conv_plan(subgraph)) {
      if (can_be_depthwise(*plan)) return make_depthwise_kernel(std::move(*plan), name, layout);
      if (can_be_pointwise(*plan)) {
        return make_pointwise_kernel(std::move(*plan), name, layout, reusable, weights);
      }
      if (auto patches = patch_plan(*plan)) {
        return make_patch_kernel(std::move(*patches), name, layout);
      }
      return make_conv_kernel(std::move(*plan), name, layout, reusable, weights);
    }
    if (auto plan = linear_plan(subgraph)) {
      if (can_be_gemm(*plan, plan->channel_axis)) {
        return make_gemm_kernel(*plan, name, reusable, weights);
      }
      return make_linear_kernel(std::move(*plan), name, weights);
    }
    if (auto plan = product_plan(subgraph)) {
      return make_product_kernel(std::move(*plan), name, layout);
    }
    if (auto plan = row_plan(subgraph)) return make_row_kernel(std::move(*plan), name);
    if (auto plan = pool_plan(subgraph)) return make_pool_kernel(std::move(*plan), name, layout);
    if (auto plan = concat_plan(subgraph)) {
      return make_concat_kernel(std::move(*plan), name, layout);
    }
  } catch (const std::exception& error) {
    log_verbose([&] {
      return name + ": compiled by oneDNN Graph for each shape: its primitive says " + error.what();
    });
  }
  return nullptr;
}

}  // namespace int8graph
