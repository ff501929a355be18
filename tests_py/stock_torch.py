"""Runs artifacts in a process that knows PyTorch and nothing of int8graph."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch


Inputs = Sequence[torch.Tensor | tuple[torch.Tensor, ...]]


def run_in_stock_torch(model: Path, inputs: Inputs, folder: Path) -> list:
    """The outputs of the saved `model`, one for each input. `folder` is for the files by which the
    two processes talk."""
    return run_all_in_stock_torch({model: inputs}, folder)[model]


def run_all_in_stock_torch(inputs: Mapping[Path, Inputs], folder: Path) -> dict[Path, list]:
    """The same of several models, in one process."""
    inputs_path, outputs_path = folder / "stock_inputs.pt", folder / "stock_outputs.pt"
    torch.save({str(model): list(of_model) for model, of_model in inputs.items()}, inputs_path)
    command = [sys.executable, __file__, str(inputs_path), str(outputs_path)]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("INT8GRAPH_")}
    result = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    outputs = torch.load(outputs_path, weights_only=True)
    return {model: outputs[str(model)] for model in inputs}


def run(path: str, inputs: Inputs) -> list:
    model = torch.jit.load(path)
    with torch.no_grad():
        return [model(*x) if isinstance(x, tuple) else model(x) for x in inputs]


def main(inputs_path: str, outputs_path: str) -> None:
    inputs = torch.load(inputs_path, weights_only=True)
    outputs = {path: run(path, of_model) for path, of_model in inputs.items()}
    libraries = Path("/proc/self/maps").read_text()
    assert "int8graph" not in sys.modules and "libint8graph" not in libraries
    torch.save(outputs, outputs_path)


if __name__ == "__main__":
    main(*sys.argv[1:])
