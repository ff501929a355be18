"""What a new sequence length costs: BERT-base, one thread, requests of random lengths.

One model answers all requests. Each is compared with a model that was loaded for that length alone
and has run nothing else, in the same moments. Prints the quantiles of the ratio, and the memory
after the first and after the last request.
"""

import argparse
import multiprocessing
import random
import statistics
import tempfile
import time
from pathlib import Path

import int8graph
import torch

from workloads import WORKLOADS

SHORTEST, LONGEST = 5, 512
WARM_UP = 20  # requests


def resident_megabytes() -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("/proc/self/status has no VmRSS")


def tokens(length: int) -> torch.Tensor:
    return torch.randint(1000, 30000, (1, length), generator=torch.Generator().manual_seed(length))


def milliseconds(module: torch.jit.ScriptModule, length: int) -> float:
    ids = tokens(length)
    start = time.perf_counter()
    module(ids)
    return 1000 * (time.perf_counter() - start)


def artifact(folder: Path) -> Path:
    model = WORKLOADS["bert_base"].model()
    conf = int8graph.QuantConf()
    for length in (64, 128, 192):
        with int8graph.calibrate(conf):
            model(tokens(length))
    path = folder / "bert.pt"
    int8graph.save(int8graph.convert(model, conf, tokens(128)), path)
    return path


def static_milliseconds(path: Path, length: int) -> float:
    """The median of five calls of a model that only knows this length."""
    module = torch.jit.load(path)
    for _ in range(3):  # profiled, fused and compiled, steady
        module(tokens(length))
    return statistics.median(milliseconds(module, length) for _ in range(5))


def memory_growth(path: Path, lengths: list[int]) -> None:
    """Runs in a process of its own, which holds nothing but the model."""
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    module = torch.jit.load(path)
    for _ in range(4):
        module(tokens(lengths[0]))
    first = resident_megabytes()
    for length in lengths[1:]:
        module(tokens(length))
    last = resident_megabytes()
    print(f"memory: {first:.0f} MB after one length, {last:.0f} MB after {len(lengths)} requests")
    print(f"        {last / first:.2f} times as much")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.set_num_threads(1)
    draw = random.Random(args.seed)
    lengths = [draw.randint(SHORTEST, LONGEST) for _ in range(args.requests)]
    with torch.no_grad(), tempfile.TemporaryDirectory() as folder:
        path = artifact(Path(folder))
        alone = multiprocessing.get_context("spawn").Process(
            target=memory_growth, args=(path, lengths)
        )
        alone.start()
        alone.join()
        module = torch.jit.load(path)
        for length in lengths[:WARM_UP]:
            module(tokens(length))
        ratios = []
        for before, length in zip(lengths[WARM_UP - 1 :], lengths[WARM_UP:]):
            static = static_milliseconds(path, length)
            module(tokens(before))  # the caches hold the other model
            ratios.append(milliseconds(module, length) / static)
    ratios.sort()
    for share in (0.5, 0.9, 0.95, 0.99, 1.0):
        position = min(int(share * len(ratios)), len(ratios) - 1)
        print(
            f"{100 * share:3.0f} % of the calls within {ratios[position]:.2f} of the static model"
        )


if __name__ == "__main__":
    main()
