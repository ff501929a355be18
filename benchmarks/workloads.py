"""The models that can be measured: those of the tests at full size, and some of transformers."""

from collections.abc import Callable

from torch import Tensor, nn

from models import MODELS
from models.common import initialise


class Logits(nn.Module):
    """A transformers classifier that takes an image and gives a tensor, as the other models do."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model

    def forward(self, image: Tensor) -> Tensor:
        return self.model(image).logits


def transformers_mobilenet_v2() -> nn.Module:
    """MobileNetV2 as TensorFlow trains it: it pads before each convolution, and on one side only
    where that strides."""
    from transformers import MobileNetV2Config, MobileNetV2ForImageClassification

    return initialise(Logits(MobileNetV2ForImageClassification(MobileNetV2Config())))


def transformers_vit() -> nn.Module:
    from transformers import ViTConfig, ViTForImageClassification

    return Logits(ViTForImageClassification(ViTConfig())).eval()


WORKLOADS: dict[str, Callable[[], nn.Module]] = MODELS | {
    "transformers_mobilenet_v2": transformers_mobilenet_v2,
    "transformers_vit": transformers_vit,
}
