"""Which shared library's symbols were bound to which, in a process as it ran."""

import os
import re
import subprocess
from pathlib import Path
from typing import Mapping, Sequence, Set, Tuple

_BINDING = re.compile(r"binding file (\S+) \[\d+\] to (\S+) \[\d+\]: \w+ symbol `([^']*)'")


def bindings_between_onednn_and_torch(
    command: Sequence[str], environment: Mapping[str, str], folder: Path
) -> Set[Tuple[str, str, str]]:
    """Runs a command and returns (from, to, symbol) of each binding between oneDNN and libtorch.

    Also checks that the trace is real: it has bindings of oneDNN and of libtorch to others.
    """
    trace = folder / "bindings"
    traced = dict(environment, LD_DEBUG="bindings", LD_DEBUG_OUTPUT=str(trace))
    subprocess.run(command, env=traced, check=True, stdout=subprocess.DEVNULL)

    crossing, sources = set(), set()
    for path in folder.glob("bindings.*"):
        with open(path, errors="replace") as lines:
            for line in lines:
                match = _BINDING.search(line)
                if match:
                    source, target = (os.path.basename(name) for name in match.groups()[:2])
                    sources.add(source)
                    if {_owner(source), _owner(target)} == {"onednn", "torch"}:
                        crossing.add((source, target, match.group(3)))
        path.unlink()
    assert any(_owner(source) == "onednn" for source in sources), sources
    assert "libtorch_cpu.so" in sources, sources
    return crossing


def _owner(library: str) -> str:
    if library.startswith("libdnnl"):
        return "onednn"
    if library.startswith(("libtorch", "libc10")):
        return "torch"
    return ""
