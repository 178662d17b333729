"""Chains of operations against a search in the graph of positions: who hands what to whom, edge by edge."""

from __future__ import annotations

import itertools
from collections import defaultdict, deque
from collections.abc import Iterable

import pytest

from models.interface import Seq2Seq
from models.recurrent import RecurrentSeq2Seq
from models.residual import ResidualSeq2Seq
from models.transformer import Transformer

LENGTHS = [(1, 2), (2, 3), (5, 4), (6, 9), (9, 2)]
Node = tuple[str | int, ...]


class Graph:
    """Places that information stands at. An edge costs 1 where an operation carries it (one step of a recurrence, one
    attention) and 0 where it goes along with a token."""

    def __init__(self) -> None:
        self.edges: dict[Node, list[tuple[Node, int]]] = defaultdict(list)

    def add(self, source: Node, target: Node, cost: int) -> None:
        self.edges[source].append((target, cost))

    def far(self, sources: Iterable[Node], target: Node) -> int:
        """The shortest way to the target from the source that has the longest."""
        return max(self._distances(source)[target] for source in sources)

    def _distances(self, source: Node) -> dict[Node, int]:
        """Of every node from one: breadth first, edges of cost 0 before those of cost 1."""
        found, queue = {source: 0}, deque([source])
        while queue:
            node = queue.popleft()
            for target, cost in self.edges[node]:
                if found[node] + cost < found.get(target, 10**9):
                    found[target] = found[node] + cost
                    queue.appendleft(target) if cost == 0 else queue.append(target)
        return found


def recurrent_graph(S: int, T: int, layers: int, attention: bool, both: bool, feeding: bool) -> Graph:
    """A layer's step at a position reads the step before it and the layer below, there. Of an encoder both ways run,
    both read both of the layer below, and both ends start the decoder's layer; the bridge mixes no positions."""
    graph = Graph()
    ways = ("ahead", "back") if both else ("ahead",)
    for s, way in itertools.product(range(S), ways):
        graph.add(("source", s), ("encoder", 0, way, s), 1)
        for i in range(layers):
            after = s + 1 if way == "ahead" else s - 1
            if 0 <= after < S:
                graph.add(("encoder", i, way, s), ("encoder", i, way, after), 1)
            else:
                graph.add(("encoder", i, way, s), ("decoder", i, 0), 1)
            for other in ways if i + 1 < layers else ():
                graph.add(("encoder", i, way, s), ("encoder", i + 1, other, s), 1)
        for t in range(T if attention else 0):
            graph.add(("encoder", layers - 1, way, s), ("prediction", t), 1)
    for t in range(T):
        graph.add(("target", t), ("decoder", 0, t), 1)
        for i in range(layers):
            if t + 1 < T:
                graph.add(("decoder", i, t), ("decoder", i, t + 1), 1)
            graph.add(("decoder", i, t), *((("decoder", i + 1, t), 1) if i + 1 < layers else (("prediction", t), 0)))
        if feeding and t + 1 < T:
            graph.add(("prediction", t), ("decoder", 0, t + 1), 1)
    return graph


def block_graph(S: int, T: int, layers: int, recurrent: bool) -> Graph:
    """A residual stream at every position, which costs nothing, around every mixer; an encoder mixes both ways."""
    graph = Graph()
    for side, length in (("source", S), ("target", T)):
        for i, here in itertools.product(range(layers), range(length)):
            stream, mixed = (side, i, here), (side, i + 0.5, here)
            graph.add(stream, mixed, 0)
            graph.add(mixed, (side, i + 1, here), 0)
            if recurrent:
                for way, step in (("ahead", 1), ("back", -1)) if side == "source" else (("ahead", 1),):
                    graph.add(stream, (side, i, way, here), 1)
                    graph.add((side, i, way, here), (side, i, way, here + step), 1)
                    graph.add((side, i, way, here), mixed, 0)
            else:
                for there in range(length if side == "source" else here + 1):
                    graph.add((side, i, there), mixed, 1)
            for there in range(S if side == "target" else 0):
                graph.add(("source", layers, there), (side, i + 1, here), 1)
    return graph


@pytest.mark.parametrize(("S", "T"), [*LENGTHS, (1, 1), (8, 1)])
@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("encoder", ["uni", "bi"])
@pytest.mark.parametrize(("attention", "feeding"), [("none", False), ("dot", False), ("dot", True)])
def test_paths_of_recurrent_models(attention: str, feeding: bool, encoder: str, layers: int, S: int, T: int) -> None:
    model = RecurrentSeq2Seq(9, 9, layers, 4, attention=attention, encoder=encoder, input_feeding=feeding)
    graph = recurrent_graph(S, T, layers, attention != "none", encoder == "bi", feeding)
    depth, last = model.depth(S, T), ("prediction", T - 1)
    assert depth.source_path == graph.far([("source", s) for s in range(S)], last)
    assert depth.target_path == graph.far([("target", t) for t in range(T)], last)


@pytest.mark.parametrize(("S", "T"), LENGTHS)
@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("cell", ["none", "lstm"])
def test_paths_of_blocks(cell: str, layers: int, S: int, T: int) -> None:
    """With a target of two tokens or more: where there is only one, no earlier token is far from the prediction."""
    sizes = (9, 9, layers, 2, 2, 2, 4)
    model = Transformer(*sizes) if cell == "none" else ResidualSeq2Seq(*sizes, cell=cell)
    graph = block_graph(S, T, layers, recurrent=cell != "none")
    depth, last = model.depth(S, T), ("target", layers, T - 1)
    assert depth.source_path == graph.far([("source", 0, s) for s in range(S)], last)
    assert depth.target_path == graph.far([("target", 0, t) for t in range(T)], last)


def sequential(model: Seq2Seq, S: int, T: int) -> int:
    return model.depth(S, T).sequential


def test_what_must_be_done_one_after_another() -> None:
    """Of two layers on each side, layer after layer: all steps of a recurrence, the levels of a scan, one
    attention."""
    blocks = (9, 9, 2, 2, 2, 2, 4)
    for S, T in ((8, 4), (16, 4), (16, 64), (17, 65), (1000, 1000)):
        assert sequential(Transformer(*blocks), S, T) == 2 + 2 * 2
        for cell in ("rnn", "gru", "lstm"):
            assert sequential(RecurrentSeq2Seq(9, 9, 2, 4, cell=cell, attention="none"), S, T) == 2 * S + 2 * T
            assert sequential(RecurrentSeq2Seq(9, 9, 2, 4, cell=cell), S, T) == 2 * S + 2 * T + 1
            assert sequential(ResidualSeq2Seq(*blocks, cell=cell), S, T) == 2 * S + 2 * (T + 1)
        fed = RecurrentSeq2Seq(9, 9, 2, 4, input_feeding=True)
        assert sequential(fed, S, T) == 2 * S + 2 * T + T, "and every attention waits for the one before"
    for cell in ("mingru", "minlstm"):
        model = ResidualSeq2Seq(*blocks, cell=cell)
        assert [sequential(model, S, 4) - 2 * (2 + 1) for S in (2, 4, 5, 8, 9, 1024)] == [2, 4, 6, 6, 8, 20]
        assert [sequential(model, 4, T) - 2 * (2 + 1) for T in (2, 4, 5, 8, 9, 1024)] == [2, 4, 6, 6, 8, 20]
        assert model.depth(1000, 1000).target_path == 1000, "a scan shortens the computing, not the way"
