"""One pinned core, and interleaved rounds."""

import os
import statistics
from collections.abc import Sequence

import torch

from contestants import Contestant


def pin_to_one_core(core: int | None) -> int:
    """Confines this process, and all threads it will start, to `core` (default: the last allowed
    one) and PyTorch to one thread. Returns the core."""
    if core is None:
        core = max(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {core})
    torch.set_num_threads(1)
    return core


def interleave(
    contestants: Sequence[Contestant], rounds: int, calls: int, warm_up: int
) -> list[float]:
    """The median latency of one call of each contestant, in milliseconds.

    The contestants take turns of `calls` calls each, `rounds` times, so that whatever slows the
    machine down for a while slows all of them.
    """
    for contestant in contestants:
        contestant.time(warm_up)
    seconds: list[list[float]] = [[] for _ in contestants]
    for _ in range(rounds):
        for contestant, times in zip(contestants, seconds):
            times.extend(contestant.time(calls))
    return [1000 * statistics.median(times) for times in seconds]
