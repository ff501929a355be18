"""C++ projects that find the installed package by CMake, built and run with no Python in PATH."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import int8graph
import pytest
import torch

from linkage import bindings_between_onednn_and_torch

CONSUMER = Path(__file__).parents[1] / "tests_cpp" / "consumer"
TOOLS = "as ld ar ranlib nm objdump strip ninja make sh uname".split()


def _cmake() -> str:
    """The real program: the one that pip puts into PATH is a Python script."""
    try:
        import cmake

        return str(Path(cmake.CMAKE_BIN_DIR) / "cmake")
    except ImportError:
        return shutil.which("cmake")


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """Nothing but a compiler and its tools: no Python, no LD_LIBRARY_PATH."""
    folder = tmp_path_factory.mktemp("bin")
    for tool in TOOLS:
        found = shutil.which(tool)
        if found:
            (folder / tool).symlink_to(os.path.realpath(found))
    compiler = os.environ.get("CXX") or shutil.which("c++")
    return {"PATH": str(folder), "HOME": os.environ.get("HOME", "/"), "CXX": compiler}


def _configure(environment, build, *options, source=CONSUMER):
    command = [_cmake(), "-S", str(source), "-B", str(build), "-DCMAKE_BUILD_TYPE=Release"]
    if (Path(environment["PATH"]) / "ninja").exists():
        command += ["-G", "Ninja"]
    command += [f"-DCMAKE_PREFIX_PATH={int8graph.cmake_prefix_path}", *options]
    return subprocess.run(command, env=environment, capture_output=True, text=True)


@pytest.fixture(scope="module")
def programs(environment, tmp_path_factory):
    build = tmp_path_factory.mktemp("consumer")
    configured = _configure(environment, build)
    assert configured.returncode == 0, configured.stdout + configured.stderr
    built = subprocess.run(
        [_cmake(), "--build", str(build)], env=environment, capture_output=True, text=True
    )
    assert built.returncode == 0, built.stdout + built.stderr
    return build


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.conv1 = torch.nn.Conv2d(3, 16, 3, padding=1)
        self.conv2 = torch.nn.Conv2d(16, 32, 3, padding=1)
        self.linear = torch.nn.Linear(32, 10)

    def forward(self, x):
        x = torch.max_pool2d(torch.relu(self.conv1(x)), 2)
        x = torch.relu(self.conv2(x)).mean((2, 3))
        return self.linear(x)


@pytest.fixture(scope="module")
def artifact(tmp_path_factory):
    """A folder with model.pt and input.pt, and what Python says the output is."""
    folder = tmp_path_factory.mktemp("artifact")
    model = Net().eval()
    conf = int8graph.QuantConf()
    x = torch.randn(6, 3, 24, 24)
    with torch.no_grad():
        with int8graph.calibrate(conf):
            model(x)
        q = int8graph.convert(model, conf, x)
        expected = q(x)
    q.save(folder / "model.pt")
    torch.save(x, folder / "input.pt")
    return folder, expected


def _run_saved(programs, folder):
    names = "model.pt", "input.pt", "output.pt"
    return [str(programs / "run_saved"), *(str(folder / name) for name in names)]


def test_saved_file_runs_fused_in_cpp_with_the_numbers_of_python(environment, programs, artifact):
    folder, expected = artifact
    run = subprocess.run(
        _run_saved(programs, folder), env=environment, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    assert run.stderr == ""
    lines = dict(line.split(":", 1) for line in run.stdout.splitlines() if "library" not in line)
    assert int(lines["partitions"]) >= 1
    assert [int(i) for i in lines["argmax"].split()] == expected.argmax(1).tolist()
    assert torch.equal(torch.load(folder / "output.pt"), expected)

    libraries = [line.split(": ")[1] for line in run.stdout.splitlines() if "library" in line]
    for name, times in ("libpython", 0), ("libiomp", 0), ("libgomp", 1), ("libdnnl", 1):
        found = [path for path in libraries if os.path.basename(path).startswith(name)]
        assert len(found) == times, (name, libraries)


def test_whole_job_in_cpp(environment, programs, tmp_path):
    run = subprocess.run(
        [str(programs / "whole_job"), str(tmp_path)],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    lines = dict(line.split(": ") for line in run.stdout.splitlines())
    assert lines["all runs agree"] == "yes"
    assert float(lines["relative error"]) < 0.05
    assert (tmp_path / "configure.json").exists() and (tmp_path / "model.pt").exists()


def test_symbols_of_onednn_and_libtorch_stay_apart_in_cpp(
    environment, programs, artifact, tmp_path
):
    command = _run_saved(programs, artifact[0])
    assert not bindings_between_onednn_and_torch(command, environment, tmp_path)


def test_symbols_of_onednn_and_libtorch_stay_apart_in_python(artifact, tmp_path):
    program = (
        "import sys, torch, int8graph\n"
        "model, x = torch.jit.load(sys.argv[1]), torch.load(sys.argv[2])\n"
        "with torch.no_grad():\n"
        "    for _ in range(3): model(x)\n"
        "maps = open('/proc/self/maps').read()\n"
        "for name in 'libgomp', 'libdnnl':\n"
        "    paths = {l.split()[-1] for l in maps.splitlines() if '/' + name in l}\n"
        "    assert len(paths) == 1, paths\n"
    )
    command = [sys.executable, "-W", "ignore", "-c", program]
    command += [str(artifact[0] / name) for name in ("model.pt", "input.pt")]
    assert not bindings_between_onednn_and_torch(command, dict(os.environ), tmp_path)


def test_a_torch_whose_own_cmake_package_fails_is_no_obstacle(environment, tmp_path):
    """PyTorch's CUDA wheel on a machine without a CUDA toolkit, as far as CMake can tell."""
    torch_dir = Path(torch.__file__).parent
    fake = tmp_path / "torch"
    (fake / "share/cmake/Torch").mkdir(parents=True)
    for name in "include", "lib":
        (fake / name).symlink_to(torch_dir / name)
    config = fake / "share/cmake/Torch/TorchConfig.cmake"
    config.write_text('message(FATAL_ERROR "Your installed Caffe2 version uses CUDA")')

    configured = _configure(environment, tmp_path / "build", f"-DTorch_DIR={config.parent}")
    assert configured.returncode == 0, configured.stderr
    assert f"in {fake}" in configured.stdout


def test_missing_libtorch_is_explained(environment, tmp_path):
    package = tmp_path / "lib/cmake/int8graph"
    shutil.copytree(Path(int8graph.cmake_prefix_path) / "lib/cmake/int8graph", package)
    configured = _configure(environment, tmp_path / "build", f"-Dint8graph_DIR={package}")
    assert configured.returncode != 0
    assert "int8graph needs libtorch 2.13" in configured.stderr

    # A project that can do without is not stopped.
    (tmp_path / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.24)\n"
        "project(optional LANGUAGES NONE)\n"
        "find_package(int8graph CONFIG QUIET)\n"
        "if(NOT int8graph_FOUND)\n"
        '  message(STATUS "goes on without")\n'
        "endif()\n"
    )
    option = f"-Dint8graph_DIR={package}"
    configured = _configure(environment, tmp_path / "optional", option, source=tmp_path)
    assert configured.returncode == 0, configured.stderr
    assert "goes on without" in configured.stdout
