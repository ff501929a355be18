"""Renders what `compare.py --json` wrote.

python benchmarks/report.py results.json --plot results.svg    # tables in full, and a plot
python benchmarks/report.py results.json --into README.md      # the summary, between its marks
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path

BEGIN, END = "<!-- benchmark: begin -->", "<!-- benchmark: end -->"

FP32_SQNR = 80
"""Decibels above which outputs differ by fp32's rounding only, and no number is of interest."""

COLUMNS: list[tuple[str, str, Callable[[float], str]]] = [
    ("latency ms", "latency_ms", "{:.2f}".format),
    ("speed-up", "speed_up", "{:.2f}x".format),
    ("of int8 peak", "peak_share", "{:.0%}".format),
    ("cold start s", "cold_start_s", "{:.2f}".format),
    ("load s", "load_s", "{:.2f}".format),
    ("peak MB", "peak_memory_bytes", lambda size: f"{size / 1e6:.0f}"),
    ("file MB", "file_bytes", lambda size: f"{size / 1e6:.1f}"),
    ("SQNR dB", "sqnr_db", lambda ratio: "" if ratio > FP32_SQNR else f"{ratio:.1f}"),
]


def grid(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table. The first column is text, the others are numbers."""
    rules = ["---"] + ["---:"] * (len(head) - 1)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [head, rules, *rows])


def table(result: dict) -> str:
    """All columns of one workload, and who was skipped."""
    rows = [
        [row["title"]] + ["" if row[key] is None else show(row[key]) for _, key, show in COLUMNS]
        for row in result["rows"]
    ]
    text = grid([result["workload"], *(title for title, _, _ in COLUMNS)], rows)
    for title, reason in result["skipped"].items():
        text += f"\n\n{title} is skipped: {reason}"
    return text


def summary(results: dict) -> str:
    """One row per workload and one column per contestant, with latencies and speed-ups."""
    titles: dict[str, str] = {}
    for result in results["results"]:
        titles |= {row["contestant"]: row["title"] for row in result["rows"]}
    rows = []
    for result in results["results"]:
        cells = {row["contestant"]: latency(row) for row in result["rows"]}
        rows.append([result["workload"], *(cells.get(key, "") for key in titles)])
    return grid(["ms (speed-up)", *titles.values()], rows)


def latency(row: dict) -> str:
    return f"{row['latency_ms']:.2f}" + (f" ({row['speed_up']:.2f}x)" if row["speed_up"] else "")


def conditions(results: dict) -> str:
    """One sentence on where and how it was measured."""
    machine, settings = results["machine"], results["settings"]
    peaks = [result["int8_peak_ops_per_s"] / 1e9 for result in results["results"]]
    versions = ", ".join(f"{name} {version}" for name, version in results["versions"].items())
    return (
        f"{machine['cpu']} (family {machine['family']}, model {machine['model']}; "
        f"{', '.join(machine['instructions'])}), one thread on core {machine['core']} of "
        f"{machine['cores']}, {max(peaks):.0f} int8 GOP/s at the peak; medians of "
        f"{settings['rounds']} interleaved rounds, {results['date']}; {versions}."
    )


def plot(results: dict, path: Path) -> None:
    """Bars of speed-ups, one panel per workload; greys that read on light and on dark."""
    try:
        import matplotlib
    except ImportError:
        print(f"No {path}: matplotlib is not installed.")
        return
    matplotlib.use("svg")
    from matplotlib import pyplot

    ink, ours, theirs = "#7a7f87", "#2f81f7", "#9aa3ad"
    style = {"svg.fonttype": "none", "font.family": "sans-serif", "font.size": 9}
    style |= {f"{part}.color": ink for part in ("text", "xtick", "ytick")}
    panels = results["results"]
    bars = max(len(result["rows"]) for result in panels)
    with pyplot.rc_context(style):
        size = (8, len(panels) * (0.22 * bars + 0.45))
        figure, axes = pyplot.subplots(len(panels), squeeze=False, sharex=True, figsize=size)
        for axis, result in zip(axes.flat, panels):
            rows = [row for row in reversed(result["rows"]) if row["speed_up"]]
            drawn = axis.barh(
                [row["title"] for row in rows],
                [row["speed_up"] for row in rows],
                color=[ours if "int8graph" in row["contestant"] else theirs for row in rows],
            )
            labels = [f"{row['speed_up']:.2f}x, {row['latency_ms']:.2f} ms" for row in rows]
            axis.bar_label(drawn, labels, padding=4, color=ink)
            axis.set_title(result["workload"], loc="left", fontweight="bold", color=ink)
            axis.tick_params(length=0)
            axis.xaxis.set_visible(False)
            axis.spines[:].set_visible(False)
        axes.flat[0].margins(x=0.2)
        figure.tight_layout()
        figure.savefig(path, transparent=True, metadata={"Date": None})


def put_into(page: Path, text: str) -> None:
    """Replaces what stands between the marks in `page`."""
    before, begin, rest = page.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise SystemExit(f"{page} has no '{BEGIN}' with '{END}' behind it")
    page.write_text(f"{before}{begin}\n{text}\n{end}{after}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("results", type=Path, help="what compare.py --json wrote")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw the speed-ups (.svg)")
    parser.add_argument("--into", type=Path, metavar="PAGE", help="update the summary in this page")
    args = parser.parse_args()
    results = json.loads(args.results.read_text())
    short = f"{summary(results)}\n\n{conditions(results)}"
    if args.into:
        put_into(args.into, short)
    else:
        print(*(table(result) for result in results["results"]), short, sep="\n\n")
    if args.plot:
        plot(results, args.plot)


if __name__ == "__main__":
    main()
