"""Small models with attention, and a recommender, with random weights.

Most are built by transformers from configurations written down here, which needs no network. Each
takes `size` as a sequence length, an image's side or a batch; `other_size` is one that the
conversion has not seen.
"""

import math
import os
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from .common import random_image

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import transformers  # noqa: E402  reads the environment

Inputs = tuple[torch.Tensor, ...]

VOCABULARY = 200
HIDDEN = 64
HEADS = 4
LAYERS = 2


@dataclass(frozen=True)
class TransformerModel:
    build: Callable[[], nn.Module]
    inputs: Callable[[int, int], Inputs]
    """Makes the inputs of a size, from a seed."""
    size: int
    other_size: int
    attentions: int = 0
    """How many layers of attention there are. Each has two products of activations."""
    packed_projections: int = 0
    """Linear layers that hold the projections of queries, keys and values. Each runs as three."""
    other_products: int = 0


# --- Inputs -----------------------------------------------------------------------------------


def tokens(seed: int, size: int) -> Inputs:
    random = torch.Generator().manual_seed(seed)
    return (torch.randint(3, VOCABULARY, (1, size), generator=random),)


def masked_tokens(seed: int, size: int) -> Inputs:
    """Two sequences, of which the second is padded."""
    random = torch.Generator().manual_seed(seed)
    mask = torch.ones(2, size, dtype=torch.long)
    mask[1, size - size // 4 :] = 0
    return torch.randint(3, VOCABULARY, (2, size), generator=random), mask


def image(seed: int, size: int) -> Inputs:
    return (random_image(size, seed=seed),)


def image_and_mask(seed: int, size: int) -> Inputs:
    return random_image(size, seed=seed), torch.ones(1, size, size, dtype=torch.long)


def states(seed: int, size: int) -> Inputs:
    return (torch.randn(2, size, HIDDEN, generator=torch.Generator().manual_seed(seed)),)


def spectrogram(seed: int, size: int) -> Inputs:
    return (torch.randn(1, 16, size, generator=torch.Generator().manual_seed(seed)),)


def wave(seed: int, size: int) -> Inputs:
    return (torch.randn(1, size, generator=torch.Generator().manual_seed(seed)),)


# --- Weights ----------------------------------------------------------------------------------


def initialise(model: nn.Module, seed: int = 0) -> nn.Module:
    """Gives `model` random weights that keep the variance of activations, and puts it in eval mode.

    The small initial weights of transformers would leave most of a residual network's output to
    its embeddings, where an error in a layer can't be seen.
    """
    random = torch.Generator().manual_seed(seed)
    model.eval()
    with torch.no_grad():
        for module in model.modules():
            for parameter in module.parameters(recurse=False):
                if isinstance(module, (nn.LayerNorm, nn.GroupNorm)):
                    continue
                if parameter.dim() > 1:
                    transposed = isinstance(module, transformers.pytorch_utils.Conv1D)
                    fan_in = parameter.shape[0] if transposed else parameter[0].numel()
                    is_table = isinstance(module, (nn.Embedding, nn.EmbeddingBag))
                    deviation = 1.0 if is_table else 1 / math.sqrt(fan_in)
                    parameter.normal_(0.0, deviation, generator=random)
                elif not isinstance(module, nn.BatchNorm2d):
                    parameter.normal_(0.0, 0.1, generator=random)
    return model


# --- transformers -----------------------------------------------------------------------------


def bert() -> nn.Module:
    return transformers.BertModel(
        transformers.BertConfig(
            vocab_size=VOCABULARY,
            hidden_size=HIDDEN,
            num_hidden_layers=LAYERS,
            num_attention_heads=HEADS,
            intermediate_size=4 * HIDDEN,
        )
    )


def bert_eager() -> nn.Module:
    """With attention written as matmul, softmax, matmul."""
    return transformers.BertModel(
        transformers.BertConfig(
            vocab_size=VOCABULARY,
            hidden_size=HIDDEN,
            num_hidden_layers=LAYERS,
            num_attention_heads=HEADS,
            intermediate_size=4 * HIDDEN,
            attn_implementation="eager",
        )
    )


def distilbert() -> nn.Module:
    return transformers.DistilBertModel(
        transformers.DistilBertConfig(
            vocab_size=VOCABULARY,
            dim=HIDDEN,
            n_layers=LAYERS,
            n_heads=HEADS,
            hidden_dim=4 * HIDDEN,
        )
    )


def roberta() -> nn.Module:
    return transformers.RobertaModel(
        transformers.RobertaConfig(
            vocab_size=VOCABULARY,
            hidden_size=HIDDEN,
            num_hidden_layers=LAYERS,
            num_attention_heads=HEADS,
            intermediate_size=4 * HIDDEN,
        )
    )


def gpt2() -> nn.Module:
    return transformers.GPT2LMHeadModel(
        transformers.GPT2Config(
            vocab_size=VOCABULARY,
            n_embd=HIDDEN,
            n_layer=LAYERS,
            n_head=HEADS,
            bos_token_id=1,
            eos_token_id=2,
            use_cache=False,
        )
    )


def vit() -> nn.Module:
    return transformers.ViTModel(
        transformers.ViTConfig(
            image_size=64,
            patch_size=16,
            hidden_size=HIDDEN,
            num_hidden_layers=LAYERS,
            num_attention_heads=HEADS,
            intermediate_size=4 * HIDDEN,
        )
    )


def swin() -> nn.Module:
    return transformers.SwinModel(
        transformers.SwinConfig(
            image_size=64,
            patch_size=4,
            embed_dim=32,
            depths=[2, 2],
            num_heads=[2, 4],
            window_size=4,
        )
    )


def convnext() -> nn.Module:
    return transformers.ConvNextModel(
        transformers.ConvNextConfig(hidden_sizes=[32, 48, 64, 96], depths=[1, 1, 2, 1])
    )


def segformer() -> nn.Module:
    return transformers.SegformerForSemanticSegmentation(
        transformers.SegformerConfig(
            depths=[1, 1, 1, 1],
            hidden_sizes=[16, 32, 48, 64],
            num_attention_heads=[1, 2, 3, 4],
            decoder_hidden_size=HIDDEN,
            num_labels=10,
        )
    )


def detr() -> nn.Module:
    backbone = transformers.ResNetConfig(
        embedding_size=16,
        hidden_sizes=[16, 32, 48, 64],
        depths=[1, 1, 1, 1],
        layer_type="basic",
        out_features=["stage4"],
    )
    return transformers.DetrForObjectDetection(
        transformers.DetrConfig(
            backbone_config=backbone,
            num_queries=10,
            d_model=HIDDEN,
            encoder_layers=LAYERS,
            decoder_layers=LAYERS,
            encoder_attention_heads=HEADS,
            decoder_attention_heads=HEADS,
            encoder_ffn_dim=4 * HIDDEN,
            decoder_ffn_dim=4 * HIDDEN,
            num_labels=10,
        )
    )


def whisper_encoder() -> nn.Module:
    config = transformers.WhisperConfig(
        vocab_size=VOCABULARY,
        num_mel_bins=16,
        d_model=HIDDEN,
        encoder_layers=LAYERS,
        encoder_attention_heads=HEADS,
        encoder_ffn_dim=4 * HIDDEN,
        decoder_layers=1,
        decoder_attention_heads=HEADS,
        decoder_ffn_dim=HIDDEN,
        max_source_positions=50,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
        decoder_start_token_id=1,
    )
    return transformers.WhisperModel(config).encoder


def wav2vec2() -> nn.Module:
    return transformers.Wav2Vec2Model(
        transformers.Wav2Vec2Config(
            hidden_size=HIDDEN,
            num_hidden_layers=LAYERS,
            num_attention_heads=HEADS,
            intermediate_size=4 * HIDDEN,
            conv_dim=(32, 32, 32),
            conv_stride=(5, 2, 2),
            conv_kernel=(10, 3, 3),
            num_conv_pos_embeddings=16,
            num_conv_pos_embedding_groups=4,
            apply_spec_augment=False,
        )
    )


# --- Own --------------------------------------------------------------------------------------


def torch_encoder() -> nn.Module:
    """PyTorch's own encoder, whose fast path would run a whole layer as one operator."""
    layer = nn.TransformerEncoderLayer(
        HIDDEN, HEADS, 4 * HIDDEN, activation="gelu", batch_first=True
    )
    return nn.TransformerEncoder(layer, LAYERS)


class Dlrm(nn.Module):
    """A recommender (Naumov et al. 2019): dense features through an MLP, sparse ones through sums
    of table rows, products of each pair, and an MLP over all of it."""

    DENSE, TABLES, ROWS, BAG, WIDTH = 13, 6, 100, 4, 32

    def __init__(self):
        super().__init__()
        self.bottom = nn.Sequential(
            nn.Linear(self.DENSE, 64), nn.ReLU(), nn.Linear(64, self.WIDTH), nn.ReLU()
        )
        self.tables = nn.ModuleList(
            nn.EmbeddingBag(self.ROWS, self.WIDTH, mode="sum") for _ in range(self.TABLES)
        )
        vectors = self.TABLES + 1
        self.register_buffer("pairs", torch.tril_indices(vectors, vectors, offset=-1))
        self.top = nn.Sequential(
            nn.Linear(self.WIDTH + vectors * (vectors - 1) // 2, 64), nn.ReLU(), nn.Linear(64, 1)
        )

    def forward(self, dense: torch.Tensor, rows: torch.Tensor, bags: torch.Tensor):
        """dense: `[batch, DENSE]`. rows: `[TABLES, batch * BAG]`. bags: their begins, `[batch]`."""
        hidden = self.bottom(dense)
        looked_up = [table(rows[i], bags) for i, table in enumerate(self.tables)]
        vectors = torch.stack([hidden, *looked_up], dim=1)
        products = torch.bmm(vectors, vectors.transpose(1, 2))
        chosen = products[:, self.pairs[0], self.pairs[1]]
        return torch.sigmoid(self.top(torch.cat([hidden, chosen], dim=1)))


def clicks(seed: int, size: int) -> Inputs:
    random = torch.Generator().manual_seed(seed)
    dense = torch.rand(size, Dlrm.DENSE, generator=random)
    rows = torch.randint(Dlrm.ROWS, (Dlrm.TABLES, size * Dlrm.BAG), generator=random)
    return dense, rows, torch.arange(0, size * Dlrm.BAG, Dlrm.BAG)


class FunctionalAttention(nn.MultiheadAttention):
    """Self-attention in one call of `multi_head_attention_forward`, as torchvision's ViT has it:
    its projections are no modules of their own."""

    def __init__(self):
        super().__init__(HIDDEN, HEADS, batch_first=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x, x, x, need_weights=False)[0]


class PackedAttention(nn.Module):
    """Self-attention with one layer for queries, keys and values, as the ViTs of timm have it."""

    def __init__(self):
        super().__init__()
        self.qkv = nn.Linear(HIDDEN, 3 * HIDDEN)
        self.out = nn.Linear(HIDDEN, HIDDEN)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, length, channels = x.shape
        qkv = self.qkv(x).reshape(batch, length, 3, HEADS, channels // HEADS)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        x = nn.functional.scaled_dot_product_attention(q, k, v)
        return self.out(x.transpose(1, 2).reshape(batch, length, channels))


class Block(nn.Module):
    def __init__(self, attention: nn.Module):
        super().__init__()
        self.norm1 = nn.LayerNorm(HIDDEN)
        self.attention = attention
        self.norm2 = nn.LayerNorm(HIDDEN)
        self.mlp = nn.Sequential(
            nn.Linear(HIDDEN, 4 * HIDDEN), nn.GELU(), nn.Linear(4 * HIDDEN, HIDDEN)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))


def functional_attention() -> nn.Module:
    return nn.Sequential(*(Block(FunctionalAttention()) for _ in range(LAYERS)))


def packed_attention() -> nn.Module:
    return nn.Sequential(*(Block(PackedAttention()) for _ in range(LAYERS)))


TRANSFORMER_MODELS: dict[str, TransformerModel] = {
    "bert": TransformerModel(bert, masked_tokens, 24, 40, attentions=2),
    "bert_eager": TransformerModel(bert_eager, masked_tokens, 24, 40, attentions=2),
    "distilbert": TransformerModel(distilbert, masked_tokens, 24, 40, attentions=2),
    "roberta": TransformerModel(roberta, masked_tokens, 24, 40, attentions=2),
    "gpt2": TransformerModel(gpt2, tokens, 24, 40, attentions=2, packed_projections=2),
    "vit": TransformerModel(vit, image, 64, 64, attentions=2),
    "swin": TransformerModel(swin, image, 64, 64, attentions=4),
    "convnext": TransformerModel(convnext, image, 64, 96),
    "segformer": TransformerModel(segformer, image, 64, 96, attentions=4),
    "detr": TransformerModel(detr, image_and_mask, 64, 96, attentions=6),
    "whisper_encoder": TransformerModel(whisper_encoder, spectrogram, 100, 100, attentions=2),
    "wav2vec2": TransformerModel(wav2vec2, wave, 1000, 1600, attentions=2),
    "torch_encoder": TransformerModel(
        torch_encoder, states, 24, 40, attentions=2, packed_projections=2
    ),
    "functional_attention": TransformerModel(
        functional_attention, states, 24, 40, attentions=2, packed_projections=2
    ),
    "packed_attention": TransformerModel(
        packed_attention, states, 24, 40, attentions=2, packed_projections=2
    ),
    "dlrm": TransformerModel(Dlrm, clicks, 8, 20, other_products=1),
}
