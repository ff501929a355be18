"""INT8 inference for PyTorch models on x86 CPUs: calibrate, convert, save.

The main job:

    conf = int8graph.QuantConf(qscheme=torch.per_tensor_affine)
    with torch.no_grad():
        for x in calibration_data:
            with int8graph.calibrate(conf):
                model(x)
        q = int8graph.convert(model, conf, example_input)
    q.save("model.pt")
"""

import os as _os

import torch as _torch  # noqa: F401  loads libtorch, which int8graph._C needs

from int8graph import _C
from int8graph.quantization import QuantConf, calibrate, convert, save

__all__ = ["QuantConf", "calibrate", "convert", "save"]

__version__: str = _C.__version__

#: For CMake's CMAKE_PREFIX_PATH: find_package(int8graph) finds the installed package there.
cmake_prefix_path: str = _os.path.dirname(_os.path.abspath(__file__))
