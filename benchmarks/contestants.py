"""Who is compared, and how each is started, timed and stopped: always outside of this process."""

import contextlib
import importlib.util
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
PREPARATION_TIMEOUT = 3600  # seconds
WARM_UP_CALLS = 10


@dataclass(frozen=True)
class Contestant:
    title: str
    modules: tuple[str, ...]
    """What preparing it imports; all named like the packages that hold them."""


CONTESTANTS = {
    "eager": Contestant("PyTorch fp32, eager", ("torch",)),
    "frozen": Contestant("PyTorch fp32, trace + freeze", ("torch",)),
    "int8graph": Contestant("int8graph", ("int8graph",)),
    "int8graph_program": Contestant("int8graph, C++ program", ()),
    "onnxruntime": Contestant("ONNX Runtime int8 (QDQ)", ("onnxruntime", "onnx")),
    "openvino": Contestant("OpenVINO int8 (NNCF)", ("openvino", "nncf")),
    "inductor": Contestant("PyTorch int8 (PT2E, Inductor)", ("torchao",)),
}


class Unavailable(Exception):
    """A contestant can't take part; the message says why."""


@dataclass
class Start:
    """Seconds from a process's start to its first output, and the part after importing."""

    cold: float
    load: float


@dataclass
class Memory:
    """Bytes: the most that was resident in the process's life, and once it was warm."""

    peak: int
    steady: int | None


def find_program() -> str:
    """The program that pip installed beside this Python, or the one on the PATH."""
    beside_python = Path(sys.executable).with_name("int8graph")
    found = str(beside_python) if beside_python.exists() else shutil.which("int8graph")
    if found is None:
        raise Unavailable("no program `int8graph` on the PATH")
    return str(Path(found).absolute())


def check_installed(key: str) -> None:
    modules = CONTESTANTS[key].modules
    missing = [module for module in modules if importlib.util.find_spec(module) is None]
    if missing:
        raise Unavailable("not installed: " + ", ".join(missing))
    if key == "int8graph_program":
        find_program()


def prepare(workload: str, key: str, folder: Path) -> dict:
    """Has `prepare.py` write the files of a contestant, and returns what it tells about them."""
    folder.mkdir()
    command = [sys.executable, str(HERE / "prepare.py"), workload, key, str(folder)]
    environment = os.environ | ONE_THREAD | {"TORCHINDUCTOR_CACHE_DIR": str(folder / "cache")}
    log = folder / "prepare.log"
    with log.open("w") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, env=environment)
        try:
            code = process.wait(PREPARATION_TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            raise Unavailable(f"preparing it took over {PREPARATION_TIMEOUT} s") from None
    if code != 0:
        raise Unavailable(f"preparing it failed: {last_line(log)}")
    return json.loads((folder / "about.json").read_text())


def last_line(log: Path) -> str:
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1].strip() if lines else "it ended without a word"


@contextlib.contextmanager
def pinned(core: int) -> Iterator[None]:
    """Processes that are started inside keep to `core`."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


class Entrant(ABC):
    """A prepared contestant, on its core."""

    def __init__(self, folder: Path, core: int):
        self._folder = folder
        self._core = core

    @abstractmethod
    def start(self) -> Start:
        """Starts the process and waits for its first output."""

    @abstractmethod
    def run(self, calls: int) -> list[float]:
        """Seconds of each of `calls` calls, in one turn."""

    @abstractmethod
    def stop(self) -> Memory:
        """Ends the process."""

    def warm_up(self, turn_seconds: float) -> int:
        """How many calls make a turn of about `turn_seconds`; never fewer than three."""
        latency = statistics.median(self.run(WARM_UP_CALLS)[WARM_UP_CALLS // 2 :])
        return max(3, round(turn_seconds / latency))


class Worker(Entrant):
    """`worker.py`, which stays and sleeps between its turns."""

    def __init__(self, key: str, folder: Path, inputs: Path, core: int):
        super().__init__(folder, core)
        self._command = [sys.executable, str(HERE / "worker.py"), key, str(folder), str(inputs)]
        self._log = folder / "worker.log"

    def start(self) -> Start:
        with self._log.open("w") as log, pinned(self._core):
            started = time.monotonic()
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=os.environ | ONE_THREAD,
            )
        stamps = self._answer()
        first = stamps["first_output"]
        return Start(cold=first - started, load=first - stamps["imported"])

    def run(self, calls: int) -> list[float]:
        self._say(f"run {calls}")
        return self._answer()

    def stop(self) -> Memory:
        self._say("stop")
        answer = self._answer()
        self._process.wait()
        return Memory(answer["peak_memory"], answer["steady_memory"])

    def _say(self, command: str) -> None:
        with contextlib.suppress(BrokenPipeError):  # then no answer comes, which tells more
            print(command, file=self._process.stdin, flush=True)

    def _answer(self) -> object:
        line = self._process.stdout.readline()
        if not line:
            self._process.wait()
            raise Unavailable(f"running it failed: {last_line(self._log)}")
        return json.loads(line)


class Program(Entrant):
    """The program `int8graph`: a process without Python per turn."""

    _peak = 0

    def start(self) -> Start:
        report = self._bench(calls=1, warm_up=0)
        load = report["load_ms"] + report["first_call_ms"]
        return Start(cold=report["start_to_first_output_ms"] / 1000, load=load / 1000)

    def run(self, calls: int) -> list[float]:
        report = self._bench(calls, WARM_UP_CALLS)
        self._peak = max(self._peak, report["peak_memory_bytes"])
        return [milliseconds / 1000 for milliseconds in report["latencies_ms"]]

    def stop(self) -> Memory:
        return Memory(self._peak, steady=None)

    def _bench(self, calls: int, warm_up: int) -> dict:
        command = [find_program(), "bench", "model.pt", "--data", "inputs.pt", "--json"]
        command += ["--iterations", str(calls), "--warmup", str(warm_up), "--no-profile"]
        with pinned(self._core):
            done = subprocess.run(
                command,
                cwd=self._folder,
                capture_output=True,
                text=True,
                env=os.environ | ONE_THREAD,
            )
        if done.returncode != 0:
            raise Unavailable(f"running it failed: {done.stderr.strip()}")
        return json.loads(done.stdout)
