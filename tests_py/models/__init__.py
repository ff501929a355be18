"""Well-known networks with random weights, written down from their papers for tests and benchmarks.

`MODELS` has them at full size, `SMALL_MODELS` the same structures, narrower and shallower, for
tests. Both take `random_image(size)` with the sizes of `FULL_SIZE` and `SMALL_SIZE`.
"""

from collections.abc import Callable
from functools import partial

from torch import nn

from .common import random_image
from .densenet import densenet121
from .efficientnet import efficientnet_b0
from .iresnet import iresnet50
from .mobilenet_v2 import mobilenet_v2
from .mobilenet_v3 import mobilenet_v3_large, mobilenet_v3_small
from .resnet import resnet18, resnet50
from .shufflenet_v2 import shufflenet_v2
from .squeezenet import squeezenet
from .unet import unet
from .vgg import vgg11, vgg16

__all__ = ["FULL_SIZE", "MODELS", "SMALL_MODELS", "SMALL_SIZE", "random_image"]

FULL_SIZE = 224
SMALL_SIZE = 96

MODELS: dict[str, Callable[[], nn.Module]] = {
    "resnet18": resnet18,
    "resnet50": resnet50,
    "mobilenet_v2": mobilenet_v2,
    "mobilenet_v3_large": mobilenet_v3_large,
    "mobilenet_v3_small": mobilenet_v3_small,
    "efficientnet_b0": efficientnet_b0,
    "densenet121": densenet121,
    "iresnet50": iresnet50,
    "vgg11": vgg11,
    "vgg16_bn": partial(vgg16, batch_norm=True),
    "squeezenet": squeezenet,
    "shufflenet_v2": shufflenet_v2,
    "unet": unet,
    "unet_transposed": partial(unet, transposed=True),
}

SMALL_MODELS: dict[str, Callable[[], nn.Module]] = {
    "resnet18": partial(resnet18, width=16),
    "resnet50": partial(resnet50, width=16, blocks=(2, 2, 2, 2)),
    "mobilenet_v2": partial(mobilenet_v2, width=0.5),
    "mobilenet_v3_large": partial(mobilenet_v3_large, width=0.5),
    "mobilenet_v3_small": partial(mobilenet_v3_small, width=0.5),
    "efficientnet_b0": partial(efficientnet_b0, width=0.5),
    "densenet121": partial(densenet121, growth=8, blocks=(2, 3, 3, 2)),
    "iresnet50": partial(iresnet50, blocks=(1, 2, 2, 1), width=16, side=3, features=64),
    "vgg11": partial(vgg11, width=8),
    "vgg16_bn": partial(vgg16, width=8, batch_norm=True),
    "squeezenet": partial(squeezenet, width=32),
    "shufflenet_v2": partial(shufflenet_v2, channels=(32, 64, 128), last=256, units=(2, 3, 2)),
    "unet": partial(unet, width=8, depth=3),
    "unet_transposed": partial(unet, width=8, depth=3, transposed=True),
}
