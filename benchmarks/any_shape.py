"""What a new input shape costs: sequence lengths of BERT-base, or image sizes of a CNN, one thread.

One model answers all requests, each of a random shape. It is compared with a model that was loaded
for that shape alone and has run nothing else, in the same moments. Prints the quantiles of the
ratio, at the first call with a shape and at the second, and the memory after the first and after
the last request.
"""

import argparse
import multiprocessing
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import int8graph
import torch
from torch import Tensor

from workloads import WORKLOADS, random_image

LENGTHS = (5, 512)  # tokens
SIDES = (96, 320)  # pixels
WARM_UP = 20  # requests

Shape = tuple[int, ...]


def tokens(shape: Shape) -> Tensor:
    random = torch.Generator().manual_seed(shape[0])
    return torch.randint(1000, 30000, (1, *shape), generator=random)


def image(shape: Shape) -> Tensor:
    height, width = shape
    return random_image(max(shape), 1, height)[:, :, :height, :width].contiguous()


Inputs = Callable[[Shape], Tensor]


def inputs_of(workload: str) -> Inputs:
    return tokens if WORKLOADS[workload].is_transformer else image


def draw(workload: str, requests: int, seed: int) -> list[Shape]:
    random_number = random.Random(seed)
    limits = [LENGTHS] if inputs_of(workload) is tokens else [SIDES, SIDES]
    return [tuple(random_number.randint(*pair) for pair in limits) for _ in range(requests)]


def resident_megabytes() -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("/proc/self/status has no VmRSS")


def milliseconds(module: torch.jit.ScriptModule, x: Tensor) -> float:
    start = time.perf_counter()
    module(x)
    return 1000 * (time.perf_counter() - start)


def artifact(workload: str, folder: Path) -> Path:
    model = WORKLOADS[workload].model()
    make = inputs_of(workload)
    shapes = [(64,), (128,), (192,)] if make is tokens else [(224, 224), (160, 192)]
    conf = int8graph.QuantConf()
    for shape in shapes:
        with int8graph.calibrate(conf):
            model(make(shape))
    path = folder / "model.pt"
    int8graph.save(int8graph.convert(model, conf, make(shapes[0])), path)
    return path


def static_milliseconds(path: Path, x: Tensor) -> float:
    """The median of five calls of a model that only knows this shape."""
    module = torch.jit.load(path)
    for _ in range(2):  # fused and compiled, steady
        module(x)
    return statistics.median(milliseconds(module, x) for _ in range(5))


def memory_growth(path: Path, make: Inputs, shapes: list[Shape]) -> None:
    """Runs in a process of its own, which holds nothing but the model."""
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    module = torch.jit.load(path)
    for _ in range(4):
        module(make(shapes[0]))
    first = resident_megabytes()
    for shape in shapes[1:]:
        module(make(shape))
    last = resident_megabytes()
    print(f"memory: {first:.0f} MB after one shape, {last:.0f} MB after {len(shapes)} requests")
    print(f"        {last / first:.2f} times as much", flush=True)


def print_quantiles(call: str, ratios: list[float]) -> None:
    ratios = sorted(ratios)
    for share in (0.5, 0.9, 0.95, 0.99, 1.0):
        position = min(int(share * len(ratios)), len(ratios) - 1)
        print(
            f"{100 * share:3.0f} % of the {call} calls within "
            f"{ratios[position]:.2f} of the static model"
        )


def show_progress(done: int, total: int) -> None:
    if sys.stderr.isatty():
        print(f"\r{done} of {total} requests", end="\n" if done == total else "", file=sys.stderr)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workload", default="bert_base", choices=sorted(WORKLOADS))
    parser.add_argument("--artifact", type=Path, help="measure this file of the workload's instead")
    parser.add_argument("--requests", type=int, default=300)
    parser.add_argument(
        "--rounds",
        type=int,
        default=1,
        help="go through all requests so many times, each time with a model that has met none of "
        "them, and take the median of each one's first and second calls: single calls of a few "
        "milliseconds differ by 15 %% as other processes come and go",
    )
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    if args.requests <= WARM_UP:
        parser.error(f"--requests {args.requests}: the first {WARM_UP} only warm up")
    if args.rounds < 1:
        parser.error(f"--rounds {args.rounds}: at least 1")
    torch.set_num_threads(1)
    # Without profiled runs a model is fused at its first call, which saves the unfused one of each
    # model to compare with.
    torch._C._jit_set_num_profiled_runs(0)
    shapes = draw(args.workload, args.requests, args.seed)
    make = inputs_of(args.workload)
    with torch.no_grad(), tempfile.TemporaryDirectory() as folder:
        path = args.artifact or artifact(args.workload, Path(folder))
        alone = multiprocessing.get_context("spawn").Process(
            target=memory_growth, args=(path, make, shapes)
        )
        alone.start()
        alone.join()
        requests = list(zip(shapes[WARM_UP - 1 :], shapes[WARM_UP:]))
        first: list[list[float]] = [[] for _ in requests]  # of each request's rounds
        second: list[list[float]] = [[] for _ in requests]
        for done in range(args.rounds * len(requests)):
            request = done % len(requests)
            if request == 0:
                module = torch.jit.load(path)
                for shape in shapes[:WARM_UP]:
                    module(make(shape))
            before, shape = requests[request]
            x = make(shape)
            module(make(before))  # the caches hold the static model
            milliseconds_of_two = [milliseconds(module, x) for _ in range(2)]
            static = static_milliseconds(path, x)  # behind them, as oneDNN keeps kernels for all
            for calls, taken in zip((first, second), milliseconds_of_two, strict=True):
                calls[request].append(taken / static)
            show_progress(done + 1, args.rounds * len(requests))
    print_quantiles("first", [statistics.median(ratios) for ratios in first])
    print_quantiles("second", [statistics.median(ratios) for ratios in second])


if __name__ == "__main__":
    main()
