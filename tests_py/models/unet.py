"""U-Net (Ronneberger et al. 2015), with batch norms and padded convolutions."""

import torch
from torch import nn

from .common import conv_bn, initialise


def double_conv(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        conv_bn(inputs, outputs, 3, activation=nn.ReLU(inplace=True)),
        conv_bn(outputs, outputs, 3, activation=nn.ReLU(inplace=True)),
    )


class UNet(nn.Module):
    """`[N, 3, H, W]` to `[N, classes, H, W]`; H and W are multiples of 2 to the power `depth`."""

    def __init__(self, width: int, depth: int, transposed: bool, classes: int = 2):
        super().__init__()
        self.pool = nn.MaxPool2d(2)
        self.down = nn.ModuleList()
        channels = 3
        for level in range(depth + 1):
            self.down.append(double_conv(channels, width << level))
            channels = width << level
        self.up = nn.ModuleList()
        self.merge = nn.ModuleList()
        for level in reversed(range(depth)):
            outputs = width << level
            self.up.append(
                nn.ConvTranspose2d(channels, outputs, 2, 2)
                if transposed
                else nn.Sequential(
                    nn.Upsample(scale_factor=2, mode="nearest"), nn.Conv2d(channels, outputs, 1)
                )
            )
            self.merge.append(double_conv(2 * outputs, outputs))
            channels = outputs
        self.head = nn.Conv2d(channels, classes, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        skipped = []
        for level, block in enumerate(self.down):
            x = block(x if level == 0 else self.pool(x))
            skipped.append(x)
        skipped.pop()
        for up, merge in zip(self.up, self.merge):
            x = merge(torch.cat([skipped.pop(), up(x)], 1))
        return self.head(x)


def unet(width: int = 64, depth: int = 4, transposed: bool = False) -> nn.Module:
    return initialise(UNet(width, depth, transposed))
