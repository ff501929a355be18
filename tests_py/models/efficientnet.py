"""EfficientNet (Tan and Le 2019): inverted residuals with SiLU and squeeze-excite."""

import torch
from torch import nn

from .common import SqueezeExcite, conv_bn, initialise, round_channels

# Expansion, output channels, blocks, stride of the first block, kernel: the paper's table 1 (B0).
STAGES = (
    (1, 16, 1, 1, 3),
    (6, 24, 2, 2, 3),
    (6, 40, 2, 2, 5),
    (6, 80, 3, 2, 3),
    (6, 112, 3, 1, 5),
    (6, 192, 4, 2, 5),
    (6, 320, 1, 1, 3),
)


class MBConv(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int, expansion: int, kernel: int):
        super().__init__()
        self.has_shortcut = stride == 1 and inputs == outputs
        hidden = inputs * expansion
        layers = []
        if expansion != 1:
            layers.append(conv_bn(inputs, hidden, 1, activation=nn.SiLU(inplace=True)))
        layers += [
            conv_bn(hidden, hidden, kernel, stride, hidden, nn.SiLU(inplace=True)),
            SqueezeExcite(hidden, max(1, inputs // 4), nn.SiLU(inplace=True), nn.Sigmoid()),
            conv_bn(hidden, outputs, 1),
        ]
        self.layers = nn.Sequential(*layers)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.layers(x)
        if self.has_shortcut:
            y += x
        return y


class EfficientNet(nn.Module):
    def __init__(self, width: float = 1.0, classes: int = 1000):
        super().__init__()
        channels = round_channels(32 * width)
        layers = [conv_bn(3, channels, 3, 2, activation=nn.SiLU(inplace=True))]
        for expansion, base, count, first_stride, kernel in STAGES:
            outputs = round_channels(base * width)
            for index in range(count):
                stride = first_stride if index == 0 else 1
                layers.append(MBConv(channels, outputs, stride, expansion, kernel))
                channels = outputs
        last = 4 * channels
        layers.append(conv_bn(channels, last, 1, activation=nn.SiLU(inplace=True)))
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(nn.Dropout(0.2, inplace=True), nn.Linear(last, classes))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.avgpool(self.features(x))
        x = torch.flatten(x, 1)
        return self.classifier(x)


def efficientnet_b0(width: float = 1.0) -> nn.Module:
    return initialise(EfficientNet(width))
