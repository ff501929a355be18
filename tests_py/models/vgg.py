"""VGG (Simonyan and Zisserman 2014), 11 and 16 layers, with or without batch norms."""

from collections.abc import Sequence

import torch
from torch import nn

from .common import initialise

# Convolutions in each of the five stages.
VGG11 = (1, 1, 2, 2, 2)
VGG16 = (2, 2, 3, 3, 3)


class VGG(nn.Module):
    def __init__(
        self, depths: Sequence[int], batch_norm: bool, width: int = 64, classes: int = 1000
    ):
        super().__init__()
        layers: list[nn.Module] = []
        channels = 3
        for stage, depth in enumerate(depths):
            outputs = width * min(8, 1 << stage)
            for _ in range(depth):
                layers.append(nn.Conv2d(channels, outputs, 3, padding=1))
                if batch_norm:
                    layers.append(nn.BatchNorm2d(outputs))
                layers.append(nn.ReLU(inplace=True))
                channels = outputs
            layers.append(nn.MaxPool2d(2, 2))
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(7)
        hidden = 64 * width
        self.classifier = nn.Sequential(
            nn.Linear(channels * 7 * 7, hidden),
            nn.ReLU(inplace=True),
            nn.Dropout(),
            nn.Linear(hidden, hidden),
            nn.ReLU(inplace=True),
            nn.Dropout(),
            nn.Linear(hidden, classes),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.avgpool(self.features(x))
        x = torch.flatten(x, 1)
        return self.classifier(x)


def vgg11(width: int = 64, batch_norm: bool = False) -> nn.Module:
    return initialise(VGG(VGG11, batch_norm, width))


def vgg16(width: int = 64, batch_norm: bool = False) -> nn.Module:
    return initialise(VGG(VGG16, batch_norm, width))
