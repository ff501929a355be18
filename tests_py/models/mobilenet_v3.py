"""MobileNetV3 (Howard et al. 2019), large and small: hard swish and squeeze-excite."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import nn

from .common import SqueezeExcite, conv_bn, initialise, round_channels


class Row(NamedTuple):
    """One line of the paper's tables 1 and 2."""

    kernel: int
    expanded: int
    outputs: int
    squeeze_excite: bool
    activation: type[nn.Module]
    stride: int


RE, HS = nn.ReLU, nn.Hardswish

LARGE = (
    Row(3, 16, 16, False, RE, 1),
    Row(3, 64, 24, False, RE, 2),
    Row(3, 72, 24, False, RE, 1),
    Row(5, 72, 40, True, RE, 2),
    Row(5, 120, 40, True, RE, 1),
    Row(5, 120, 40, True, RE, 1),
    Row(3, 240, 80, False, HS, 2),
    Row(3, 200, 80, False, HS, 1),
    Row(3, 184, 80, False, HS, 1),
    Row(3, 184, 80, False, HS, 1),
    Row(3, 480, 112, True, HS, 1),
    Row(3, 672, 112, True, HS, 1),
    Row(5, 672, 160, True, HS, 2),
    Row(5, 960, 160, True, HS, 1),
    Row(5, 960, 160, True, HS, 1),
)

SMALL = (
    Row(3, 16, 16, True, RE, 2),
    Row(3, 72, 24, False, RE, 2),
    Row(3, 88, 24, False, RE, 1),
    Row(5, 96, 40, True, HS, 2),
    Row(5, 240, 40, True, HS, 1),
    Row(5, 240, 40, True, HS, 1),
    Row(5, 120, 48, True, HS, 1),
    Row(5, 144, 48, True, HS, 1),
    Row(5, 288, 96, True, HS, 2),
    Row(5, 576, 96, True, HS, 1),
    Row(5, 576, 96, True, HS, 1),
)


class Block(nn.Module):
    def __init__(self, inputs: int, row: Row, width: float):
        super().__init__()
        expanded = round_channels(row.expanded * width)
        self.outputs = round_channels(row.outputs * width)
        self.has_shortcut = row.stride == 1 and inputs == self.outputs
        layers = []
        if expanded != inputs:
            layers.append(conv_bn(inputs, expanded, 1, activation=row.activation(inplace=True)))
        layers.append(
            conv_bn(
                expanded, expanded, row.kernel, row.stride, expanded, row.activation(inplace=True)
            )
        )
        if row.squeeze_excite:
            squeezed = round_channels(expanded / 4)
            layers.append(
                SqueezeExcite(expanded, squeezed, nn.ReLU(inplace=True), nn.Hardsigmoid())
            )
        layers.append(conv_bn(expanded, self.outputs, 1))
        self.layers = nn.Sequential(*layers)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.layers(x)
        if self.has_shortcut:
            y += x
        return y


class MobileNetV3(nn.Module):
    def __init__(self, rows: Sequence[Row], head: int, width: float = 1.0, classes: int = 1000):
        super().__init__()
        channels = round_channels(16 * width)
        layers = [conv_bn(3, channels, 3, 2, activation=nn.Hardswish(inplace=True))]
        for row in rows:
            block = Block(channels, row, width)
            layers.append(block)
            channels = block.outputs
        last = 6 * channels
        layers.append(conv_bn(channels, last, 1, activation=nn.Hardswish(inplace=True)))
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(
            nn.Linear(last, head),
            nn.Hardswish(inplace=True),
            nn.Dropout(0.2, inplace=True),
            nn.Linear(head, classes),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.avgpool(self.features(x))
        x = torch.flatten(x, 1)
        return self.classifier(x)


def mobilenet_v3_large(width: float = 1.0) -> nn.Module:
    return initialise(MobileNetV3(LARGE, round_channels(1280 * width), width))


def mobilenet_v3_small(width: float = 1.0) -> nn.Module:
    return initialise(MobileNetV3(SMALL, round_channels(1024 * width), width))
