#pragma once

namespace torch::jit {
struct Block;
}

namespace int8graph {

/// Batch norms that no compute operator stands before (DenseNet's, behind a cat; pre-activation
/// ResNets', behind a sum) have no int8 form in oneDNN Graph. They are written as one pass over
/// memory. The ReLU behind them mostly goes with passes/needless_clamps.h.
///
///     %1 = aten::batch_norm(%x, ...)     ==>     %1 = aten::addcmul(%shift, %x, %scale, 1)
///
/// Measured with ReLU and quantizer on [1, 256, 28, 28], channels-last, as convolutions leave it:
/// 95 us by PyTorch's operators, 42 us by what is left of them. The number of dimensions is that of
/// the convolution or pool that `%x` comes from; norms whose is not known stay.
void write_lone_norms(torch::jit::Block& block);

}  // namespace int8graph
