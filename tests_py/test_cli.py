"""The program `int8graph`: the whole job from the shell, what it reads, and how it refuses."""

import json
import os
import pty
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import int8graph
import numpy as np
import pytest
import torch

COMMANDS = ["calibrate", "convert", "compare", "inspect", "bench"]


def _program() -> str:
    """The one that pip installed beside this Python; INT8GRAPH_PROGRAM names another one."""
    beside_python = Path(sys.executable).with_name("int8graph")
    found = os.environ.get("INT8GRAPH_PROGRAM") or (
        str(beside_python) if beside_python.exists() else shutil.which("int8graph")
    )
    assert found, "the program int8graph is not installed"
    return found


def run(*words, cwd=None):
    command = [_program(), *(str(word) for word in words)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, timeout=300)


def succeed(*words, cwd=None) -> str:
    """Runs, and returns what it printed. Nothing goes to stderr: no progress bar in a pipe."""
    done = run(*words, cwd=cwd)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = torch.nn.Conv2d(3, 16, 3, padding=1)
        self.norm = torch.nn.BatchNorm2d(16)
        self.conv2 = torch.nn.Conv2d(16, 16, 3, padding=1)
        self.linear = torch.nn.Linear(16, 10)

    def forward(self, x):
        x = torch.relu(self.norm(self.conv1(x)))
        x = torch.relu(self.conv2(x) + x)
        return self.linear(torch.sin(x).mean((2, 3)))


class TwoInputs(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = torch.nn.Embedding(50, 16)
        self.linear = torch.nn.Linear(16, 8)

    def forward(self, tokens, x):
        return self.linear(self.embedding(tokens) + x)


IMAGES = 6


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    """A folder with fp32.pt, images.npy, and what `calibrate` and `convert` made of them."""
    folder = tmp_path_factory.mktemp("job")
    torch.manual_seed(0)
    images = torch.randn(IMAGES, 3, 20, 20)
    traced = torch.jit.trace(Net().eval(), images[:1])
    traced.save(str(folder / "fp32.pt"))
    np.save(folder / "images.npy", images.numpy())
    succeed("calibrate", "fp32.pt", "--data", "images.npy", "--conf", "configure.json", cwd=folder)
    succeed(
        *"convert fp32.pt --conf configure.json --shape 1x3x20x20 -o model.pt".split(), cwd=folder
    )
    return folder


def test_calibrate_and_convert_do_what_python_does(job, tmp_path):
    model = torch.jit.load(str(job / "fp32.pt")).eval()
    images = torch.from_numpy(np.load(job / "images.npy"))
    conf = int8graph.QuantConf()
    with torch.no_grad():
        for image in images.split(1):
            with int8graph.calibrate(conf):
                model(image)
        conf.save(tmp_path / "configure.json")
        assert (tmp_path / "configure.json").read_bytes() == (job / "configure.json").read_bytes()
        expected = int8graph.convert(model, conf, images[:1])(images)
        from_program = torch.jit.load(str(job / "model.pt"))
        for _ in range(2):  # PyTorch fuses at the second call
            from_program(images)
        assert torch.equal(from_program(images), expected)


def test_compare_tells_noise_of_outputs_and_operators(job):
    words = "compare fp32.pt model.pt --data images.npy".split()
    report = json.loads(succeed(*words, "--json", cwd=job))
    assert report["calls"] == IMAGES
    (output,) = report["outputs"]
    assert 20 < output["sqnr_db"] < 80
    assert output["cosine"] > 0.99
    assert 0 <= output["same_argmax"] <= 1
    operators = report["operators"]
    quantized = [row["name"] for row in operators if row["is_quantized"]]
    assert sorted(set(quantized)) == ["conv2d", "linear"]
    alone = [row["alone_sqnr_db"] for row in operators if row["alone_sqnr_db"] is not None]
    assert alone == sorted(alone) and alone[0] > 20
    first = min(operators, key=lambda row: row["position"])
    assert first["name"] == "conv2d" and first["alone_sqnr_db"] == first["together_sqnr_db"]
    entries = json.loads((job / "configure.json").read_text())
    assert all(entries[row["id"]]["name"] == row["name"] for row in operators)
    assert any(row["id"] > row["position"] for row in operators)  # the batch norm has an entry

    text = succeed(*words, "--no-operators", "--samples", 2, cwd=job)
    assert "2 calls" in text and "SQNR" in text and "operators" not in text


def test_inspect_names_partitions_and_reasons(job):
    report = json.loads(succeed("inspect", "model.pt", "--profile", "--json", cwd=job))
    assert report["inputs"] == [{"dtype": "float32", "sizes": [1, 3, 20, 20]}]
    assert report["operators"]["conv2d"] == {"all": 2, "quantized": 2}
    partitions = [node for node in report["nodes"] if node["kind"] == "int8graph::partition"]
    assert any("conv2d" in node["operators"] for node in partitions)
    assert all(node["us"] > 0 for node in partitions)
    assert sum(node["int8_weight_bytes"] for node in report["nodes"]) == 16 * 9 * (3 + 16) + 160
    (sin,) = [node for node in report["nodes"] if node["kind"] == "aten::sin"]
    assert sin["reason"]
    quantized = [value for value in report["values"] if value["dtype"] == "uint8"]
    assert quantized and all(value["scale"] > 0 for value in quantized)
    (output,) = report["graph_outputs"]
    assert report["values"][output]["layout"] == "contiguous"

    text = succeed("inspect", "model.pt", cwd=job)
    assert "2 conv2d" in text and "aten::sin" in text


def test_inspect_draws_one_self_contained_page(job, tmp_path):
    succeed("inspect", job / "model.pt", "--profile", "--html", tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert page.startswith("<!doctype html>")
    assert "<svg" in page and "conv2d+relu" in page and "prefers-color-scheme: dark" in page
    for needed_from_elsewhere in "<script", "<link", "src=", "url(":
        assert needed_from_elsewhere not in page


def test_bench_measures_everything(job):
    words = "bench model.pt --iterations 7 --instances 2 --fp32 fp32.pt --json".split()
    report = json.loads(succeed(*words, cwd=job))
    assert report["inputs"] == [{"dtype": "float32", "sizes": [1, 3, 20, 20]}]
    assert len(report["latencies_ms"]) == 2 * 7
    latency = report["latency_ms"]
    assert 0 < latency["median"] <= latency["p90"] <= latency["p99"]
    for key in "load_ms", "first_call_ms", "start_to_first_output_ms", "calls_per_second":
        assert report[key] > 0
    assert report["peak_memory_bytes"] > 10e6
    assert report["fp32"]["ratio"] > 0
    profile = report["profile"]
    assert profile["partitions"]
    for row in profile["partitions"]:
        assert row["us"] > 0 and 0 <= row["kernel_us"] <= row["us"]
    text = succeed("bench", "model.pt", "--shape", "3x3x16x16", "--iterations", 2, cwd=job)
    assert "float32 3x3x16x16" in text and "samples/s" in text


def test_that_nothing_is_fused_by_the_users_wish_is_told(job, monkeypatch):
    words = [("inspect", "model.pt"), ("bench", "model.pt", "--iterations", 2)]
    assert not json.loads(succeed(*words[0], "--json", cwd=job))["is_disabled"]
    monkeypatch.setenv("INT8GRAPH_DISABLE", "1")
    for command in words:
        assert "INT8GRAPH_DISABLE is set" in succeed(*command, cwd=job)
        assert json.loads(succeed(*command, "--json", cwd=job))["is_disabled"]
    report = json.loads(succeed(*words[0], "--json", cwd=job))
    assert {node["reason"] for node in report["nodes"]} == {"INT8GRAPH_DISABLE is set"}


def test_calibrate_goes_on_from_an_edited_configuration(job, tmp_path):
    entries = json.loads((job / "configure.json").read_text())
    for entry in entries:
        entry["algorithm"] = "moving_average_min_max"
    edited = tmp_path / "edited.json"
    edited.write_text(json.dumps(entries))
    conf = int8graph.QuantConf(str(edited))
    model = torch.jit.load(str(job / "fp32.pt")).eval()
    with torch.no_grad():
        for image in torch.from_numpy(np.load(job / "images.npy")).split(1):
            with int8graph.calibrate(conf):
                model(image)
    conf.save(str(tmp_path / "expected.json"))
    words = ["calibrate", job / "fp32.pt", "--data", job / "images.npy", "--from", edited]
    succeed(*words, "--conf", tmp_path / "again.json")
    again = (tmp_path / "again.json").read_bytes()
    assert again == (tmp_path / "expected.json").read_bytes()
    assert again != (job / "configure.json").read_bytes()


def _save_fortran(path, images):
    np.save(path, np.asfortranarray(images))


def _save_float64(path, images):
    np.save(path, images.astype(np.float64))


def _save_tensor(path, images):
    torch.save(torch.from_numpy(images), path)


def _save_list(path, images):
    torch.save([torch.from_numpy(image) for image in np.split(images, len(images))], path)


def _save_folder(path, images):
    path.mkdir()
    for i, image in enumerate(np.split(images, len(images))):
        np.save(path / f"{i}.npy", image)


@pytest.mark.parametrize(
    "name, save",
    [
        ("fortran.npy", _save_fortran),
        ("float64.npy", _save_float64),
        ("tensor.pt", _save_tensor),
        ("list.pt", _save_list),
        ("folder", _save_folder),
    ],
)
def test_data_may_come_in_any_form(job, tmp_path, name, save):
    save(tmp_path / name, np.load(job / "images.npy"))
    conf = tmp_path / "configure.json"
    succeed("calibrate", job / "fp32.pt", "--data", tmp_path / name, "--conf", conf)
    assert conf.read_bytes() == (job / "configure.json").read_bytes()


def test_batches_are_cut_of_samples_only(job, tmp_path):
    _save_folder(tmp_path / "folder", np.load(job / "images.npy"))
    done = run("calibrate", job / "fp32.pt", "--data", tmp_path / "folder", "--batch", 2)
    assert done.returncode == 2 and "option --batch is for a tensor" in done.stderr


def _as_if_saved_on_a_gpu(source, target):
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for entry in old.infolist():
            content = old.read(entry)
            if entry.filename.endswith(".pkl"):
                content = content.replace(b"X\3\0\0\0cpu", b"X\6\0\0\0cuda:0")
            new.writestr(entry, content)


def test_models_may_come_from_a_gpu(job, tmp_path):
    _as_if_saved_on_a_gpu(job / "fp32.pt", tmp_path / "gpu.pt")
    assert b"cuda:0" in (tmp_path / "gpu.pt").read_bytes()
    conf = tmp_path / "configure.json"
    succeed("calibrate", tmp_path / "gpu.pt", "--data", job / "images.npy", "--conf", conf)
    assert conf.read_bytes() == (job / "configure.json").read_bytes()


def test_models_of_several_inputs(tmp_path):
    torch.manual_seed(0)
    tokens, x = torch.randint(0, 50, (4, 7)), torch.randn(4, 7, 16)
    traced = torch.jit.trace(TwoInputs().eval(), (tokens[:1], x[:1]))
    traced.save(str(tmp_path / "fp32.pt"))
    torch.save((tokens, x), tmp_path / "data.pt")
    succeed("calibrate", "fp32.pt", "--data", "data.pt", "--batch", 2, cwd=tmp_path)
    words = "convert fp32.pt --shape 1x7,1x7x16 --dtype int64,float32 -o model.pt".split()
    succeed(*words, cwd=tmp_path)
    text = succeed("bench", "model.pt", "--iterations", 2, cwd=tmp_path)
    assert "int64 1x7, float32 1x7x16" in text
    report = json.loads(
        succeed(*"compare fp32.pt model.pt --data data.pt --json".split(), cwd=tmp_path)
    )
    assert report["calls"] == 4


def test_recorded_inputs_may_have_any_dtype(tmp_path):
    """Dtypes that --dtype does not take: the file tells them, nobody has to type them."""

    class Scaled(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = torch.nn.Linear(16, 8)

        def forward(self, x, scale, shift):
            return self.linear(x * scale.float() + shift.float())

    torch.manual_seed(0)
    inputs = (torch.randn(2, 16), torch.ones(2, 16, dtype=torch.int16), torch.zeros(2, 16).half())
    torch.jit.trace(Scaled().eval(), inputs).save(str(tmp_path / "fp32.pt"))
    torch.save(inputs, tmp_path / "data.pt")
    succeed("calibrate", "fp32.pt", "--data", "data.pt", cwd=tmp_path)
    succeed("convert", "fp32.pt", "--data", "data.pt", "-o", "model.pt", cwd=tmp_path)
    text = succeed("bench", "model.pt", "--iterations", 2, cwd=tmp_path)
    assert "float32 1x16, int16 1x16, float16 1x16" in text
    assert "int16 1x16" in succeed("inspect", "model.pt", "--profile", cwd=tmp_path)


def test_convert_with_autocast(job, tmp_path):
    """What Python's convert does under torch.autocast."""
    conf = json.loads((job / "configure.json").read_text())
    conf[0]["inputs_quantized"] = [False]
    (tmp_path / "edited.json").write_text(json.dumps(conf))
    out = tmp_path / "model.pt"
    files = [job / "fp32.pt", "--conf", tmp_path / "edited.json", "-o", out]
    succeed("convert", *files, "--shape", "1x3x20x20", "--autocast", "bfloat16")
    x = torch.randn(1, 3, 20, 20)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        ours = int8graph.convert(
            torch.jit.load(job / "fp32.pt"), int8graph.QuantConf(str(tmp_path / "edited.json")), x
        )
    with torch.no_grad():
        theirs = torch.jit.load(out)(x)
        assert theirs.dtype == torch.bfloat16
        assert torch.equal(ours(x), theirs)


def test_convert_without_a_shape(job, tmp_path):
    model = tmp_path / "model.pt"
    succeed("convert", job / "fp32.pt", "--conf", job / "configure.json", "-o", model)
    done = run("bench", model)
    assert done.returncode == 2 and "missing option --shape" in done.stderr
    succeed("bench", model, "--data", job / "images.npy", "--iterations", 2)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_teaches(command):
    text = succeed(command, "--help")
    assert text.startswith(f"Usage: int8graph {command}")
    assert f"Examples:\n  int8graph {command} " in text
    assert max(len(line) for line in text.splitlines()) <= 104
    assert command in succeed("--help")
    assert succeed("help", command) == text


def test_version():
    assert succeed("--version") == f"int8graph {int8graph.__version__}\n"


@pytest.mark.parametrize(
    "words, said",
    [
        ("frobnicate", 'int8graph: unknown command "frobnicate"'),
        ("help frobnicate", 'int8graph: unknown command "frobnicate"'),
        ("bench", "missing argument MODEL"),
        ("bench model.pt other.pt", 'unexpected argument "other.pt"'),
        ("bench model.pt --frob", 'unknown option "--frob"'),
        ("bench model.pt --threads", "option --threads needs a value"),
        ("bench model.pt --threads 0", "accepted: an integer from 1 to 1024"),
        ("bench model.pt --instances 4294967297", "accepted: an integer from 1 to 1024"),
        ("bench model.pt --iterations 4294967297", "accepted: an integer from 1 to 2147483647"),
        ("bench model.pt --threads=two", 'option --threads is "two"'),
        ("bench model.pt --json=yes", "option --json takes no value"),
        ("bench model.pt --shape 1x0", 'option --shape is "1x0"'),
        ("bench model.pt --shape 1x3 --dtype float99", "accepted: float32"),
        ("bench model.pt --shape 1x3 --dtype int64,int64", "names 2 dtypes for 1 inputs"),
        ("bench model.pt --data images.npy --shape 1x3x20x20", "--shape does not go with --data"),
        ("bench model.pt --data images.npy --dtype int64", "--dtype does not go with --data"),
        ("inspect model.pt --shape 1x3x20x20", "option --shape needs --profile"),
        ("inspect model.pt --data images.npy", "option --data needs --profile"),
        ("calibrate fp32.pt", "missing option --data"),
        ("calibrate fp32.pt --data images.npy --threads 0", "an integer from 1 to 1024"),
        ("compare fp32.pt model.pt --data images.npy --threads 0", "an integer from 1 to 1024"),
        ("calibrate fp32.pt --data x.npy --scheme odd", "accepted: affine, symmetric"),
        ("convert fp32.pt", "missing option --output"),
    ],
)
def test_wrong_usage(job, words, said):
    done = run(*words.split(), cwd=job)
    assert done.returncode == 2
    assert done.stdout == ""
    assert said in done.stderr and done.stderr.count("\n") == 1


def _save_trace_in_training_mode(path):
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.Dropout()).train()
    torch.jit.trace(model, torch.zeros(1, 3, 20, 20), check_trace=False).save(str(path))


@pytest.fixture(scope="module")
def bad(job):
    """Files that are not what they should be, beside the good ones."""
    (job / "text.pt").write_text("no model")
    (job / "text.npy").write_text("no array")
    (job / "short.pt").write_bytes((job / "model.pt").read_bytes()[:-1000])
    torch.save(torch.zeros(2), job / "tensor.pt")
    good = (job / "images.npy").read_bytes()
    (job / "short.npy").write_bytes(good[:-10])
    (job / "header.npy").write_bytes(good[:40])
    np.save(job / "complex.npy", np.zeros((2, 3), np.complex64))
    np.save(job / "grey.npy", np.zeros((2, 1, 20, 20), np.float32))
    nan = np.load(job / "images.npy")
    nan[1, 0, 0, 0] = np.nan
    np.save(job / "nan.npy", nan)
    torch.save({"images": torch.zeros(2)}, job / "dict.pt")
    (job / "mixed").mkdir()
    np.save(job / "mixed" / "1.npy", np.zeros((1, 3, 20, 20), np.float32))
    np.save(job / "mixed" / "2.npy", np.zeros((1, 1, 20, 20), np.float32))
    torch.save([torch.zeros(1, 3, 20, 20), torch.zeros(1, 3)], job / "list.pt")
    torch.save([torch.zeros(1, 3, 20, 20), 7], job / "numbers.pt")
    torch.save([torch.zeros(0, 3, 20, 20)], job / "empty.pt")
    _save_trace_in_training_mode(job / "training.pt")
    one_channel = torch.jit.trace(torch.nn.Conv2d(1, 4, 3).eval(), torch.zeros(1, 1, 20, 20))
    one_channel.save(str(job / "one_channel.pt"))
    (job / "empty").mkdir()
    (job / "bad.json").write_text("[{]")
    entries = json.loads((job / "configure.json").read_text())
    (job / "other.json").write_text(json.dumps(entries[:-1], indent=4) + "\n")
    return job


@pytest.mark.parametrize(
    "words, said",
    [
        ("bench missing.pt", 'can\'t read "missing.pt"'),
        ("bench text.pt", '"text.pt" is not a TorchScript file'),
        ("inspect text.pt", '"text.pt" is not a TorchScript file'),
        ("inspect short.pt", '"short.pt" is not a TorchScript file'),
        ("inspect tensor.pt", '"tensor.pt" is not a TorchScript file'),
        ("bench fp32.pt", "not one that int8graph's convert made"),
        ("inspect missing.pt", 'can\'t read "missing.pt"'),
        # What can be told at the start is: here before the model is missed.
        ("bench missing.pt --fp32 typo.pt", 'can\'t read "typo.pt"'),
        ("bench missing.pt --fp32 tensor.pt", '"tensor.pt" is not a TorchScript file'),
        ("bench missing.pt --fp32 model.pt", '"model.pt" is an int8 artifact already'),
        ("inspect missing.pt --html no/page.html", "no/page.html: can't be written"),
        ("calibrate missing.pt --data images.npy --conf no/conf.json", "no/conf.json: can't be"),
        ("convert missing.pt -o no/model.pt", "no/model.pt: can't be written"),
        (
            "bench model.pt --iterations 1 --fp32 one_channel.pt",
            '"one_channel.pt", inputs as the file was converted with (float32 1x3x20x20): Given',
        ),
        ("calibrate missing.pt --data images.npy", 'can\'t read "missing.pt"'),
        ("calibrate text.pt --data images.npy", "torch.jit.trace"),
        ("calibrate model.pt --data images.npy", "is an int8 artifact already"),
        ("calibrate fp32.pt --data missing.npy", 'can\'t read "missing.npy"'),
        ("calibrate fp32.pt --data text.npy", '"text.npy": not a .npy file'),
        ("calibrate fp32.pt --data short.npy", '"short.npy": holds'),
        ("calibrate fp32.pt --data header.npy", '"header.npy": not a valid .npy file'),
        ("calibrate fp32.pt --data complex.npy", '"complex.npy": dtype <c8'),
        ("calibrate fp32.pt --data text.pt", '"text.pt": not a tensor'),
        ("calibrate fp32.pt --data dict.pt", '"dict.pt": holds'),
        ("calibrate fp32.pt --data empty", '"empty": no .npy or .pt files'),
        (
            "calibrate fp32.pt --data grey.npy --batch 2",
            '"grey.npy", samples 0 to 1 (float32 2x1x20x20): Given groups=1, weight of size',
        ),
        ("calibrate fp32.pt --data nan.npy", '"nan.npy", sample 1 (float32 1x3x20x20): calib'),
        ("calibrate fp32.pt --data mixed", '"mixed/2.npy" (float32 1x1x20x20): Given groups=1'),
        ("calibrate fp32.pt --data list.pt", '"list.pt", element 1 (float32 1x3): '),
        ("calibrate fp32.pt --data numbers.pt", '"numbers.pt", element 1: holds Int'),
        ("calibrate fp32.pt --data empty.pt", "input 0 of operator 0 (conv2d) has no elements"),
        ("calibrate training.pt --data images.npy", "aten::dropout"),
        ("convert fp32.pt --conf missing.json -o out.pt", "missing.json"),
        ("convert fp32.pt --conf bad.json -o out.pt", "bad.json"),
        (
            "convert fp32.pt --conf other.json -o out.pt --shape 1x3x20x20",
            'with "other.json": the QuantConf is not that of this model: the model has linear',
        ),
        (
            "convert fp32.pt --conf configure.json -o out.pt --data grey.npy",
            '"grey.npy", sample 0 (float32 1x1x20x20): Given groups=1, weight of size',
        ),
        ("compare fp32.pt fp32.pt --data images.npy", "not one that int8graph's convert made"),
        ("compare model.pt model.pt --data images.npy", "is an int8 artifact already"),
    ],
)
def test_failure_at_work(bad, words, said):
    done = run(*words.split(), cwd=bad)
    assert done.returncode == 1, done.stderr
    assert done.stdout == ""
    assert said in done.stderr and done.stderr.count("\n") == 1
    assert done.stderr.startswith(f"int8graph {words.split()[0]}: ")
    assert "PytorchStreamReader" not in done.stderr and "zip" not in done.stderr
    assert not (bad / "out.pt").exists()


def test_what_a_model_raises_is_told(tmp_path):
    class Picky(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = torch.nn.Linear(4, 4)

        def forward(self, x):
            if x.size(0) < 2:
                raise ValueError("too short")
            return self.linear(x)

    torch.jit.script(Picky().eval()).save(str(tmp_path / "fp32.pt"))
    np.save(tmp_path / "x.npy", np.zeros((1, 4), np.float32))
    done = run("calibrate", "fp32.pt", "--data", "x.npy", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr == 'int8graph calibrate: "x.npy", sample 0 (float32 1x4): too short\n'


def test_a_shape_that_the_model_does_not_take(job):
    for command in (["bench"], ["inspect", "--profile"]):
        done = run(*command, "model.pt", "--shape", "1x1x20x20", cwd=job)
        assert done.returncode == 1 and done.stdout == ""
        # Lines before the last one are the library's, which says that oneDNN refuses the shape.
        last = done.stderr.splitlines()[-1]
        assert f"int8graph {command[0]}: made-up inputs (float32 1x1x20x20): " in last
        assert "to have 3 channels, but got 1" in last


def test_compare_refuses_an_artifact_of_another_model(job, tmp_path):
    other = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 20 * 20, 10)).eval()
    torch.jit.trace(other, torch.zeros(1, 3, 20, 20)).save(str(tmp_path / "other.pt"))
    done = run("compare", tmp_path / "other.pt", job / "model.pt", "--data", job / "images.npy")
    assert done.returncode == 1
    assert "does not come from this fp32 model" in done.stderr


def test_compare_tells_what_only_one_side_has(job, tmp_path):
    class Other(Net):
        def forward(self, x):
            x = torch.sigmoid(self.norm(self.conv1(x)))
            x = torch.relu(self.conv2(x) + x)
            return self.linear(torch.sin(x).mean((2, 3)))

    torch.jit.trace(Other().eval(), torch.zeros(1, 3, 20, 20)).save(str(tmp_path / "other.pt"))
    words = ["compare", tmp_path / "other.pt", job / "model.pt", "--data", job / "images.npy"]
    assert 'not compared, the other side has none: "sigmoid", operator 1' in succeed(*words)
    report = json.loads(succeed(*words, "--json"))
    assert len(report["operators_of_one_side"]) == 2  # sigmoid, and the relu that it stands for


def test_compare_tells_equal_outputs_from_those_of_noise_alone(tmp_path):
    class Zero(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = torch.nn.Linear(2, 2, bias=False)
            self.linear.weight.data = torch.tensor([[3.0, -1.0], [1.0, 1.0]])

        def forward(self, x):
            return x * 2, self.linear(x)[:, :1]

    x = torch.tensor([[1.0, 3.0]])  # 3 * 1 - 1 * 3, of which int8 has the 1 a bit smaller
    torch.jit.trace(Zero().eval(), x).save(str(tmp_path / "fp32.pt"))
    np.save(tmp_path / "x.npy", x.numpy())
    succeed("calibrate", "fp32.pt", "--data", "x.npy", cwd=tmp_path)
    succeed("convert", "fp32.pt", "-o", "model.pt", cwd=tmp_path)
    words = "compare fp32.pt model.pt --data x.npy --no-operators".split()
    report = json.loads(succeed(*words, "--json", cwd=tmp_path))
    assert [output["sqnr_db"] for output in report["outputs"]] == [None, "-inf"]
    text = succeed(*words, cwd=tmp_path)
    assert "equal" in text and "-inf" in text


def test_compare_refuses_outputs_that_are_no_numbers(tmp_path):
    class Logarithm(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = torch.nn.Linear(4, 4)

        def forward(self, x):
            return self.linear(x), torch.log(x[:, :2])

    torch.manual_seed(0)
    x = torch.rand(3, 4) + 1
    torch.jit.trace(Logarithm().eval(), x).save(str(tmp_path / "fp32.pt"))
    np.save(tmp_path / "good.npy", x.numpy())
    x[2, 0] = 0
    x[2, 1] = -1
    np.save(tmp_path / "bad.npy", x.numpy())
    succeed("calibrate", "fp32.pt", "--data", "good.npy", cwd=tmp_path)
    succeed("convert", "fp32.pt", "-o", "model.pt", cwd=tmp_path)
    succeed("compare", "fp32.pt", "model.pt", "--data", "good.npy", cwd=tmp_path)
    done = run("compare", "fp32.pt", "model.pt", "--data", "bad.npy", cwd=tmp_path)
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr == (
        'int8graph compare: "bad.npy", sample 2 (float32 1x4): output 1 of the fp32 model is NaN '
        "or infinite in 2 of 2 numbers\n"
    )


@pytest.fixture(scope="module")
def bert_job(tmp_path_factory):
    """transformers' BERT with scaled_dot_product_attention: fp32.pt, data.pt, model.pt."""
    models = pytest.importorskip("models.transformer_models")
    folder = tmp_path_factory.mktemp("bert")
    entry = models.TRANSFORMER_MODELS["bert"]
    calls = [entry.inputs(seed, entry.size) for seed in range(2)]
    model = models.initialise(entry.build())
    model.config.return_dict = False
    with torch.no_grad():
        torch.jit.trace(model, calls[0], strict=False).save(str(folder / "fp32.pt"))
    torch.save(calls, folder / "data.pt")
    succeed("calibrate", "fp32.pt", "--data", "data.pt", cwd=folder)
    succeed("convert", "fp32.pt", "--data", "data.pt", "-o", "model.pt", cwd=folder)
    return folder


def test_compare_of_a_transformer(bert_job):
    words = "compare fp32.pt model.pt --data data.pt --json".split()
    report = json.loads(succeed(*words, cwd=bert_job))
    assert report["operators_of_one_side"] == []
    attentions = [
        row
        for row in report["operators"]
        if row["name"] == "scaled_dot_product_attention" and row["is_quantized"]
    ]
    assert len(attentions) == 2
    assert all(row["alone_sqnr_db"] > 15 for row in attentions)
    assert not any(row["name"] == "matmul" for row in report["operators"])
    text = succeed(*words[:-1], "--threads", 1, cwd=bert_job)
    assert "scaled_dot_product_attention" in text and "not compared" not in text


def test_inspect_groups_what_pytorch_runs(bert_job):
    report = json.loads(succeed("inspect", "model.pt", "--json", cwd=bert_job))
    assert report["operators"]["scaled_dot_product_attention"] == {"all": 2, "quantized": 2}
    outside = [
        (node["kind"], node["reason"])
        for node in report["nodes"]
        if node["kind"] != "int8graph::partition"
    ]
    assert len(outside) > len(set(outside))
    lines = succeed("inspect", "model.pt", cwd=bert_job).splitlines()
    for kind, reason in set(outside):
        (line,) = [x for x in lines if f"{kind}  " in x and x.endswith(reason)]
        assert int(line.split()[0]) == outside.count((kind, reason))


def test_inspect_counts_attention_in_fp32_as_such(tmp_path):
    class Causal(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = torch.nn.Linear(16, 16)

        def forward(self, x):
            y = self.linear(x)
            attention = torch.nn.functional.scaled_dot_product_attention
            return attention(y, y, y, is_causal=True)

    torch.manual_seed(0)
    x = torch.randn(2, 5, 16)
    torch.jit.trace(Causal().eval(), x[:1]).save(str(tmp_path / "fp32.pt"))
    np.save(tmp_path / "x.npy", x.numpy())
    succeed("calibrate", "fp32.pt", "--data", "x.npy", cwd=tmp_path)
    succeed("convert", "fp32.pt", "--data", "x.npy", "-o", "model.pt", cwd=tmp_path)
    report = json.loads(succeed("inspect", "model.pt", "--json", cwd=tmp_path))
    assert report["operators"] == {
        "linear": {"all": 1, "quantized": 1},
        "scaled_dot_product_attention": {"all": 1, "quantized": 0},
    }


def test_an_artifact_that_was_saved_again(job, tmp_path):
    torch.jit.save(torch.jit.load(str(job / "model.pt")), str(tmp_path / "again.pt"))
    text = succeed("inspect", "again.pt", cwd=tmp_path)
    assert "configuration" in text and "missing" in text
    assert "2 conv2d" in text
    assert not json.loads(succeed("inspect", "again.pt", "--json", cwd=tmp_path))[
        "holds_configuration"
    ]
    assert "missing" not in succeed("inspect", job / "model.pt")
    done = run("calibrate", "again.pt", "--data", job / "images.npy", cwd=tmp_path)
    assert done.returncode == 1 and "is an int8 artifact already" in done.stderr


def test_threads_change_no_configuration(job, tmp_path):
    conf = tmp_path / "configure.json"
    words = ["calibrate", job / "fp32.pt", "--data", job / "images.npy", "--conf", conf]
    succeed(*words, "--threads", 1)
    assert conf.read_bytes() == (job / "configure.json").read_bytes()


def test_converting_twice_is_refused_by_name(job):
    artifact = torch.jit.load(str(job / "model.pt"))
    conf = int8graph.QuantConf(job / "configure.json")
    with pytest.raises(ValueError, match="converted already"):
        int8graph.convert(artifact, conf, torch.zeros(1, 3, 20, 20))


def test_an_empty_conf_tells_what_ran():
    conf = int8graph.QuantConf()
    with int8graph.calibrate(conf):
        torch.sin(torch.zeros(2))
    with pytest.raises(ValueError, match="QuantConf is empty: .*aten::sin"):
        int8graph.convert(torch.nn.Linear(2, 2).eval(), conf, torch.zeros(1, 2))


def test_calibrating_in_training_mode_is_refused_by_name():
    model = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.Dropout()).train()
    with pytest.raises(ValueError, match="aten::dropout.*training mode"):
        with int8graph.calibrate(int8graph.QuantConf()):
            model(torch.zeros(1, 4))


def test_progress_bar_on_a_terminal(job, tmp_path):
    terminal, end = pty.openpty()
    words = ["calibrate", job / "fp32.pt", "--data", job / "images.npy"]
    words += ["--conf", tmp_path / "configure.json"]
    command = [_program(), *(str(word) for word in words)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=end) as process:
        process.communicate(timeout=300)
    os.close(end)
    shown = os.read(terminal, 4096).decode()
    os.close(terminal)
    assert "calibrating  [" in shown and f"/{IMAGES}" in shown
    assert shown.endswith("\r\x1b[K")  # wiped out


def test_output_that_nobody_takes_is_a_failure(job):
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [_program(), "inspect", str(job / "model.pt")], stdout=full, stderr=subprocess.PIPE
        )
    assert done.returncode == 1
    assert done.stderr == b"int8graph inspect: can't write to stdout\n"
