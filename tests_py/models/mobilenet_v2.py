"""MobileNetV2 (Sandler et al. 2018): inverted residuals with linear bottlenecks."""

import torch
from torch import nn

from .common import conv_bn, initialise, round_channels

# Expansion, output channels, blocks, stride of the first block.
STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


class InvertedResidual(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int, expansion: int):
        super().__init__()
        self.has_shortcut = stride == 1 and inputs == outputs
        hidden = inputs * expansion
        layers = []
        if expansion != 1:
            layers.append(conv_bn(inputs, hidden, 1, activation=nn.ReLU6(inplace=True)))
        layers += [
            conv_bn(hidden, hidden, 3, stride, hidden, nn.ReLU6(inplace=True)),
            conv_bn(hidden, outputs, 1),
        ]
        self.layers = nn.Sequential(*layers)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.layers(x) if self.has_shortcut else self.layers(x)


class MobileNetV2(nn.Module):
    def __init__(self, width: float = 1.0, classes: int = 1000):
        super().__init__()
        channels = round_channels(32 * width)
        layers = [conv_bn(3, channels, 3, 2, activation=nn.ReLU6(inplace=True))]
        for expansion, base, count, first_stride in STAGES:
            outputs = round_channels(base * width)
            for index in range(count):
                stride = first_stride if index == 0 else 1
                layers.append(InvertedResidual(channels, outputs, stride, expansion))
                channels = outputs
        last = round_channels(1280 * max(1.0, width))
        layers.append(conv_bn(channels, last, 1, activation=nn.ReLU6(inplace=True)))
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(last, classes))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.features(x)
        x = x.mean([2, 3])
        return self.classifier(x)


def mobilenet_v2(width: float = 1.0) -> nn.Module:
    return initialise(MobileNetV2(width))
