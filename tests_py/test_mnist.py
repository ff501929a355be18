"""A trained network on real images, all the way from calibration to a C++ program."""

import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from stock_torch import run_in_stock_torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "examples" / "mnist"))

import digits  # noqa: E402


@dataclass
class Journey:
    folder: Path
    images: torch.Tensor
    labels: torch.Tensor
    int8_path: Path
    in_fp32: torch.Tensor
    in_python: torch.Tensor


@pytest.fixture(scope="module")
def journey(tmp_path_factory) -> Journey:
    folder = tmp_path_factory.mktemp("mnist")
    network = digits.load_network()
    images, labels = digits.load_images()
    int8_path = digits.convert(network, images, folder)
    in_fp32 = digits.predict(network, images)
    in_python = digits.predict(torch.jit.load(str(int8_path)), images)
    return Journey(folder, images, labels, int8_path, in_fp32, in_python)


def test_fp32_accuracy_is_the_known_one(journey):
    assert digits.percent_equal(journey.in_fp32, journey.labels) == pytest.approx(99.70)


def test_int8_is_as_accurate_as_fp32(journey):
    fp32 = digits.percent_equal(journey.in_fp32, journey.labels)
    int8 = digits.percent_equal(journey.in_python, journey.labels)
    assert abs(int8 - fp32) <= 0.1


def test_cpp_program_predicts_what_python_predicts(journey):
    program = digits.build_program(journey.folder / "build")
    in_cpp = digits.predict_in_cpp(program, journey.int8_path, journey.images, journey.folder)
    assert torch.equal(in_cpp, journey.in_python)


def test_stock_torch_agrees(journey):
    batches = journey.images.split(digits.BATCH)
    outputs = run_in_stock_torch(journey.int8_path, batches, journey.folder)
    in_stock = torch.cat([scores.argmax(1) for scores in outputs])
    assert digits.percent_equal(in_stock, journey.in_python) >= 99.9


def test_file_is_about_a_quarter_of_fp32(journey):
    weights = sum(p.numel() for p in digits.load_network().parameters())
    assert journey.int8_path.stat().st_size < 1.2 * weights
