"""What the graph executor made of an artifact: what is fused, and what is left outside."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import torch

PARTITION = "int8graph::partition"

# Operators that carry most of a network's arithmetic, in all the forms that PyTorch may give them.
COMPUTE = frozenset(
    f"aten::{name}"
    for name in (
        "_convolution", "convolution", "conv1d", "conv2d", "conv3d",
        "conv_transpose1d", "conv_transpose2d", "conv_transpose3d",
        "linear", "addmm", "matmul", "mm", "bmm", "baddbmm",
    )
)  # fmt: skip

# The plain form, and the one with its parameters in sight that optimized graphs hold.
DEQUANTIZE = frozenset(("aten::dequantize", "int8graph::dequantize"))


@dataclass
class GraphFacts:
    """Operators are given by their TorchScript names, in the order of the graph."""

    partitions: list[list[str]] = field(default_factory=list)
    """The operators inside each partition."""
    int8_compute: int = 0
    """Compute operators in partitions that read nothing but dequantized tensors (and a bias)."""
    outside: list[str] = field(default_factory=list)
    """The operators outside all partitions, constants and list constructions left out."""
    requantized: int = 0
    """Quantizers outside partitions that read a dequantize outside partitions."""

    @property
    def compute_outside(self) -> list[str]:
        return [kind for kind in self.outside if kind in COMPUTE]


def graph_facts(module: torch.jit.ScriptModule, *inputs: torch.Tensor) -> GraphFacts:
    """Runs `module` twice, so that the executor has optimized it, and reads its last graph."""
    with torch.no_grad():
        for _ in range(2):
            module(*inputs)
        graph = torch.jit.last_executed_optimized_graph()
    facts = GraphFacts()
    for node in _nodes(graph):
        if node.kind() == PARTITION:
            inside = [inner for subgraph in _subgraphs(node) for inner in _nodes(subgraph)]
            facts.partitions.append([n.kind() for n in inside if _is_operator(n)])
            facts.int8_compute += sum(map(_is_int8_compute, inside))
        elif _is_operator(node):
            facts.outside.append(node.kind())
            if node.kind() == "aten::quantize_per_tensor":
                facts.requantized += _producer(node, 0).kind() in DEQUANTIZE
    return facts


def _nodes(block: torch._C.Graph | torch._C.Block) -> Iterator[torch._C.Node]:
    """All nodes, also those in the branches of conditions and in groups that PyTorch has made; what
    is inside a partition is left to it."""
    for node in block.nodes():
        yield node
        for inner in node.blocks():
            yield from _nodes(inner)
        if node.kind() != PARTITION:
            for subgraph in _subgraphs(node):
                yield from _nodes(subgraph)


def _subgraphs(node: torch._C.Node) -> list[torch._C.Graph]:
    return [node.g(name) for name in node.attributeNames() if node.kindOf(name) == "g"]


def _is_operator(node: torch._C.Node) -> bool:
    return node.kind() == PARTITION or not node.kind().startswith("prim::")


def _producer(node: torch._C.Node, index: int) -> torch._C.Node:
    producer = node.inputsAt(index).node()
    while producer.kind() == "prim::profile":
        producer = producer.inputsAt(0).node()
    return producer


def _is_int8_compute(node: torch._C.Node) -> bool:
    if node.kind() not in COMPUTE:
        return False
    # addmm and baddbmm have the summand first.
    first = 1 if node.kind() in ("aten::addmm", "aten::baddbmm") else 0
    return all(_producer(node, first + i).kind() in DEQUANTIZE for i in range(2))
