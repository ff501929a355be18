"""Scripted models: calibrated as they are, or in their eager form."""

import io

import pytest
import torch
from torch import nn

import int8graph
from graph_facts import graph_facts
from models import SMALL_MODELS, SMALL_SIZE, random_image

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.script:DeprecationWarning")


@pytest.mark.parametrize("calibrated", ["scripted", "eager"])
def test_scripted_network_converts(calibrated):
    model = SMALL_MODELS["resnet18"]()
    scripted = torch.jit.script(model)
    image = random_image(SMALL_SIZE, seed=1)
    conf = int8graph.QuantConf()
    with torch.no_grad():
        for seed in range(100, 104):
            with int8graph.calibrate(conf):
                (scripted if calibrated == "scripted" else model)(
                    random_image(SMALL_SIZE, seed=seed)
                )
        fp32 = model(image)
        from_scripted = int8graph.convert(scripted, conf, image)
        from_eager = int8graph.convert(model, conf, image)
        facts = graph_facts(from_scripted, image)
        assert facts.compute_outside == []
        assert facts.int8_compute == graph_facts(from_eager, image).int8_compute
        noise = (from_scripted(image) - fp32).square().mean()
        assert 10 * torch.log10(fp32.var() / noise) >= 28.0
        assert torch.equal(from_scripted(image), from_eager(image))


def calibrated(model: nn.Module, sizes: torch.Size) -> int8graph.QuantConf:
    conf = int8graph.QuantConf()
    with torch.no_grad():
        for _ in range(4):
            with int8graph.calibrate(conf):
                model(torch.randn(sizes))
    return conf


class Attention(nn.Module):
    """Its scale, and that its mask holds booleans, is left to be inferred."""

    def __init__(self):
        super().__init__()
        self.queries, self.keys, self.values, self.out = (nn.Linear(32, 32) for _ in range(4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        q = self.queries(x).unflatten(-1, [2, 16]).transpose(1, 2)
        k = self.keys(x).unflatten(-1, [2, 16]).transpose(1, 2)
        v = self.values(x).unflatten(-1, [2, 16]).transpose(1, 2)
        mask = x.mean(-1)[:, None, None, :] > -0.5
        y = nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        return self.out(y.transpose(1, 2).flatten(2))


def reloaded(model: torch.jit.ScriptModule) -> torch.jit.ScriptModule:
    file = io.BytesIO()
    torch.jit.save(model, file)
    file.seek(0)
    return torch.jit.load(file)


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
@pytest.mark.parametrize("form", ["scripted", "traced_and_reloaded"])
def test_attention_is_int8_where_the_graph_knows_neither_sizes_nor_dtypes(form):
    torch.manual_seed(0)
    model = Attention().eval()
    x = torch.randn(2, 7, 32)
    conf = calibrated(model, x.shape)
    with torch.no_grad():
        fp32 = model(x)
        torchscript = (
            torch.jit.script(model) if form == "scripted" else reloaded(torch.jit.trace(model, x))
        )
        converted = int8graph.convert(torchscript, conf, x)
        facts = graph_facts(converted, x)
        assert facts.compute_outside == []
        assert facts.int8_compute == 6  # four layers, two products
        noise = (converted(x) - fp32).square().mean()
        assert 10 * torch.log10(fp32.var() / noise) >= 25.0


class AttentionAndLayer(nn.Module):
    """Without gradients, attention runs as one operator of PyTorch's, where it is not taken apart
    before the model is traced."""

    def __init__(self, need_weights: bool):
        super().__init__()
        self.attention = nn.MultiheadAttention(32, 2, batch_first=True)
        self.out = nn.Linear(32, 32)
        self.need_weights = need_weights

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.out(self.attention(x, x, x, need_weights=self.need_weights)[0])


def encoder(**options) -> nn.Module:
    layer = nn.TransformerEncoderLayer(32, 2, 64, batch_first=True, **options)
    return nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)


FUSED_LAYERS = {
    "attention": (lambda: AttentionAndLayer(False), 7),
    "attention_with_weights": (lambda: AttentionAndLayer(True), 7),
    "encoder": (encoder, 16),
    "encoder_norm_first": (lambda: encoder(norm_first=True, activation="gelu"), 16),
}


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
@pytest.mark.parametrize("name", FUSED_LAYERS)
def test_what_was_traced_as_one_fused_layer_is_int8_inside(name):
    torch.manual_seed(0)
    make, int8_operators = FUSED_LAYERS[name]
    model = make().eval()
    x = torch.randn(2, 7, 32)
    with torch.no_grad():
        fused = reloaded(torch.jit.trace(model, x))
        assert "aten::_" in str(fused.inlined_graph)
        conf = calibrated(fused, x.shape)
        converted = int8graph.convert(fused, conf, x)
        facts = graph_facts(converted, x)
        assert facts.compute_outside == []
        assert facts.int8_compute == int8_operators
        for sizes in ((2, 7, 32), (1, 12, 32)):
            other = torch.randn(sizes)
            fp32 = model(other)
            noise = (converted(other) - fp32).square().mean()
            assert 10 * torch.log10(fp32.var() / noise) >= 25.0


@pytest.mark.parametrize("name", FUSED_LAYERS)
def test_scripted_layers_with_a_fast_path_are_int8_in_it(name):
    torch.manual_seed(0)
    model = FUSED_LAYERS[name][0]().eval()
    scripted = torch.jit.script(model)
    x = torch.randn(2, 7, 32)
    conf = calibrated(scripted, x.shape)
    with torch.no_grad():
        converted = int8graph.convert(scripted, conf, x)
        fp32 = model(x)
        noise = (converted(x) - fp32).square().mean()
        assert 25.0 <= 10 * torch.log10(fp32.var() / noise) < 80.0  # not fp32


class JoinOfJoins(nn.Module):
    """As in Inception v3."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = (nn.Conv2d(8, 8, 3, padding=1) for _ in range(3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        inner = torch.cat([torch.relu(self.a(x)), torch.relu(self.b(x))], 1)
        return torch.cat([torch.relu(self.c(x)), inner], 1)


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
def test_join_that_inlining_merges_costs_its_quantizers_only():
    torch.manual_seed(0)
    model = nn.Sequential(JoinOfJoins(), nn.Conv2d(24, 8, 1)).eval()
    x = torch.randn(2, 8, 6, 6)
    inlined = torch.jit.trace(model, x).inlined_graph
    assert len(inlined.findAllNodes("aten::cat")) == 1
    conf = calibrated(model, x.shape)
    with torch.no_grad():
        converted = int8graph.convert(model, conf, x)
        assert graph_facts(converted, x).compute_outside == []
        assert (converted(x) - model(x)).abs().max() < 0.05
