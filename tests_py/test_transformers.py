"""Models with attention, and a recommender, in small versions: each converts by itself, is fused,
and computes the right thing, also at a size that conversion has not seen."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import int8graph
from graph_facts import graph_facts
from stock_torch import run_in_stock_torch

transformers = pytest.importorskip("transformers")

from models.transformer_models import (  # noqa: E402
    TRANSFORMER_MODELS,
    Inputs,
    TransformerModel,
    initialise,
)

# What a trace may not generalize over is each model's own matter.
pytestmark = pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")

# The least ratio of signal to quantization noise of any output, in decibels: some 3 dB below what
# was measured. The weights are random, and the inputs that are measured take no part in
# calibration.
MIN_SQNR = {
    "bert": 29.0,
    "bert_eager": 28.0,
    "distilbert": 31.0,
    "roberta": 30.0,
    "gpt2": 31.0,
    "vit": 24.0,
    "swin": 28.0,
    "convnext": 29.0,
    "segformer": 22.0,
    "detr": 17.0,
    "whisper_encoder": 28.0,
    "wav2vec2": 30.0,
    "torch_encoder": 30.0,
    "functional_attention": 29.0,
    "packed_attention": 29.0,
    "dlrm": 25.0,
}

# Whether attention computes in int8, the scores and what they weigh; otherwise in fp32.
ATTENTION_IS_INT8 = True


@dataclass
class Converted:
    name: str
    description: TransformerModel
    model: nn.Module
    module: torch.jit.ScriptModule
    path: Path
    inputs: Inputs


@pytest.fixture(scope="module", params=TRANSFORMER_MODELS)
def converted(request, tmp_path_factory) -> Converted:
    description = TRANSFORMER_MODELS[request.param]
    model = initialise(description.build())
    inputs = description.inputs(1, description.size)
    conf = int8graph.QuantConf()
    with torch.no_grad():
        for seed in range(100, 104):
            with int8graph.calibrate(conf):
                model(*description.inputs(seed, description.size))
        module = int8graph.convert(model, conf, inputs)
    path = tmp_path_factory.mktemp(request.param) / "model.pt"
    int8graph.save(module, str(path))
    return Converted(request.param, description, model, module, path, inputs)


def tensors_in(outputs: Any) -> list[torch.Tensor]:
    """The floating-point tensors in what a model returns: one, or a tuple or a dict of them."""
    if isinstance(outputs, torch.Tensor):
        return [outputs] if outputs.is_floating_point() else []
    elements = outputs.values() if isinstance(outputs, Mapping) else outputs
    return [tensor for element in elements for tensor in tensors_in(element)]


def run(module: nn.Module, inputs: Inputs) -> list[torch.Tensor]:
    """The outputs after one call that is not looked at: fusion happens at the second."""
    with torch.no_grad():
        module(*inputs)
        return tensors_in(module(*inputs))


def least_sqnr(reference: list[torch.Tensor], outputs: list[torch.Tensor]) -> float:
    assert len(reference) == len(outputs)
    return min(
        (10 * torch.log10(r.var(correction=0) / (r - o).square().mean())).item()
        for r, o in zip(reference, outputs)
    )


def compute_layers(model: nn.Module) -> int:
    kinds = (nn.Conv1d, nn.Conv2d, nn.Linear, transformers.pytorch_utils.Conv1D)
    modules = list(model.modules())
    # The projections of queries, keys and values are one linear layer without a module.
    functional = sum(isinstance(module, nn.MultiheadAttention) for module in modules)
    return sum(isinstance(module, kinds) for module in modules) + functional


def test_every_layer_and_attention_is_int8_in_a_partition(converted):
    facts = graph_facts(torch.jit.load(str(converted.path)), *converted.inputs)
    expected = compute_layers(converted.model) + converted.description.other_products
    expected += 2 * converted.description.packed_projections
    if ATTENTION_IS_INT8:
        expected += 2 * converted.description.attentions
    assert facts.compute_outside == []
    assert facts.int8_compute == expected


def test_nothing_is_requantized_between_partitions(converted):
    facts = graph_facts(torch.jit.load(str(converted.path)), *converted.inputs)
    assert facts.requantized == 0


def test_output_is_close_to_fp32(converted):
    fp32 = run(converted.model, converted.inputs)
    assert least_sqnr(fp32, run(converted.module, converted.inputs)) >= MIN_SQNR[converted.name]


def test_output_is_close_to_fp32_at_another_size(converted):
    inputs = converted.description.inputs(3, converted.description.other_size)
    fp32 = run(converted.model, inputs)
    assert least_sqnr(fp32, run(converted.module, inputs)) >= MIN_SQNR[converted.name]


def test_loaded_file_gives_the_same_numbers(converted):
    loaded = run(torch.jit.load(str(converted.path)), converted.inputs)
    for ours, theirs in zip(run(converted.module, converted.inputs), loaded, strict=True):
        assert torch.equal(ours, theirs)


def test_stock_torch_agrees(converted):
    """A value on the edge between two quanta may fall on either side; still this must stay below
    the noise that quantizing itself makes."""
    outputs = run_in_stock_torch(converted.path, [converted.inputs], converted.path.parent)
    unfused = tensors_in(outputs[0])
    fp32 = run(converted.model, converted.inputs)
    fused = run(torch.jit.load(str(converted.path)), converted.inputs)
    assert least_sqnr(unfused, fused) >= least_sqnr(fp32, unfused) + 3.0
