#pragma once

#include <ATen/core/Tensor.h>

#include "executor/pool_plan.h"

namespace int8graph {

/// Writes a max pool over int8, whose numbers need no dequantizing to be compared. What lies
/// outside of the source never wins; a window that lies there whole gives the least number.
/// @param pool of one to three spatial dimensions
/// @param source `quint8` or `qint8`, [N, C, ...], channels-last and dense
/// @param result likewise, of the same dtype and of the pool's sizes
void max_pool(const PoolPlan& pool, const at::Tensor& source, const at::Tensor& result);

}  // namespace int8graph
