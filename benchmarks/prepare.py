"""Makes a contestant's deployable files, in a process of its own; `compare.py` calls it.

    python prepare.py WORKLOAD CONTESTANT FOLDER

Writes the files and `about.json`, which names those that count as deployed and the versions of
what made them. The contestant `reference` writes what all of them share: the inputs, the outputs
of fp32 eager PyTorch and the number of operations.
"""

import importlib.metadata
import json
import logging
import subprocess
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from contestants import find_program
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode
from workloads import WORKLOADS, Workload


def describe(folder: Path, files: Sequence[str], packages: Sequence[str], **more: object) -> None:
    versions = {package: importlib.metadata.version(package) for package in packages}
    more["versions"] = versions | more.get("versions", {})
    (folder / "about.json").write_text(json.dumps({"files": files, **more}))


def reference(work: Workload, folder: Path) -> None:
    model, inputs = work.model(), work.inputs(1)
    outputs = model(*inputs)
    outputs = [outputs] if isinstance(outputs, torch.Tensor) else outputs
    np.savez(folder / "inputs.npz", *(tensor.numpy() for tensor in inputs))
    np.savez(folder / "outputs.npz", *(tensor.numpy() for tensor in outputs))
    # Attention counts as the two products that it is; the counter does not know the fused operator.
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        model(*inputs)
    packages = [package for package in ("torch", "transformers") if package in sys.modules]
    describe(folder, [], packages, operations=counter.get_total_flops())


def eager(work: Workload, folder: Path) -> None:
    torch.save(work.model(), folder / "model.pt")
    describe(folder, ["model.pt"], ["torch"])


def frozen(work: Workload, folder: Path) -> None:
    module = torch.jit.freeze(torch.jit.trace(work.model(), work.inputs(1)))
    module.save(folder / "model.pt")
    describe(folder, ["model.pt"], ["torch"])


def int8graph(work: Workload, folder: Path) -> None:
    import int8graph

    model, conf = work.model(), int8graph.QuantConf()
    for inputs in work.calibration():
        with int8graph.calibrate(conf):
            model(*inputs)
    int8graph.save(int8graph.convert(model, conf, work.inputs(1)), folder / "model.pt")
    versions = {"int8graph": int8graph.__version__}
    describe(folder, ["model.pt"], ["torch"], versions=versions)


def int8graph_program(work: Workload, folder: Path) -> None:
    """The whole job by the program: only the fp32 TorchScript file comes from Python."""
    torch.jit.trace(work.model(), work.inputs(1)).save(folder / "fp32.pt")
    torch.save(work.calibration(), folder / "calibration.pt")
    torch.save([work.inputs(1)], folder / "inputs.pt")
    program = find_program()

    def call(command: str) -> str:
        words = [program, *command.split()]
        return subprocess.run(
            words, cwd=folder, check=True, stdout=subprocess.PIPE, text=True
        ).stdout

    call("calibrate fp32.pt --data calibration.pt --conf configure.json")
    call("convert fp32.pt --conf configure.json --data inputs.pt -o model.pt")
    compared = json.loads(call("compare fp32.pt model.pt --data inputs.pt --no-operators --json"))
    ratios = [output["sqnr_db"] for output in compared["outputs"]]
    # None stands for equal outputs, the text "-inf" for noise where fp32 has nothing but zeros.
    sqnr = min((float(ratio) for ratio in ratios if ratio is not None), default=None)
    _, version = call("--version").split()
    describe(folder, ["model.pt"], [], versions={"int8graph": version}, sqnr_db=sqnr)


def onnxruntime(work: Workload, folder: Path) -> None:
    """Static quantization by its own tools: QDQ, int8 weights per channel, uint8 activations."""
    from onnxruntime import quantization
    from onnxruntime.quantization.shape_inference import quant_pre_process

    names = [f"input{i}" for i in range(len(work.inputs(1)))]

    class Calibration(quantization.CalibrationDataReader):
        def __init__(self) -> None:
            self._calls = iter(work.calibration())

        def get_next(self) -> dict[str, np.ndarray] | None:
            inputs = next(self._calls, None)
            return inputs and {name: x.numpy() for name, x in zip(names, inputs)}

    exported, inferred = str(folder / "fp32.onnx"), str(folder / "inferred.onnx")
    torch.onnx.export(work.model(), work.inputs(1), exported, input_names=names, dynamo=False)
    quant_pre_process(exported, inferred)
    quantization.quantize_static(
        inferred,
        str(folder / "model.onnx"),
        Calibration(),
        quant_format=quantization.QuantFormat.QDQ,
        per_channel=True,
        activation_type=quantization.QuantType.QUInt8,
        weight_type=quantization.QuantType.QInt8,
    )
    describe(folder, ["model.onnx"], ["onnxruntime", "onnx"])


def openvino(work: Workload, folder: Path) -> None:
    """Post-training quantization by NNCF, told of transformers as its guide says."""
    import nncf
    import openvino

    inputs = work.inputs(1)
    shapes = [list(tensor.shape) for tensor in inputs]
    model = openvino.convert_model(work.model(), input=shapes, example_input=inputs)
    calibration = work.calibration()
    model = nncf.quantize(
        model,
        nncf.Dataset(calibration, lambda call: [tensor.numpy() for tensor in call]),
        subset_size=len(calibration),
        model_type=nncf.ModelType.TRANSFORMER if work.is_transformer else None,
    )
    openvino.save_model(model, folder / "model.xml")
    describe(folder, ["model.xml", "model.bin"], ["openvino", "nncf"])


def inductor(work: Workload, folder: Path) -> None:
    """PT2E's static quantization, compiled ahead of time into one package."""
    from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e
    from torchao.quantization.pt2e.quantizer import x86_inductor_quantizer as x86

    inputs = work.inputs(1)
    try:  # told apart by a strict export only, calls of one module can be fused
        exported = torch.export.export(work.model(), inputs, strict=True)
    except Exception:
        exported = torch.export.export(work.model(), inputs)
    quantizer = x86.X86InductorQuantizer()
    quantizer.set_global(x86.get_default_x86_inductor_quantization_config())
    model = prepare_pt2e(exported.module(), quantizer)
    for call in work.calibration():
        model(*call)
    torch._inductor.aoti_compile_and_package(
        torch.export.export(convert_pt2e(model), inputs),
        package_path=str(folder / "model.pt2"),
        inductor_configs={"freezing": True},  # folds and packs weights
    )
    describe(folder, ["model.pt2"], ["torch", "torchao"])


PREPARATIONS: dict[str, Callable[[Workload, Path], None]] = {
    function.__name__: function
    for function in (
        reference,
        eager,
        frozen,
        int8graph,
        int8graph_program,
        onnxruntime,
        openvino,
        inductor,
    )
}


def main() -> None:
    workload, contestant, folder = sys.argv[1:]
    warnings.filterwarnings("ignore")  # the exporters warn about their own innards
    logging.disable(logging.WARNING)
    torch.set_num_threads(1)  # what is compiled here is compiled for as many
    with torch.no_grad():
        PREPARATIONS[contestant](WORKLOADS[workload], Path(folder))


if __name__ == "__main__":
    main()
