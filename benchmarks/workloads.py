"""What is measured: networks with random weights, and what they are called with."""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests_py"))
os.environ.setdefault("HF_HUB_OFFLINE", "1")

from models import FULL_SIZE, MODELS, random_image  # noqa: E402
from models.common import initialise as initialise_vision  # noqa: E402

Inputs = tuple[Tensor, ...]

TOKENS = 128


class Field(nn.Module):
    """A model of transformers that gives one tensor of its output, as the other models do."""

    def __init__(self, model: nn.Module, field: str):
        super().__init__()
        self.model = model
        self.field = field

    def forward(self, *inputs: Tensor) -> Tensor:
        return getattr(self.model(*inputs), self.field)


@dataclass(frozen=True)
class Workload:
    """A network and its inputs. The same seed gives the same weights and inputs in any process."""

    build: Callable[[], nn.Module]
    inputs: Callable[[int], Inputs]
    """Makes what the network is called with, from a seed."""
    is_transformer: bool = False

    def model(self) -> nn.Module:
        torch.manual_seed(0)
        return self.build().eval()

    def calibration(self) -> list[Inputs]:
        return [self.inputs(100 + call) for call in range(8)]


# --- Inputs -----------------------------------------------------------------------------------


def images(batch: int, seed: int) -> Inputs:
    return (random_image(FULL_SIZE, batch, seed),)


def tokens(seed: int) -> Inputs:
    random = torch.Generator().manual_seed(seed)
    return (torch.randint(1000, 30000, (1, TOKENS), generator=random),)


def features(seed: int) -> Inputs:
    return (torch.randn(128, 512, generator=torch.Generator().manual_seed(seed)),)


# --- Networks ---------------------------------------------------------------------------------


def transformers_mobilenet_v2(settled: bool = True) -> nn.Module:
    """MobileNetV2 as TensorFlow trains it: it pads before each convolution, and on one side only
    where that strides.

    Not `settled`, it has the weights that its configuration draws: small ones, with batch norms
    that have seen no data. Activations then fall to 1e-23 towards the output, where precision
    says nothing.
    """
    from transformers import MobileNetV2Config, MobileNetV2ForImageClassification

    model = Field(MobileNetV2ForImageClassification(MobileNetV2Config()), "logits")
    return initialise_vision(model) if settled else model


def bert_base() -> nn.Module:
    from models.transformer_models import initialise
    from transformers import BertConfig, BertModel

    return Field(initialise(BertModel(BertConfig(), add_pooling_layer=False)), "last_hidden_state")


def transformers_vit() -> nn.Module:
    """ViT-B/16."""
    from models.transformer_models import initialise
    from transformers import ViTConfig, ViTForImageClassification

    return Field(initialise(ViTForImageClassification(ViTConfig())), "logits")


def mlp() -> nn.Module:
    sizes = (512, 1024, 1024, 512, 256)
    layers = [nn.Linear(inputs, outputs) for inputs, outputs in zip(sizes, sizes[1:])]
    parts = [part for layer in layers for part in (layer, nn.ReLU())]
    return initialise_vision(nn.Sequential(*parts[:-1]))


one_image = partial(images, 1)

WORKLOADS: dict[str, Workload] = {
    **{name: Workload(build, one_image) for name, build in MODELS.items()},
    "resnet50_batch8": Workload(MODELS["resnet50"], partial(images, 8)),
    "transformers_mobilenet_v2": Workload(transformers_mobilenet_v2, one_image),
    "transformers_mobilenet_v2_as_configured": Workload(
        partial(transformers_mobilenet_v2, settled=False), one_image
    ),
    "bert_base": Workload(bert_base, tokens, is_transformer=True),
    "transformers_vit": Workload(transformers_vit, one_image, is_transformer=True),
    "mlp": Workload(mlp, features),
}

DEFAULT_WORKLOADS = [
    "resnet50",
    "resnet50_batch8",
    "transformers_mobilenet_v2",
    "mobilenet_v2",
    "bert_base",
    "transformers_vit",
    "mlp",
]
