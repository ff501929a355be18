"""CPUs without VNNI, whose int8 products can overflow: oneDNN is told to take this CPU for one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import int8graph
from models import SMALL_MODELS, SMALL_SIZE, random_image
from stock_torch import run_in_stock_torch

RUN_FUSED = """
import sys, torch, int8graph
model, inputs, output = sys.argv[1:]
module, image = torch.jit.load(model), torch.load(inputs, weights_only=True)
with torch.no_grad():
    module(image)  # fused at the second call
    torch.save(module(image), output)
"""


@pytest.fixture(scope="module")
def artifact(tmp_path_factory) -> Path:
    model = SMALL_MODELS["resnet18"]()
    image = random_image(SMALL_SIZE, seed=1)
    conf = int8graph.QuantConf()
    with torch.no_grad():
        with int8graph.calibrate(conf):
            model(image)
        module = int8graph.convert(model, conf, image)
    path = tmp_path_factory.mktemp("older_cpus") / "model.pt"
    int8graph.save(module, str(path))
    return path


def run_on(instructions: str, model: Path, image: torch.Tensor) -> tuple[torch.Tensor, str]:
    """The fused output, and what the verbose log says."""
    inputs, output = model.parent / "image.pt", model.parent / "output.pt"
    torch.save(image, inputs)
    result = subprocess.run(
        [sys.executable, "-c", RUN_FUSED, str(model), str(inputs), str(output)],
        env=os.environ | {"ONEDNN_MAX_CPU_ISA": instructions, "INT8GRAPH_VERBOSE": "1"},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    return torch.load(output, weights_only=True), result.stderr


@pytest.mark.parametrize("instructions", ["AVX2", "AVX512_CORE"])
def test_the_numbers_are_those_of_stock_torch(artifact, instructions):
    image = random_image(SMALL_SIZE, seed=2)
    output, log = run_on(instructions, artifact, image)
    [expected] = run_in_stock_torch(artifact, [image], artifact.parent)
    assert "conv2d+quantize: runs in fp32: without VNNI, oneDNN's int8 products can saturate" in log
    signal = expected.var(correction=0)
    assert (output - expected).square().mean() <= 1e-4 * signal  # 40 dB; saturated: 20 or less
