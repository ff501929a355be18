"""The public names of int8graph, in a module named as in Intel Extension for PyTorch."""

import contextlib
import functools
import os
import warnings
from typing import Any, Iterator, Mapping, Tuple, Union

import torch

from int8graph import _C
from int8graph._C import QuantConf

__all__ = ["QuantConf", "calibrate", "convert", "save"]

ExampleInput = Union[torch.Tensor, Tuple[Any, ...], Mapping[str, Any]]


@contextlib.contextmanager
def calibrate(conf: QuantConf, default_recipe: bool = True) -> Iterator[None]:
    """Observes the operators that PyTorch runs inside the block, on this thread.

    Their ranges go into `conf` where the block ends; several blocks accumulate. If the block
    raises, `conf` stays as it was.

    default_recipe: place quantizers by the default recipe. Without it every input and output of
        every operator that has an int8 form is quantized.

    Raises ValueError at the end of the block if an activation or weight held a NaN, or one of a
    convolution, linear layer or matmul an infinity (elsewhere, infinities are masks: what has seen
    one is not quantized); if the batch was empty; if a dropout or batch norm ran in training mode;
    or if the operators are not those that `conf` already holds.
    """
    scope = _C.Calibration(conf, default_recipe=default_recipe)
    try:
        with _attention_in_parts():
            yield
    except BaseException:
        scope.abandon()
        raise
    scope.finish()


def convert(
    model: torch.nn.Module, conf: QuantConf, example_input: ExampleInput
) -> torch.jit.ScriptModule:
    """Turns an fp32 model into an int8 TorchScript module, which has a `save` method.

    model: an eager module in eval mode, which is traced, or a ScriptModule. It is not changed.
    conf: what calibrate() observed on this model, or a file of it.
    example_input: what the model is called with: a tensor, a tuple of positional arguments, or a
        dict of keyword arguments.

    Under torch.autocast("cpu", torch.bfloat16), what stays out of int8 computes in bfloat16, as it
    would there: weights are stored in it, and results of the model have it. So with float16.

    Raises ValueError if the model is in training mode or converted already, if `conf` is empty or
    belongs to another model, or if nothing could be quantized.
    """
    args, kwargs = _call_arguments(example_input)
    if not isinstance(model, torch.jit.ScriptModule):
        model = _trace(model, args, kwargs)
    quantized = torch.jit._recursive.wrap_cpp_module(_C.convert(model._c, conf, args, kwargs))
    # Not save(quantized): a reference to itself would keep the module until garbage is collected.
    quantized.save = functools.partial(_C.save, quantized._c)
    return quantized


def save(module: torch.jit.ScriptModule, path: Union[str, "os.PathLike[str]"]) -> None:
    """Writes what convert() returned to one TorchScript file, which appears whole or not at all.

    Raises OSError if it can't be written, ValueError if `module` does not come from convert().
    """
    if not isinstance(module, torch.jit.ScriptModule):
        raise TypeError(
            f"module is a {type(module).__name__}; save() takes what convert() returned"
        )
    _C.save(module._c, path)


@contextlib.contextmanager
def _attention_in_parts() -> Iterator[None]:
    """Keeps nn.MultiheadAttention and nn.TransformerEncoderLayer from running as one operator each,
    whose linear layers could neither be observed nor quantized."""
    enabled = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(enabled)


def _call_arguments(example_input: ExampleInput) -> Tuple[Tuple[Any, ...], Mapping[str, Any]]:
    if isinstance(example_input, torch.Tensor):
        return (example_input,), {}
    if isinstance(example_input, tuple):
        return example_input, {}
    if isinstance(example_input, Mapping):
        return (), dict(example_input)
    raise TypeError(
        f"example_input is a {type(example_input).__name__}; accepted are a tensor, a tuple of "
        "positional arguments and a dict of keyword arguments"
    )


def _trace(
    model: torch.nn.Module, args: Tuple[Any, ...], kwargs: Mapping[str, Any]
) -> torch.jit.ScriptModule:
    if not isinstance(model, torch.nn.Module):
        raise TypeError(
            f"model is a {type(model).__name__}; accepted are torch.nn.Module and "
            "torch.jit.ScriptModule"
        )
    for name, module in model.named_modules():
        if module.training:
            where = f"its submodule '{name}'" if name else "it"
            raise ValueError(
                f"the model must be in eval mode, but {where} is in training mode: call "
                "model.eval() before calibrating and converting"
            )
    inputs = {"example_kwarg_inputs": kwargs} if kwargs else {"example_inputs": args}
    # convert() sees to autocast itself, once quantizers stand.
    fp32 = torch.autocast("cpu", enabled=False)
    with torch.no_grad(), fp32, _attention_in_parts(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`torch.jit.trace", DeprecationWarning)
        return torch.jit.trace(model, **inputs, check_trace=False, strict=False)
