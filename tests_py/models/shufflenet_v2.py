"""ShuffleNetV2 (Ma et al. 2018): half of the channels pass by, then the halves are shuffled."""

from collections.abc import Sequence

import torch
from torch import nn

from .common import conv_bn, initialise


def shuffle_channels(x: torch.Tensor, groups: int) -> torch.Tensor:
    """Deals the channels of `groups` consecutive groups out in turn."""
    batch, channels, height, width = x.size()
    x = x.view(batch, groups, channels // groups, height, width)
    x = torch.transpose(x, 1, 2).contiguous()
    return x.view(batch, channels, height, width)


class Unit(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int):
        super().__init__()
        half = outputs // 2
        self.splits = stride == 1
        worked = inputs // 2 if self.splits else inputs
        if not self.splits:
            self.shortcut = nn.Sequential(
                conv_bn(inputs, inputs, 3, stride, inputs),
                conv_bn(inputs, half, 1, activation=nn.ReLU(inplace=True)),
            )
        self.branch = nn.Sequential(
            conv_bn(worked, half, 1, activation=nn.ReLU(inplace=True)),
            conv_bn(half, half, 3, stride, half),
            conv_bn(half, half, 1, activation=nn.ReLU(inplace=True)),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.splits:
            kept, worked = x.chunk(2, dim=1)
            x = torch.cat((kept, self.branch(worked)), dim=1)
        else:
            x = torch.cat((self.shortcut(x), self.branch(x)), dim=1)
        return shuffle_channels(x, 2)


class ShuffleNetV2(nn.Module):
    def __init__(
        self, channels: Sequence[int], last: int, units: Sequence[int], classes: int = 1000
    ):
        super().__init__()
        inputs = 24
        layers = [
            conv_bn(3, inputs, 3, 2, activation=nn.ReLU(inplace=True)),
            nn.MaxPool2d(3, 2, padding=1),
        ]
        for outputs, count in zip(channels, units):
            for index in range(count):
                layers.append(Unit(inputs, outputs, 2 if index == 0 else 1))
                inputs = outputs
        layers.append(conv_bn(inputs, last, 1, activation=nn.ReLU(inplace=True)))
        self.features = nn.Sequential(*layers)
        self.fc = nn.Linear(last, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.features(x)
        x = x.mean([2, 3])
        return self.fc(x)


def shufflenet_v2(
    channels: Sequence[int] = (116, 232, 464),
    last: int = 1024,
    units: Sequence[int] = (4, 8, 4),
) -> nn.Module:
    return initialise(ShuffleNetV2(channels, last, units))
