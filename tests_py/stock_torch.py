"""Runs artifacts in a process that knows PyTorch and nothing of int8graph."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import torch


def run_in_stock_torch(
    model: Path, inputs: Sequence[torch.Tensor | tuple[torch.Tensor, ...]], folder: Path
) -> list:
    """The outputs of the saved `model`, one for each input. `folder` is for the files by which the
    two processes talk."""
    inputs_path, outputs_path = folder / "stock_inputs.pt", folder / "stock_outputs.pt"
    torch.save(list(inputs), inputs_path)
    command = [sys.executable, __file__, str(model), str(inputs_path), str(outputs_path)]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("INT8GRAPH_")}
    result = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return torch.load(outputs_path, weights_only=True)


def main(model_path: str, inputs_path: str, outputs_path: str) -> None:
    inputs = torch.load(inputs_path, weights_only=True)
    model = torch.jit.load(model_path)
    with torch.no_grad():
        outputs = [model(*x) if isinstance(x, tuple) else model(x) for x in inputs]
    libraries = Path("/proc/self/maps").read_text()
    assert "int8graph" not in sys.modules and "libint8graph" not in libraries
    torch.save(outputs, outputs_path)


if __name__ == "__main__":
    main(*sys.argv[1:])
