"""Small networks of operators in random order: what meets there, nobody has thought of."""

import random
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .common import SqueezeExcite

Values = list[Tensor]  # the input and what each step made, the last one last
Step = Callable[[random.Random, Values], nn.Module]


class Apply(nn.Module):
    """A layer or function of the last value."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, values: Values) -> Tensor:
        return self.function(values[-1])


class Combine(nn.Module):
    """A function of the last value and an earlier one."""

    def __init__(self, function: Callable[[Tensor, Tensor], Tensor], earlier: int) -> None:
        super().__init__()
        self.function, self.earlier = function, earlier

    def forward(self, values: Values) -> Tensor:
        return self.function(values[-1], values[self.earlier])


class ChannelMixer(nn.Module):
    """Layer norm and a linear layer over the channels of an image, as ConvNeXt has them."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.LayerNorm(channels), nn.Linear(channels, channels))

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class SelfAttention(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.layer = nn.MultiheadAttention(width, 1, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layer(x, x, x, need_weights=False)[0]


class Attention(nn.Module):
    """As transformers write it, with one of `SCORES` before the softmax; or PyTorch's own."""

    def __init__(self, width: int, heads: int, packed: bool, scores: str, residual: bool) -> None:
        super().__init__()
        inner = 8 * heads
        parts = [3 * inner] if packed else [inner] * 3
        self.inputs = nn.ModuleList(nn.Linear(width, part) for part in parts)
        self.output = nn.Linear(inner, width)
        self.heads, self.scores, self.residual = heads, scores, residual

    def forward(self, x: Tensor) -> Tensor:
        batch, length, _ = x.shape
        parts = [layer(x) for layer in self.inputs]
        if len(parts) == 1:
            parts = parts[0].chunk(3, -1)
        q, k, v = (part.view(batch, length, self.heads, 8).transpose(1, 2) for part in parts)
        visible = torch.ones(length, length, dtype=torch.bool).tril()
        if self.scores == "fused":
            y = F.scaled_dot_product_attention(q, k, v)
        elif self.scores == "fused, causal":
            y = F.scaled_dot_product_attention(q, k, v, attn_mask=visible)
        else:
            y = SCORES[self.scores](q @ k.transpose(-1, -2), visible).softmax(-1) @ v
        y = self.output(y.transpose(1, 2).reshape(batch, length, 8 * self.heads))
        return x + y if self.residual else y


SCORES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "plain": lambda s, _: s,
    "divided": lambda s, _: s / 8**0.5,
    "multiplied": lambda s, _: s * 0.35,
    "filled": lambda s, visible: (s / 2).masked_fill(~visible, float("-inf")),
    "chosen": lambda s, visible: torch.where(visible, s, torch.finfo(torch.float32).min),
    "added": lambda s, visible: s / 3 + torch.where(visible, 0.0, -2.0),
}

ACTIVATIONS: list[Callable[[Tensor], Tensor]] = [
    F.relu,
    F.relu6,
    F.hardswish,
    F.hardsigmoid,
    F.silu,
    F.gelu,
    F.elu,
    F.mish,
    F.softplus,
    F.selu,
    torch.tanh,
    torch.sigmoid,
    torch.abs,
    lambda x: F.gelu(x, approximate="tanh"),
    lambda x: F.leaky_relu(x, 0.2),
    lambda x: F.relu_(x * 1.5),
    lambda x: x * F.relu6(x + 3) / 6,
    lambda x: x * torch.sigmoid(x),
    lambda x: x * 0.5 * (1 + torch.erf(x / 2**0.5)),
    lambda x: torch.clamp(x, -0.5, 1.2),
    lambda x: x.clamp(min=-0.1),
    lambda x: torch.square(F.relu(x)) * 0.5,
    lambda x: torch.where(x > 0, x, 0.1 * x),
    lambda x: torch.sqrt(x.abs()),
    lambda x: torch.log(x.abs() + 1),
]

ARITHMETIC: list[Callable[[Tensor], Tensor]] = [
    lambda x: x + 0.5,
    lambda x: x - 1,
    lambda x: 2 - x,
    lambda x: x * -1.5,
    lambda x: x / 3,
    lambda x: x * torch.full((), 0.5),
    lambda x: x * 1,
]

MERGES: list[Callable[[Tensor, Tensor], Tensor]] = [
    torch.add,
    torch.sub,
    torch.mul,
    torch.maximum,
    torch.minimum,
    lambda x, y: y + x,
    lambda x, y: y - x,
    lambda x, y: torch.add(x, y, alpha=2),
    lambda x, y: x * torch.sigmoid(y),
    lambda x, y: x.clone().add_(y),
]


def one_of(functions: list[Callable[[Tensor], Tensor]]) -> Step:
    return lambda rng, _: Apply(rng.choice(functions))


def merge(rng: random.Random, values: Values) -> nn.Module:
    fitting = [i for i, value in enumerate(values) if value.shape == values[-1].shape]
    return Combine(rng.choice(MERGES), rng.choice(fitting))


def concatenate(dim: int) -> Step:
    def step(rng: random.Random, values: Values) -> nn.Module:
        def others(value: Tensor) -> list[int]:
            return [size for d, size in enumerate(value.shape) if d != dim % value.dim()]

        fitting = [i for i, value in enumerate(values) if others(value) == others(values[-1])]
        return Combine(lambda x, y: torch.cat([x, y], dim), rng.choice(fitting))

    return step


def convolution(rng: random.Random, values: Values) -> nn.Module:
    channels, kernel, dilation = values[-1].size(1), rng.choice([1, 3, 3, 5]), rng.choice([1, 1, 2])
    out, groups = rng.choice([(channels, channels), *[(o, 1) for o in (8, 16, 24)]])
    return Apply(
        nn.Conv2d(
            channels,
            out,
            kernel,
            stride=rng.choice([1, 1, 2]),
            padding=dilation * (kernel // 2),
            dilation=dilation,
            groups=groups,
            bias=rng.random() < 0.6,
        )
    )


def transposed_convolution(rng: random.Random, values: Values) -> nn.Module:
    return Apply(nn.ConvTranspose2d(values[-1].size(1), 8, 2, 2, bias=rng.random() < 0.6))


def batch_norm(rng: random.Random, values: Values) -> nn.Module:
    layer = nn.BatchNorm2d(values[-1].size(1))
    for tensor, low, high in [
        (layer.running_mean, -0.5, 0.5),
        (layer.running_var, 0.5, 2),
        (layer.weight, 0.5, 1.5),
        (layer.bias, -0.3, 0.3),
    ]:
        nn.init.uniform_(tensor, low, high)
    return Apply(layer)


def pool(rng: random.Random, values: Values) -> nn.Module:
    stride = rng.choice([1, 2])
    if rng.random() < 0.5:
        return Apply(nn.MaxPool2d(3, stride, 1))
    return Apply(nn.AvgPool2d(3, stride, 1, count_include_pad=rng.random() < 0.5))


def squeeze_excite(rng: random.Random, values: Values) -> nn.Module:
    gate = rng.choice([nn.Sigmoid(), nn.Hardsigmoid()])
    return Apply(SqueezeExcite(values[-1].size(1), 4, nn.ReLU(), gate))


def group_norm(rng: random.Random, values: Values) -> nn.Module:
    return Apply(nn.GroupNorm(1, values[-1].size(1)))


def channel_mixer(rng: random.Random, values: Values) -> nn.Module:
    return Apply(ChannelMixer(values[-1].size(1)))


def shuffle(rng: random.Random, values: Values) -> nn.Module:
    groups = 2 if values[-1].size(1) % 2 == 0 else 1
    return Apply(nn.ChannelShuffle(groups))


def upsample(rng: random.Random, values: Values) -> nn.Module:
    return Apply(nn.Upsample(scale_factor=2, mode=rng.choice(["nearest", "bilinear"])))


def linear(rng: random.Random, values: Values) -> nn.Module:
    width = values[-1].size(-1)
    return Apply(nn.Linear(width, rng.choice([width, 8, 16, 20, 32]), bias=rng.random() < 0.7))


def layer_norm(rng: random.Random, values: Values) -> nn.Module:
    return Apply(nn.LayerNorm(values[-1].size(-1), elementwise_affine=rng.random() < 0.8))


def rms_norm(rng: random.Random, values: Values) -> nn.Module:
    return Apply(lambda x: x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-6))


def attention(rng: random.Random, values: Values) -> nn.Module:
    return Apply(
        Attention(
            values[-1].size(-1),
            heads=rng.choice([1, 2, 4]),
            packed=rng.random() < 0.3,
            scores=rng.choice([*SCORES, "fused", "fused, causal"]),
            residual=rng.random() < 0.5,
        )
    )


def self_attention(rng: random.Random, values: Values) -> nn.Module:
    return Apply(SelfAttention(values[-1].size(-1)))


def narrow(dim: int) -> Step:
    def step(rng: random.Random, values: Values) -> nn.Module:
        width = values[-1].size(dim) // 2 + 1
        start = rng.choice([0, values[-1].size(dim) - width])
        return Apply(lambda x: x.narrow(dim, start, width))

    return step


def add_halves(dim: int) -> Step:
    def step(rng: random.Random, values: Values) -> nn.Module:
        parts = 2 if values[-1].size(dim) % 2 == 0 else 1
        return Apply(lambda x: sum(x.chunk(parts, dim)[1:], x.chunk(parts, dim)[0]))

    return step


# The likelier, the oftener it stands there.
IMAGE_STEPS: list[Step] = [
    *[convolution] * 7,
    *[one_of(ACTIVATIONS)] * 5,
    *[merge] * 4,
    *[batch_norm] * 2,
    *[pool] * 2,
    *[concatenate(1)] * 2,
    one_of(ARITHMETIC),
    transposed_convolution,
    squeeze_excite,
    group_norm,
    channel_mixer,
    shuffle,
    upsample,
    narrow(1),
    add_halves(1),
]

SEQUENCE_STEPS: list[Step] = [
    *[linear] * 7,
    *[one_of(ACTIVATIONS)] * 4,
    *[merge] * 4,
    *[attention] * 5,
    *[layer_norm] * 2,
    *[one_of(ARITHMETIC)] * 2,
    concatenate(-1),
    self_attention,
    rms_norm,
    narrow(-1),
    add_halves(-1),
    lambda *_: Apply(nn.Softmax(-1)),
    lambda *_: Apply(lambda x: x + x.mean(1, keepdim=True)),
]


class RandomNetwork(nn.Module):
    def __init__(self, seed: int) -> None:
        super().__init__()
        rng = random.Random(seed)
        torch.manual_seed(seed)
        self.is_of_images = rng.random() < 0.5
        self.channels = rng.choice([3, 8, 16, 17])
        draw_first = convolution if self.is_of_images else linear
        steps = IMAGE_STEPS if self.is_of_images else SEQUENCE_STEPS
        self.steps = nn.ModuleList()
        values = [self.example(1, seed)]
        with torch.no_grad():
            for draw in [draw_first, *rng.choices(steps, k=rng.randint(3, 12))]:
                self.steps.append(draw(rng, values).eval())
                values.append(self.steps[-1](values))
        self.eval()

    def example(self, batch: int, seed: int, size: int = 16) -> Tensor:
        """Normal numbers: images of `size` rows and columns, a power of two so that halved and
        doubled sizes meet again, or sequences of one element more."""
        sizes = (self.channels, size, size) if self.is_of_images else (size + 1, self.channels)
        return torch.randn(batch, *sizes, generator=torch.Generator().manual_seed(seed))

    def forward(self, x: Tensor) -> Tensor:
        values = [x]
        for step in self.steps:
            values.append(step(values))
        return values[-1]
