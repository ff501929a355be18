"""SqueezeNet 1.1 (Iandola et al. 2016): no batch norm, concatenated 1x1 and 3x3 convolutions."""

import torch
from torch import nn

from .common import initialise


class Fire(nn.Module):
    def __init__(self, inputs: int, squeezed: int, expanded: int):
        super().__init__()
        self.squeeze = nn.Conv2d(inputs, squeezed, 1)
        self.expand1x1 = nn.Conv2d(squeezed, expanded, 1)
        self.expand3x3 = nn.Conv2d(squeezed, expanded, 3, padding=1)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.relu(self.squeeze(x))
        return torch.cat([self.relu(self.expand1x1(x)), self.relu(self.expand3x3(x))], 1)


class SqueezeNet(nn.Module):
    def __init__(self, width: int = 64, classes: int = 1000):
        super().__init__()
        # The paper's channel counts are all multiples of a quarter of the first layer's.
        unit = width // 4
        layers: list[nn.Module] = [
            nn.Conv2d(3, width, 3, 2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2, ceil_mode=True),
        ]
        channels = width
        for squeezed, pooled in (
            (1, False),
            (1, True),
            (2, False),
            (2, True),
            (3, False),
            (3, False),
            (4, False),
            (4, False),
        ):
            layers.append(Fire(channels, squeezed * unit, 4 * squeezed * unit))
            channels = 8 * squeezed * unit
            if pooled:
                layers.append(nn.MaxPool2d(3, 2, ceil_mode=True))
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(
            nn.Dropout(),
            nn.Conv2d(channels, classes, 1),
            nn.ReLU(inplace=True),
            nn.AdaptiveAvgPool2d(1),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.flatten(self.classifier(self.features(x)), 1)


def squeezenet(width: int = 64) -> nn.Module:
    return initialise(SqueezeNet(width))
