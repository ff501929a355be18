"""Pieces that several networks share, and the initialisation of all of them."""

import math

import torch
from torch import nn
from torch.nn import functional


def round_channels(channels: float, divisor: int = 8) -> int:
    """The multiple of `divisor` nearest to `channels`, but never more than 10 % below it."""
    rounded = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * channels else rounded


def conv_bn(
    inputs: int,
    outputs: int,
    kernel: int = 3,
    stride: int = 1,
    groups: int = 1,
    activation: nn.Module | None = None,
) -> nn.Sequential:
    """A convolution that keeps the image's size (apart from its stride), a batch norm, and perhaps
    an activation."""
    layers = [
        nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
    ]
    if activation is not None:
        layers.append(activation)
    return nn.Sequential(*layers)


class SqueezeExcite(nn.Module):
    """Scales each channel by a gate computed from the means of all channels."""

    def __init__(self, channels: int, squeezed: int, activation: nn.Module, gate: nn.Module):
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.reduce = nn.Conv2d(channels, squeezed, 1)
        self.activation = activation
        self.expand = nn.Conv2d(squeezed, channels, 1)
        self.gate = gate

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        gate = self.gate(self.expand(self.activation(self.reduce(self.pool(x)))))
        return x * gate


def random_image(size: int, batch: int = 1, seed: int = 0) -> torch.Tensor:
    """Images `[batch, 3, size, size]` of mean 0 and variance 1, the same for the same seed.

    They are sums of noise at every scale, from single pixels to a quarter of the image, much as
    photographs are. White noise would average out in deep layers: batch norms would then amplify
    what little is left, and the rounding of int8 with it.
    """
    random = torch.Generator().manual_seed(seed)
    image = torch.zeros(batch, 3, size, size)
    cells = 4
    while cells <= size:
        noise = torch.randn(batch, 3, cells, cells, generator=random)
        image += functional.interpolate(noise, (size, size), mode="bilinear")
        cells *= 2
    return (image - image.mean()) / image.std()


def initialise(model: nn.Module, seed: int = 0) -> nn.Module:
    """Gives `model` random weights that behave like trained ones, and puts it in eval mode.

    Weights are drawn so that the variance of activations neither dies nor explodes with depth (He
    et al. 2015). Batch norms get random scales and shifts, and running statistics from a batch of
    random images: values that wrong folding would not survive. Shifts are mostly upwards, since a
    network whose ReLUs all cut in the middle is chaotic, which trained ones are not. Everything
    depends on `seed` alone.
    """
    random = torch.Generator().manual_seed(seed)
    model.eval()
    hooks = []
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
                _draw_weights(module, random)
            elif isinstance(module, nn.BatchNorm2d):
                module.weight.uniform_(0.7, 1.3, generator=random)
                module.bias.normal_(0.4, 0.2, generator=random)
                hooks.append(module.register_forward_pre_hook(_settle))
        if hooks:
            model(random_image(128, batch=8, seed=seed))
        for hook in hooks:
            hook.remove()
    return model


def _settle(norm: nn.BatchNorm2d, inputs: tuple[torch.Tensor]) -> None:
    variance, mean = torch.var_mean(inputs[0], (0, 2, 3), correction=0)
    norm.running_mean.copy_(mean)
    # A channel that a ReLU has all but silenced would be blown up by its own variance, and the
    # rounding of int8 with it. Training does not leave such channels; the mean keeps them small.
    norm.running_var.copy_((variance + variance.mean()) / 2)


def _draw_weights(module: nn.Module, random: torch.Generator) -> None:
    # Each output is a sum over the inputs that reach it, and a ReLU halves the mean square. A
    # transposed convolution with stride s reaches only every s-th tap per direction.
    weight = module.weight
    if isinstance(module, nn.ConvTranspose2d):
        fan_in = weight.shape[0] * weight[0, 0].numel() / math.prod(module.stride)
    else:
        fan_in = weight[0].numel()
    weight.normal_(0.0, math.sqrt(2.0 / fan_in), generator=random)
    if module.bias is not None:
        module.bias.normal_(0.0, 0.1, generator=random)
