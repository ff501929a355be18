"""Measures int8graph against fp32 PyTorch, ONNX Runtime and OpenVINO in one run, on one core.

    python benchmarks/compare.py --models resnet50 transformers_mobilenet_v2 --json results.json

Prints one Markdown table per model. "Speed-up" is against `torch.jit.trace` + `freeze` in the same
run; SQNR is the ratio of signal to quantization noise at the model's output, against fp32 eager
PyTorch. Weights are random. A contestant that is not installed is skipped.
"""

import argparse
import json
import platform
import sys
import tempfile
import warnings
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests_py"))

from contestants import CONTESTANTS, Contestant, Unavailable, Workload  # noqa: E402
from models import FULL_SIZE, random_image  # noqa: E402
from timing import interleave, pin_to_one_core  # noqa: E402
from workloads import WORKLOADS  # noqa: E402

CALIBRATION_IMAGES = 8


def sqnr(reference: torch.Tensor, output: torch.Tensor) -> float:
    """Signal to quantization noise, in decibels; infinite when both are equal."""
    noise = (reference - output).double().square().mean()
    return (10 * torch.log10(reference.double().var(correction=0) / noise)).item()


def measure(model_name: str, args: argparse.Namespace) -> list[dict]:
    """One row per contestant that could be prepared."""
    work = Workload(
        name=model_name,
        model=WORKLOADS[model_name](),
        image=random_image(args.size, seed=1),
        calibration=[random_image(args.size, seed=100 + i) for i in range(CALIBRATION_IMAGES)],
    )
    reference = work.model(work.image)
    ready: list[Contestant] = []
    rows: list[dict] = []
    with tempfile.TemporaryDirectory() as folder:
        for key in args.contestants:
            contestant = CONTESTANTS[key]()
            try:
                files = contestant.prepare(work, Path(folder))
            except Unavailable as reason:
                print(f"{contestant.title} is skipped: {reason}", file=sys.stderr)
                continue
            ready.append(contestant)
            rows.append(
                {
                    "model": model_name,
                    "contestant": key,
                    "title": contestant.title,
                    "sqnr_db": sqnr(reference, contestant.run()),
                    "file_bytes": sum(file.stat().st_size for file in files),
                }
            )
        latencies = interleave(ready, args.rounds, args.calls, args.warm_up)
    for row, latency in zip(rows, latencies):
        row["latency_ms"] = latency
    frozen = next((row["latency_ms"] for row in rows if row["contestant"] == "frozen"), None)
    for row in rows:
        row["speed_up"] = frozen / row["latency_ms"] if frozen else None
    return rows


def markdown(rows: list[dict]) -> str:
    lines = [
        f"| {rows[0]['model']} | latency ms | speed-up | SQNR dB | file MB |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for row in rows:
        speed_up = "" if row["speed_up"] is None else f"{row['speed_up']:.2f}x"
        # fp32 differs from fp32 by rounding only: no number there is of interest.
        noise = "" if row["sqnr_db"] > 80 else f"{row['sqnr_db']:.1f}"
        lines.append(
            f"| {row['title']} | {row['latency_ms']:.2f} | {speed_up} | {noise} "
            f"| {row['file_bytes'] / 1e6:.1f} |"
        )
    return "\n".join(lines)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--models", nargs="+", choices=WORKLOADS, metavar="NAME",
        default=["resnet50", "transformers_mobilenet_v2"],
        help="of: " + ", ".join(WORKLOADS),
    )  # fmt: skip
    parser.add_argument(
        "--contestants", nargs="+", choices=CONTESTANTS, default=list(CONTESTANTS), metavar="NAME",
        help="of: " + ", ".join(CONTESTANTS),
    )  # fmt: skip
    parser.add_argument("--size", type=int, default=FULL_SIZE, help="of the square image, pixels")
    parser.add_argument("--rounds", type=int, default=20, help="turns that each contestant gets")
    parser.add_argument("--calls", type=int, default=5, help="timed calls in one turn")
    parser.add_argument("--warm-up", type=int, default=10, help="calls before the first turn")
    parser.add_argument("--core", type=int, help="to run on (default: the last one)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the numbers here too")
    return parser.parse_args()


def main() -> None:
    args = parse_arguments()
    core = pin_to_one_core(args.core)
    # The peers' exporters warn about their own innards.
    warnings.filterwarnings("ignore")
    print(f"One thread on core {core}, batch 1, {args.size}x{args.size} pixels, torch ", end="")
    print(f"{torch.__version__}, {args.rounds} rounds of {args.calls} calls.\n")
    results = []
    with torch.no_grad():
        for name in args.models:
            rows = measure(name, args)
            print(markdown(rows) + "\n", flush=True)
            results += rows
    if args.json:
        report = {
            "machine": platform.processor() or platform.machine(),
            "torch": torch.__version__,
            "size": args.size,
            "rounds": args.rounds,
            "calls": args.calls,
            "results": results,
        }
        args.json.write_text(json.dumps(report, indent=4) + "\n")


if __name__ == "__main__":
    main()
