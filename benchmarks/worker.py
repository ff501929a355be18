"""Runs a contestant's deployable files in a process of its own; `compare.py` calls it.

    python worker.py CONTESTANT FOLDER INPUTS

Imports nothing but the runtime of that contestant, so that its start and memory are those of a
deployed process. Speaks lines: on stdin `run N` and `stop`, on stdout JSON. Between them it sleeps.
"""

import gc
import importlib
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

Run = Callable[[], object]
"""One forward pass; gives an array or tensor, or several."""

PEAK_SHAPE = (256, 2048, 512)
"""Rows, depth and columns of the product that measures the machine's int8 peak: many operations on
what the second-level cache holds, and short enough to fit between two disturbances."""


def torch_run(module: Callable, arrays: Sequence[np.ndarray]) -> Run:
    import torch

    torch.set_num_threads(1)
    inputs = [torch.from_numpy(array) for array in arrays]
    return torch.inference_mode()(lambda: module(*inputs))


def eager(folder: Path, arrays: Sequence[np.ndarray]) -> Run:
    import torch
    import workloads  # noqa: F401  the classes in the file

    return torch_run(torch.load(folder / "model.pt", weights_only=False), arrays)


def script(folder: Path, arrays: Sequence[np.ndarray]) -> Run:
    import torch

    return torch_run(torch.jit.load(folder / "model.pt"), arrays)


def onnxruntime(folder: Path, arrays: Sequence[np.ndarray]) -> Run:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        folder / "model.onnx", options, providers=["CPUExecutionProvider"]
    )
    feed = {node.name: array for node, array in zip(session.get_inputs(), arrays)}
    return lambda: session.run(None, feed)


def openvino(folder: Path, arrays: Sequence[np.ndarray]) -> Run:
    """What is not int8 stays fp32, as everywhere else here."""
    import openvino

    settings = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": 1,
        "INFERENCE_PRECISION_HINT": "f32",
    }
    compiled = openvino.Core().compile_model(folder / "model.xml", "CPU", settings)
    request, inputs = compiled.create_infer_request(), list(arrays)
    return lambda: list(request.infer(inputs, share_inputs=True, share_outputs=True).values())


def inductor(folder: Path, arrays: Sequence[np.ndarray]) -> Run:
    import torch

    return torch_run(torch._inductor.aoti_load_package(str(folder / "model.pt2")), arrays)


def int8_peak(folder: Path, arrays: Sequence[np.ndarray]) -> Run:
    """A product of uint8 activations and int8 weights, requantized to uint8, in PyTorch."""
    import torch

    torch.backends.quantized.engine = "onednn"
    rows, depth, columns = PEAK_SHAPE
    x = torch.quantize_per_tensor(torch.rand(rows, depth), 1 / 255, 0, torch.quint8)
    weight = torch.quantize_per_tensor(torch.rand(columns, depth), 1 / 127, 0, torch.qint8)
    packed = torch.ops.quantized.linear_prepack(weight, None)
    return torch_run(lambda: torch.ops.quantized.linear(x, packed, 4.0, 0), [])


RUNTIMES: dict[str, tuple[str, Callable[[Path, Sequence[np.ndarray]], Run]]] = {
    "eager": ("torch", eager),
    "frozen": ("torch", script),
    "int8graph": ("int8graph", script),
    "onnxruntime": ("onnxruntime", onnxruntime),
    "openvino": ("openvino", openvino),
    "inductor": ("torch._inductor", inductor),
    "int8_peak": ("torch", int8_peak),
}


def timed(run: Run) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def turn(run: Run, calls: int) -> list[float]:
    """Seconds of each of `calls` calls. One more goes before: the others' turns have left their
    data in the caches."""
    run()
    return [timed(run) for _ in range(calls)]


def peak_memory() -> int:
    """The most bytes that were resident since the start, or since `forget_peak_memory()`."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


def forget_peak_memory() -> None:
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        pass  # not allowed here: the peak stays that of the start


def main() -> None:
    contestant, folder, inputs = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
    # Runtimes may print: keep the pipe to ourselves, and send what they say to stderr.
    pipe = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)

    def answer(message: object) -> None:
        print(json.dumps(message), file=pipe)

    module, load = RUNTIMES[contestant]
    importlib.import_module(module)
    arrays = list(np.load(inputs).values())
    imported = time.monotonic()
    run = load(folder, arrays)
    run()
    # The clock is the machine's: the parent knows when it started this process.
    answer({"imported": imported, "first_output": time.monotonic()})

    gc.disable()
    peak, steady = 0, False
    for line in sys.stdin:
        command, *number = line.split()
        if command == "stop":
            break
        answer(turn(run, int(number[0])))
        if not steady:  # the first turn warms up
            peak, steady = peak_memory(), True
            forget_peak_memory()
    memory = {"peak_memory": max(peak, peak_memory()), "steady_memory": peak_memory()}
    # Not those of the first call, which runtimes that compile while they run compute otherwise.
    outputs = run()
    several = isinstance(outputs, (list, tuple))
    if contestant != "int8_peak":
        np.savez(folder / "outputs.npz", *(outputs if several else [outputs]))
    answer(memory)


if __name__ == "__main__":
    main()
