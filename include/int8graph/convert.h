#pragma once

#include <torch/script.h>

#include <vector>

#include "int8graph/export.h"
#include "int8graph/quant_conf.h"

namespace int8graph {

/// Turns an fp32 model into an int8 artifact: frozen, batch norms and constant arithmetic folded,
/// `aten::quantize_per_tensor` / `aten::dequantize` around the operators that `conf` marks, weights
/// stored as `torch.qint8`. The artifact is a plain TorchScript module; it has run on
/// `example_inputs` already, so that its next call is fused.
///
/// Where autocast is on for this thread (at::autocast::set_autocast_enabled(at::kCPU, true)), what
/// stays out of int8 computes in autocast's dtype, bfloat16 or float16, as it would there: weights
/// are stored in it, and results of the model have it.
///
/// @param model an fp32 module in eval mode, with a `forward` method; it is not changed.
/// @param conf what Calibration observed on this model, or a file of it.
/// @param example_inputs the arguments of one `forward` call, in order; the artifact records their
///   shapes, and load() compiles for these. Without any, the first call of the artifact compiles.
/// @throws std::invalid_argument when the model is in training mode or converted already, when
///   `conf` is empty, when its entries are not those of this model (the message names both sides of
///   the first difference), or when nothing at all could be quantized.
INT8GRAPH_API torch::jit::Module convert(const torch::jit::Module& model, const QuantConf& conf,
                                         std::vector<c10::IValue> example_inputs);

}  // namespace int8graph
