"""Who is compared: each contestant takes an fp32 PyTorch model and runs it its own way."""

import contextlib
import io
import json
import shutil
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn


class Unavailable(Exception):
    """What a contestant needs is not installed; the message says what."""


@dataclass
class Workload:
    """What all contestants are given. Shapes of images: `[batch, 3, size, size]`."""

    name: str
    model: nn.Module
    image: torch.Tensor
    calibration: Sequence[torch.Tensor]


class Contestant(ABC):
    """One way to run the model on one thread."""

    title: str

    @abstractmethod
    def prepare(self, work: Workload, folder: Path) -> list[Path]:
        """Gets ready to run, and writes the deployable files to `folder`; their sizes are shown.

        Raises Unavailable when something is not installed.
        """

    @abstractmethod
    def run(self) -> torch.Tensor:
        """One forward pass on the workload's image."""

    def time(self, calls: int) -> list[float]:
        """Runs `calls` times and returns the seconds of each."""
        seconds = []
        for _ in range(calls):
            start = time.perf_counter()
            self.run()
            seconds.append(time.perf_counter() - start)
        return seconds


class Eager(Contestant):
    title = "PyTorch fp32, eager"

    def prepare(self, work: Workload, folder: Path) -> list[Path]:
        self._model, self._image = work.model, work.image
        path = folder / "eager.pt"
        torch.save(work.model.state_dict(), path)
        return [path]

    def run(self) -> torch.Tensor:
        return self._model(self._image)


class Frozen(Contestant):
    title = "PyTorch fp32, trace + freeze"

    def prepare(self, work: Workload, folder: Path) -> list[Path]:
        self._image = work.image
        self._module = torch.jit.freeze(torch.jit.trace(work.model, work.image))
        path = folder / "frozen.pt"
        self._module.save(path)
        return [path]

    def run(self) -> torch.Tensor:
        return self._module(self._image)


def convert_with_int8graph(work: Workload, path: Path) -> torch.jit.ScriptModule:
    try:
        import int8graph
    except ImportError as error:
        raise Unavailable("pip install int8graph") from error
    conf = int8graph.QuantConf()
    for image in work.calibration:
        with int8graph.calibrate(conf):
            work.model(image)
    module = int8graph.convert(work.model, conf, work.image)
    int8graph.save(module, path)
    return module


class Int8Graph(Contestant):
    title = "int8graph"

    def prepare(self, work: Workload, folder: Path) -> list[Path]:
        self._image = work.image
        path = folder / "int8graph.pt"
        self._module = convert_with_int8graph(work, path)
        return [path]

    def run(self) -> torch.Tensor:
        return self._module(self._image)


class Int8GraphProgram(Contestant):
    """The same file in the `int8graph` program: a process of its own per turn, without Python."""

    title = "int8graph, C++ program"

    def prepare(self, work: Workload, folder: Path) -> list[Path]:
        beside_python = Path(sys.executable).with_name("int8graph")
        self._program = str(beside_python) if beside_python.exists() else shutil.which("int8graph")
        if self._program is None:
            raise Unavailable("no program `int8graph` on the PATH")
        self._path = folder / "int8graph_program.pt"
        self._module = convert_with_int8graph(work, self._path)
        self._image = work.image
        return [self._path]

    def run(self) -> torch.Tensor:
        return self._module(self._image)

    def time(self, calls: int) -> list[float]:
        shape = "x".join(str(size) for size in self._image.shape)
        command = [self._program, "bench", str(self._path), "--shape", shape]
        command += ["--iterations", str(calls), "--threads", "1", "--json", "--no-profile"]
        report = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        return [milliseconds / 1000 for milliseconds in json.loads(report)["latencies_ms"]]


class OnnxRuntime(Contestant):
    """Static quantization by ONNX Runtime's own tools: QDQ, weights per channel, u8 activations."""

    title = "ONNX Runtime int8"

    def prepare(self, work: Workload, folder: Path) -> list[Path]:
        try:
            import onnx  # noqa: F401
            import onnxruntime
            from onnxruntime import quantization
            from onnxruntime.quantization.shape_inference import quant_pre_process
        except ImportError as error:
            raise Unavailable("pip install onnxruntime onnx") from error

        class Images(quantization.CalibrationDataReader):
            def __init__(self):
                self._images = iter(work.calibration)

            def get_next(self):
                image = next(self._images, None)
                return None if image is None else {"image": image.numpy()}

        exported, inferred = folder / "fp32.onnx", folder / "inferred.onnx"
        torch.onnx.export(
            work.model, (work.image,), str(exported), input_names=["image"], dynamo=False
        )
        quant_pre_process(str(exported), str(inferred))
        path = folder / "onnxruntime.onnx"
        quantization.quantize_static(
            str(inferred),
            str(path),
            Images(),
            quant_format=quantization.QuantFormat.QDQ,
            per_channel=True,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
        )
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )
        self._feed = {"image": work.image.numpy()}
        return [path]

    def run(self) -> torch.Tensor:
        return torch.from_numpy(self._session.run(None, self._feed)[0])


class OpenVino(Contestant):
    """Post-training quantization by NNCF. What is not int8 stays fp32, as everywhere else here."""

    title = "OpenVINO int8 (NNCF)"

    def prepare(self, work: Workload, folder: Path) -> list[Path]:
        try:
            import nncf
            import openvino
        except ImportError as error:
            raise Unavailable("pip install openvino nncf") from error
        import logging

        logging.getLogger("nncf").setLevel(logging.WARNING)
        model = openvino.convert_model(work.model, example_input=work.image)
        model.reshape(list(work.image.shape))
        images = nncf.Dataset(work.calibration, lambda image: image.numpy())
        with contextlib.redirect_stdout(io.StringIO()):  # progress bars
            model = nncf.quantize(model, images, subset_size=len(work.calibration))
        path = folder / "openvino.xml"
        openvino.save_model(model, str(path))
        settings = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": 1,
            "INFERENCE_PRECISION_HINT": "f32",
        }
        compiled = openvino.Core().compile_model(str(path), "CPU", settings)
        self._request = compiled.create_infer_request()
        self._image = work.image.numpy()
        return [path, path.with_suffix(".bin")]

    def run(self) -> torch.Tensor:
        result = self._request.infer([self._image], share_inputs=True, share_outputs=True)
        return torch.from_numpy(result[0])


CONTESTANTS: dict[str, type[Contestant]] = {
    "eager": Eager,
    "frozen": Frozen,
    "int8graph": Int8Graph,
    "int8graph_program": Int8GraphProgram,
    "onnxruntime": OnnxRuntime,
    "openvino": OpenVino,
}
