"""IResNet (Duta et al. 2020) as networks for face recognition have it (ArcFace, Deng et al. 2019):
PReLU with a slope for each channel, batch norms before convolutions, and features for an output."""

from collections.abc import Sequence

import torch
from torch import nn

from .common import initialise


def _slopes(channels: int) -> nn.PReLU:
    prelu = nn.PReLU(channels)
    nn.init.uniform_(prelu.weight, -0.25, 0.5)
    return prelu


class Block(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int):
        super().__init__()
        self.bn1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.prelu = _slopes(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, stride, padding=1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.downsample = None
        if stride != 1 or inputs != outputs:
            shortcut = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
            self.downsample = nn.Sequential(shortcut, nn.BatchNorm2d(outputs))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        identity = x if self.downsample is None else self.downsample(x)
        x = self.prelu(self.bn2(self.conv1(self.bn1(x))))
        x = self.bn3(self.conv2(x))
        x += identity
        return x


class IResNet(nn.Module):
    def __init__(self, blocks: Sequence[int], width: int, side: int, features: int):
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), _slopes(width)
        )
        stages: list[nn.Module] = []
        inputs = width
        for stage, count in enumerate(blocks):
            outputs = width * 2**stage
            stages += [Block(inputs, outputs, stride=2)]
            stages += [Block(outputs, outputs, stride=1) for _ in range(count - 1)]
            inputs = outputs
        self.stages = nn.Sequential(*stages)
        self.bn = nn.BatchNorm2d(inputs)
        self.pool = nn.AdaptiveAvgPool2d(side)
        self.fc = nn.Linear(inputs * side * side, features)
        self.features = nn.BatchNorm1d(features)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.bn(self.stages(self.stem(x)))
        return self.features(self.fc(torch.flatten(self.pool(x), 1)))


def iresnet50(
    blocks: Sequence[int] = (3, 4, 14, 3), width: int = 64, side: int = 7, features: int = 512
) -> nn.Module:
    """`side` is that of the last map: 7 for images of 112 pixels, which the pool leaves alone."""
    return initialise(IResNet(blocks, width, side, features))
