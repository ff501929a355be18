"""Scripted models: calibrated as they are, or in their eager form."""

import pytest
import torch

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
