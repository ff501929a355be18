"""The main job of int8graph on a real network and real images: `make demo`.

A trained digit classifier is calibrated, converted and saved; then its fp32 and its int8 form are
compared in Python, and the saved file is run in a C++ program.
"""

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

import torch
from torch import nn

import digits

STEPS = (
    "load the network and the images",
    "calibrate, convert, save",
    "run fp32 in Python",
    "run int8 in Python",
    "build the C++ program",
    "run int8 in C++",
    "measure latency",
)


class Progress:
    """Shows the step that is being done, if a person is watching."""

    def __init__(self):
        self._done = 0
        self._watched = sys.stderr.isatty()

    def next(self) -> None:
        if self._watched:
            line = f"[{self._done + 1}/{len(STEPS)}] {STEPS[self._done]} ..."
            print(f"\r\033[K{line}", end="", file=sys.stderr, flush=True)
        self._done += 1

    def end(self) -> None:
        if self._watched:
            print("\r\033[K", end="", file=sys.stderr, flush=True)


def median_latencies(models: list[nn.Module], image: torch.Tensor) -> list[float]:
    """The median milliseconds of one call of each model, on one thread, the models taking turns."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    times: list[list[float]] = [[] for _ in models]
    with torch.no_grad():
        for round_index in range(60):
            for model, seconds in zip(models, times):
                for _ in range(10):
                    start = time.perf_counter()
                    model(image)
                    if round_index >= 10:  # what comes before is warm-up
                        seconds.append(time.perf_counter() - start)
    torch.set_num_threads(threads)
    return [1000 * statistics.median(seconds) for seconds in times]


def partition_count(model: torch.jit.ScriptModule, image: torch.Tensor) -> int:
    with torch.no_grad():
        model(image)
    return str(torch.jit.last_executed_optimized_graph()).count("= int8graph::partition")


def demo(folder: Path) -> str:
    """Does the whole job in `folder` and returns the table of results."""
    progress = Progress()
    progress.next()
    network = digits.load_network()
    images, labels = digits.load_images()
    image = images[:1]
    with torch.no_grad():
        frozen = torch.jit.freeze(torch.jit.trace(network, image))
    fp32_path = folder / "digits_fp32.pt"
    frozen.save(str(fp32_path))

    progress.next()
    int8_path = digits.convert(network, images, folder)
    int8 = torch.jit.load(str(int8_path))

    progress.next()
    in_fp32 = digits.predict(frozen, images)
    progress.next()
    in_python = digits.predict(int8, images)
    progress.next()
    program = digits.build_program(folder / "build")
    progress.next()
    in_cpp = digits.predict_in_cpp(program, int8_path, images, folder)
    progress.next()
    fp32_ms, int8_ms = median_latencies([frozen, int8], image)
    progress.end()

    accuracy = [percent(predicted, labels) for predicted in (in_fp32, in_python, in_cpp)]
    agreement = [percent(predicted, in_fp32) for predicted in (in_python, in_cpp)]
    sizes = [f"{path.stat().st_size / 1000:.0f} kB" for path in (fp32_path, int8_path)]
    table = [
        ["", "fp32", "int8, Python", "int8, C++"],
        ["accuracy", *accuracy],
        ["agrees with fp32", "", *agreement],
        ["agrees with Python", "", "", percent(in_cpp, in_python)],
        ["one image, one thread", f"{fp32_ms:.3f} ms", f"{int8_ms:.3f} ms", ""],
        ["speed-up", "1.00x", f"{fp32_ms / int8_ms:.2f}x", ""],
        ["file", *sizes, "same file"],
        ["partitions", "", str(partition_count(int8, image)), ""],
    ]
    return f"{len(images)} MNIST images\n\n{aligned(table)}"


def percent(a: torch.Tensor, b: torch.Tensor) -> str:
    return f"{digits.percent_equal(a, b):.2f} %"


def aligned(table: list[list[str]]) -> str:
    """The table's rows as lines, the first column flush left and the others flush right."""
    widths = [max(map(len, column)) for column in zip(*table)]
    lines = []
    for title, *cells in table:
        line = title.ljust(widths[0])
        for cell, width in zip(cells, widths[1:]):
            line += "  " + cell.rjust(width)
        lines.append(line.rstrip())
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--folder", type=Path, help="keep the files here (default: a temporary folder)"
    )
    folder = parser.parse_args().folder
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        print(demo(folder))
    else:
        with tempfile.TemporaryDirectory() as temporary:
            print(demo(Path(temporary)))


if __name__ == "__main__":
    main()
