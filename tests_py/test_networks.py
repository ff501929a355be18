"""Whole networks, in small versions: each converts by itself, is fused, and computes the right
thing."""

from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from torch import nn

import int8graph
from graph_facts import graph_facts
from models import SMALL_MODELS, SMALL_SIZE, random_image
from stock_torch import run_in_stock_torch

# The least ratio of signal to quantization noise at the output, in decibels: some 4 dB below what
# fake-quantized inputs and weights of every convolution and linear give in fp32. The weights are
# random, and the images that are measured take no part in calibration.
MIN_SQNR = {
    "resnet18": 28.0,
    "resnet50": 23.0,
    "mobilenet_v2": 14.0,
    "mobilenet_v3_large": 15.0,
    "mobilenet_v3_small": 20.0,
    "efficientnet_b0": 16.0,
    "densenet121": 24.0,
    "iresnet50": 22.0,
    "vgg11": 29.0,
    "vgg16_bn": 21.0,
    "squeezenet": 24.0,
    "shufflenet_v2": 22.0,
    "unet": 14.0,
    "unet_transposed": 16.0,
}

# How far the difference between fused and unfused lies below the noise of quantizing, in decibels.
# DenseNet amplifies the choice between two quanta most: stock PyTorch differs from itself by as
# much (38 dB, 8 below the noise) when its input is channels-last. EfficientNet has 5.95 dB on one
# thread, more on two.
MARGIN = dict.fromkeys(MIN_SQNR, 6.0) | {"densenet121": 3.0, "efficientnet_b0": 5.0}


@dataclass
class Converted:
    name: str
    model: nn.Module
    module: torch.jit.ScriptModule
    path: Path
    image: torch.Tensor


@pytest.fixture(scope="module", params=SMALL_MODELS)
def converted(request, tmp_path_factory) -> Converted:
    model = SMALL_MODELS[request.param]()
    image = random_image(SMALL_SIZE, seed=1)
    conf = int8graph.QuantConf()
    with torch.no_grad():
        for seed in range(100, 104):
            with int8graph.calibrate(conf):
                model(random_image(SMALL_SIZE, seed=seed))
        module = int8graph.convert(model, conf, image)
    path = tmp_path_factory.mktemp(request.param) / "model.pt"
    int8graph.save(module, str(path))
    return Converted(request.param, model, module, path, image)


def run(module: nn.Module, image: torch.Tensor) -> torch.Tensor:
    """The output after one call that is not looked at: fusion happens at the second."""
    with torch.no_grad():
        module(image)
        return module(image)


def sqnr(reference: torch.Tensor, output: torch.Tensor) -> float:
    noise = (reference - output).square().mean()
    return (10 * torch.log10(reference.var(correction=0) / noise)).item()


def test_every_conv_and_linear_is_int8_in_a_partition(converted):
    facts = graph_facts(torch.jit.load(str(converted.path)), converted.image)
    kinds = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)
    expected = sum(isinstance(module, kinds) for module in converted.model.modules())
    assert facts.compute_outside == []
    assert facts.int8_compute == expected


def test_nothing_is_requantized_between_partitions(converted):
    facts = graph_facts(torch.jit.load(str(converted.path)), converted.image)
    assert facts.requantized == 0


def test_output_is_close_to_fp32(converted):
    fp32 = run(converted.model, converted.image)
    assert sqnr(fp32, run(converted.module, converted.image)) >= MIN_SQNR[converted.name]


def test_loaded_file_gives_the_same_numbers(converted):
    loaded = torch.jit.load(str(converted.path))
    assert torch.equal(run(loaded, converted.image), run(converted.module, converted.image))


def test_stock_torch_agrees_at_any_shape(converted):
    """A value on the edge between two quanta may fall on either side, and a deep network with
    random weights amplifies that; it must stay well below the noise of quantizing itself."""
    images = [converted.image, random_image(128, batch=2, seed=2)]
    loaded = torch.jit.load(str(converted.path))
    unfused = run_in_stock_torch(converted.path, images, converted.path.parent)
    for image, expected in zip(images, unfused):
        fp32 = run(converted.model, image)
        margin = sqnr(expected, run(loaded, image)) - sqnr(fp32, expected)
        assert margin >= MARGIN[converted.name]
