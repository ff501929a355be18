"""The examples of README.md do what they say."""

import re
from pathlib import Path

import torch
from torch import nn

README = Path(__file__).resolve().parent.parent / "README.md"


def code_blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README.read_text(), re.DOTALL | re.MULTILINE)


def test_the_python_example_runs_as_it_stands(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    names = {
        "model": nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 4, 3)).eval(),
        "calibration_data": [torch.randn(1, 3, 16, 16) for _ in range(4)],
        "example_input": torch.randn(1, 3, 16, 16),
        "x": torch.randn(1, 3, 16, 16),
    }
    (example,) = code_blocks("python")
    exec(compile(example, str(README), "exec"), names)
    saved = torch.jit.load(tmp_path / "model.pt")
    with torch.no_grad():
        saved(names["x"])
        assert torch.equal(saved(names["x"]), names["q"](names["x"]))


def test_the_cpp_example_is_what_the_consumer_compiles():
    """whole_job.cpp is built and run by test_consumer.py; README shows the same calls."""
    consumer = (README.parent / "tests_cpp/consumer/whole_job.cpp").read_text()
    (example,) = code_blocks("cpp")
    for call in ("#include <int8graph/int8graph.h>", "torch::jit::load(", "int8graph::load("):
        assert call in example
        assert call in consumer
