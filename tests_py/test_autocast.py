"""torch.autocast: what stays out of int8 computes in bfloat16; artifacts may be called in it."""

import json
from pathlib import Path

import pytest
import torch
from torch import nn

import int8graph
from graph_facts import graph_facts
from stock_torch import run_in_stock_torch

BF16 = torch.bfloat16


class Network(nn.Module):
    """Convolutions with a shortcut, then attention, then a head: each can be left out of int8."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 3, padding=1)
        self.norm = nn.BatchNorm2d(16)
        self.conv = nn.Conv2d(16, 16, 3, padding=1)
        self.layer_norm = nn.LayerNorm(16)
        self.qkv = nn.Linear(16, 48)
        self.head = nn.Linear(16, 10)

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        x = torch.relu(self.norm(self.stem(x)))
        x = torch.relu(self.conv(x) + x)
        tokens = self.layer_norm(x.flatten(2).transpose(1, 2))
        q, k, v = self.qkv(tokens).chunk(3, -1)
        tokens = torch.softmax(q @ k.transpose(-2, -1) / 4, -1) @ v
        return {"features": tokens, "scores": self.head(tokens.mean(1))}


def images(seed: int) -> torch.Tensor:
    return torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(seed))


def without(conf_path: Path, left_out: set[str], path: Path) -> int8graph.QuantConf:
    """The configuration with operators of these names out of int8."""
    entries = json.loads(conf_path.read_text())
    for entry in entries:
        if entry["name"] in left_out:
            entry["inputs_quantized"] = [False] * len(entry["inputs_quantized"])
    path.write_text(json.dumps(entries))
    return int8graph.QuantConf(str(path))


@pytest.fixture(scope="module")
def model() -> nn.Module:
    torch.manual_seed(0)
    return Network().eval()


@pytest.fixture(scope="module")
def conf_path(model, tmp_path_factory) -> Path:
    conf = int8graph.QuantConf()
    with torch.no_grad():
        for seed in range(4):
            with int8graph.calibrate(conf):
                model(images(seed))
    path = tmp_path_factory.mktemp("autocast") / "configure.json"
    conf.save(str(path))
    return path


def sqnr(reference: torch.Tensor, output: torch.Tensor) -> float:
    noise = (reference - output.float()).square().mean()
    return (10 * torch.log10(reference.var(correction=0) / noise)).item()


LEFT_OUT = [set(), {"conv2d"}, {"linear"}, {"matmul"}, {"conv2d", "matmul"}]


@pytest.mark.parametrize("left_out", LEFT_OUT, ids=lambda names: "+".join(sorted(names)) or "none")
def test_the_rest_runs_in_bfloat16(model, conf_path, tmp_path, left_out):
    conf = without(conf_path, left_out, tmp_path / "edited.json")
    x = images(9)
    with torch.no_grad():
        with torch.autocast("cpu", BF16):
            module = int8graph.convert(model, conf, x)
            by_autocast = model(x)
        module.save(str(tmp_path / "model.pt"))
        loaded = torch.jit.load(str(tmp_path / "model.pt"))
        outputs = [module(x), *(loaded(x) for _ in range(3))]
        fp32 = model(x)

    facts = graph_facts(loaded, x)
    layers = {"conv2d": 2, "linear": 2, "matmul": 2}
    # Queries, keys and values in int8 come out of a layer each.
    int8_layers = layers if "matmul" in left_out else layers | {"linear": 4}
    assert facts.int8_compute == sum(n for name, n in int8_layers.items() if name not in left_out)
    assert len(facts.compute_outside) == sum(layers[name] for name in left_out)
    for output in outputs:
        for name, value in output.items():
            assert value.dtype == by_autocast[name].dtype == BF16
            assert sqnr(fp32[name], value) > 20

    stock = run_in_stock_torch(tmp_path / "model.pt", [(x,)], tmp_path)[0]
    for name, value in stock.items():
        assert value.dtype == BF16
        assert sqnr(fp32[name], value) > 20


def test_calibration_under_autocast_sees_the_same_operators(model, conf_path):
    conf = int8graph.QuantConf()
    with torch.no_grad(), torch.autocast("cpu", BF16), int8graph.calibrate(conf):
        model(images(0))
    names = [entry["name"] for entry in json.loads(conf_path.read_text())]
    assert [entry["name"] for entry in json.loads(conf.to_json())] == names


def test_weights_left_out_take_half_the_room(model, conf_path, tmp_path):
    conf = without(conf_path, {"conv2d"}, tmp_path / "edited.json")
    with torch.no_grad(), torch.autocast("cpu", BF16):
        module = int8graph.convert(model, conf, images(9))
    weights = [
        node.t("value")
        for node in module.graph.nodes()
        if node.kind() == "prim::Constant" and "value" in node.attributeNames()
        if node.kindOf("value") == "t" and node.t("value").dim() == 4
    ]
    assert [weight.dtype for weight in weights] == [BF16, BF16]


def test_any_artifact_may_be_called_under_autocast(model, conf_path, tmp_path):
    x = images(9)
    with torch.no_grad():
        module = int8graph.convert(model, int8graph.QuantConf(str(conf_path)), x)
        module.save(str(tmp_path / "model.pt"))
        fp32 = model(x)
        for called in (module, torch.jit.load(str(tmp_path / "model.pt"))):
            with torch.autocast("cpu", BF16):
                # Unfused at first, then fused: the dtype must not change on the way.
                outputs = [called(x) for _ in range(4)]
            facts_outside = called(x)
            for name, reference in fp32.items():
                assert {output[name].dtype for output in outputs} == {BF16}
                assert all(sqnr(reference, output[name]) > 20 for output in outputs)
                assert facts_outside[name].dtype == torch.float32
