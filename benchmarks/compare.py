"""Measures int8graph against fp32 PyTorch and the int8 runtimes that are installed, on one core.

    python benchmarks/compare.py --workloads resnet50 mlp --json results.json --plot results.svg

Prints Markdown. Every contestant is prepared in a process of its own and runs in another one, from
its deployable files alone; these processes take turns on one core. benchmarks/README.md tells what
the columns are.
"""

import argparse
import json
import math
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import report
from contestants import (
    CONTESTANTS,
    Entrant,
    Program,
    Unavailable,
    Worker,
    check_installed,
    prepare,
)
from worker import PEAK_SHAPE
from workloads import DEFAULT_WORKLOADS, WORKLOADS

Rounds = list[list[float]]
"""Seconds of each call, in each turn."""


def progress(text: str) -> None:
    """Shows `text` in place of the last one, on a terminal only. An empty one clears the line."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def sqnr(reference: Path, outputs: Path) -> float | None:
    """10 log10(sum of fp32² / sum of (fp32 - int8)²) of the worst output, in decibels, as the
    program's `compare` has it. None if all are equal."""
    ratios = []
    with np.load(reference) as expected, np.load(outputs) as actual:
        for fp32, int8 in zip(expected.values(), actual.values(), strict=True):
            fp32, int8 = fp32.astype(np.float64), int8.astype(np.float64)
            if noise := np.square(fp32 - int8).sum():
                ratios.append(10 * np.log10(np.square(fp32).sum() / noise))
    return float(min(ratios)) if ratios else None


def enter(
    key: str, workload: str, shared: Path, args: argparse.Namespace
) -> tuple[Entrant, dict, dict]:
    """Prepares a contestant and starts it. Returns it, its row so far, and versions."""
    check_installed(key)
    folder = shared.parent / key
    progress(f"{workload}: preparing {CONTESTANTS[key].title}")
    about = prepare(workload, key, folder)
    if key == "int8graph_program":
        entrant: Entrant = Program(folder, args.core)
    else:
        entrant = Worker(key, folder, shared / "inputs.npz", args.core)
    progress(f"{workload}: starting {CONTESTANTS[key].title}")
    starts = [entrant.start()]
    while len(starts) < args.starts:
        entrant.stop()
        starts.append(entrant.start())
    row = {
        "contestant": key,
        "title": CONTESTANTS[key].title,
        "cold_start_s": statistics.median(start.cold for start in starts),
        "load_s": statistics.median(start.load for start in starts),
        "file_bytes": sum((folder / file).stat().st_size for file in about["files"]),
    }
    row |= {"sqnr_db": about["sqnr_db"]} if "sqnr_db" in about else {}
    return entrant, row, about["versions"]


def take_turns(
    entrants: dict[str, Entrant], skipped: dict[str, str], workload: str, args: argparse.Namespace
) -> dict[str, Rounds]:
    """Every entrant gets a turn per round, so that whatever slows the machine down for a while
    slows all of them. Who fails leaves `entrants` for `skipped`."""
    calls: dict[str, int] = {}
    seconds: dict[str, Rounds] = {key: [] for key in entrants}
    for number in range(args.rounds + 1):
        stage = f"round {number} of {args.rounds}" if number else "warming up"
        progress(f"{workload}: {stage}")
        for key, entrant in list(entrants.items()):
            try:
                if number == 0:
                    calls[key] = entrant.warm_up(args.turn)
                else:
                    seconds[key].append(entrant.run(calls[key]))
            except Unavailable as reason:
                skipped[key] = str(reason)
                del entrants[key], seconds[key]
    return seconds


def median_ms(calls: Iterable[float]) -> float:
    return 1000 * statistics.median(calls)


def measure(workload: str, folder: Path, args: argparse.Namespace) -> dict:
    """All contestants on one workload."""
    shared = folder / "reference"
    progress(f"{workload}: fp32 outputs")
    facts = prepare(workload, "reference", shared)
    entrants: dict[str, Entrant] = {}
    rows: dict[str, dict] = {}
    skipped: dict[str, str] = {}
    versions = dict(facts["versions"])
    for key in args.contestants:
        try:
            entrants[key], rows[key], more = enter(key, workload, shared, args)
            versions |= more
        except Unavailable as reason:
            skipped[key] = str(reason)
    entrants["int8_peak"] = Worker("int8_peak", folder, shared / "inputs.npz", args.core)
    entrants["int8_peak"].start()

    seconds = take_turns(entrants, skipped, workload, args)
    memory = {key: entrant.stop() for key, entrant in entrants.items()}
    progress("")

    best_product = min(min(turn) for turn in seconds.pop("int8_peak"))
    peak = 2 * math.prod(PEAK_SHAPE) / best_product
    frozen = seconds.get("frozen")
    for key, rounds in seconds.items():
        latency = median_ms(call for turn in rounds for call in turn)
        if "sqnr_db" not in rows[key]:
            rows[key]["sqnr_db"] = sqnr(shared / "outputs.npz", folder / key / "outputs.npz")
        rows[key] |= {
            "latency_ms": latency,
            "speed_up": frozen and speed_up(frozen, rounds),
            "peak_share": facts["operations"] / (latency / 1000) / peak,
            "peak_memory_bytes": memory[key].peak,
            "steady_memory_bytes": memory[key].steady,
            "round_ms": [median_ms(turn) for turn in rounds],
        }
    return {
        "workload": workload,
        "operations": facts["operations"],
        "int8_peak_ops_per_s": peak,
        "rows": [rows[key] for key in seconds],
        "skipped": {CONTESTANTS[key].title: reason for key, reason in skipped.items()},
        "versions": versions,
    }


def speed_up(frozen: Rounds, rounds: Rounds) -> float:
    """The median over rounds of the ratio of that round's medians: machines drift, and both sides
    of a ratio should have met the same weather."""
    ratios = [statistics.median(a) / statistics.median(b) for a, b in zip(frozen, rounds)]
    return statistics.median(ratios)


def machine(core: int) -> dict:
    """The processor, by its name and what it has for int8."""
    info = Path("/proc/cpuinfo").read_text().splitlines()
    fields = dict(line.replace("\t", "").split(":", 1) for line in info if ":" in line)
    flags = fields.get("flags", "").split()
    known = ("avx2", "avx512f", "avx_vnni", "avx512_vnni", "avx512_bf16", "amx_int8")
    return {
        "cpu": fields.get("model name", platform.processor()).strip(),
        "family": fields.get("cpu family", "").strip(),
        "model": fields.get("model", "").strip(),
        "instructions": [flag for flag in known if flag in flags],
        "cores": os.cpu_count(),
        "core": core,
        "system": platform.platform(),
    }


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--workloads", nargs="+", choices=WORKLOADS, default=DEFAULT_WORKLOADS, metavar="NAME",
        help="of: " + ", ".join(WORKLOADS) + " (default: " + " ".join(DEFAULT_WORKLOADS) + ")",
    )  # fmt: skip
    parser.add_argument(
        "--contestants", nargs="+", choices=CONTESTANTS, default=list(CONTESTANTS), metavar="NAME",
        help="of: " + ", ".join(CONTESTANTS) + " (default: all)",
    )  # fmt: skip
    parser.add_argument("--rounds", type=int, default=20, help="turns of each (default: 20)")
    parser.add_argument(
        "--turn", type=float, default=0.3, metavar="SECONDS",
        help="length of a turn, of three calls at least (default: 0.3)",
    )  # fmt: skip
    parser.add_argument("--starts", type=int, default=3, help="cold starts of each (default: 3)")
    parser.add_argument(
        "--core", type=int, default=max(os.sched_getaffinity(0)),
        help="to run on (default: the last one allowed)",
    )  # fmt: skip
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything measured here")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw the speed-ups (.svg)")
    return parser.parse_args()


def main() -> None:
    args = parse_arguments()
    results = {
        "machine": machine(args.core),
        "versions": {"python": platform.python_version()},
        "settings": {"rounds": args.rounds, "turn_s": args.turn, "starts": args.starts},
        "date": time.strftime("%Y-%m-%d"),
        "results": [],
    }
    for workload in args.workloads:
        try:
            with tempfile.TemporaryDirectory(prefix="int8graph-compare-") as folder:
                result = measure(workload, Path(folder), args)
        except Unavailable as reason:  # e.g. no transformers: not even fp32 runs
            print(f"{workload} is skipped: {reason}\n", flush=True)
            continue
        results["versions"] |= result.pop("versions")
        results["results"].append(result)
        print(report.table(result) + "\n", flush=True)
        if args.json:  # after each workload: a long run that is cut short leaves something
            args.json.write_text(json.dumps(results, indent=4) + "\n")
    if not results["results"]:
        sys.exit("nothing was measured")
    print(report.conditions(results))
    if args.plot:
        report.plot(results, args.plot)


if __name__ == "__main__":
    main()
