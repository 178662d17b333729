"""The search, the same for all models: greedy is beam 1, batches change nothing, a wide beam equals enumeration."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from bench.data.examples import BOS, EOS, PAD
from bench.evaluation.decoding import blockwise_topk, decode_tokens
from bench.evaluation.search_config import Search
from models.interface import Seq2Seq, State
from tests.contract.arms import NAMES, build, ragged_batch, slow_unless_representative


@pytest.fixture(params=slow_unless_representative(NAMES))
def model(request: pytest.FixtureRequest) -> Seq2Seq:
    # Untrained models hardly ever end a sentence; a larger scale of the logits makes them decide.
    model = build(request.param, tied=False, seed=3)
    with torch.no_grad():
        model.projection.weight.mul_(6)
        model.projection.bias[EOS] += 1.0
    return model


def plain_greedy(model: Seq2Seq, src: torch.Tensor, limit: int) -> list[int]:
    """Greedy search written another way: teacher forcing over a growing prefix, one sentence."""
    tokens = [BOS]
    with torch.no_grad():
        for _ in range(limit):
            logits = model(src, torch.tensor([tokens]))[0, -1]
            logits[[PAD, BOS]] = -torch.inf
            token = int(logits.argmax())
            if token == EOS:
                break
            tokens.append(token)
    return tokens[1:]


def test_greedy_equals_a_plain_loop_and_company_changes_nothing(model: Seq2Seq) -> None:
    src, mask, _ = ragged_batch(model)
    max_lengths = np.array([12, 3, 8, 12])
    hypotheses = decode_tokens(model, src, mask, max_lengths, Search(1))
    for row, length in enumerate(mask.sum(1).tolist()):
        alone = decode_tokens(model, src[row : row + 1, :length], None, max_lengths[[row]], Search(1))
        assert (
            alone.tokens[0]
            == hypotheses.tokens[row]
            == plain_greedy(model, src[row : row + 1, :length], max_lengths[row])
        )
        assert alone.ended[0] == hypotheses.ended[row] == (len(hypotheses.tokens[row]) < max_lengths[row])


@pytest.mark.parametrize("beam", [2, 5, 20])
def test_company_changes_no_beam(model: Seq2Seq, beam: int) -> None:
    src, mask, _ = ragged_batch(model)
    max_lengths = np.array([10, 3, 8, 10])
    hypotheses = decode_tokens(model, src, mask, max_lengths, Search(beam))
    for row, length in enumerate(mask.sum(1).tolist()):
        alone = decode_tokens(model, src[row : row + 1, :length], None, max_lengths[[row]], Search(beam))
        assert alone.tokens[0] == hypotheses.tokens[row]


def plain_beam(model: Seq2Seq, src: torch.Tensor, limit: int, beam: int) -> list[int]:
    """Beam search written another way: every prefix is read afresh by teacher forcing, so that no state is carried."""
    alive, finished = [(0.0, [])], []
    for length in range(1, limit + 1):
        candidates = []
        for score, tokens in alive:
            with torch.no_grad():
                row = model(src, torch.tensor([[BOS, *tokens]]))[0, -1].log_softmax(-1)
            candidates += [(score + float(row[i]), [*tokens, i]) for i in range(len(row)) if i not in (PAD, BOS)]
        best = sorted(candidates, key=lambda pair: -pair[0])[: 2 * beam]
        finished += [(score / length, tokens[:-1]) for score, tokens in best[:beam] if tokens[-1] == EOS]
        alive = [(score, tokens) for score, tokens in best if tokens[-1] != EOS][:beam]
        if len(finished) >= beam or (finished and max(finished)[0] >= alive[0][0] / limit):
            break
    return max(finished)[1] if finished else alive[0][1]


@pytest.mark.parametrize("beam", [2, 4])
def test_a_beam_carries_the_state_of_its_own_prefix(model: Seq2Seq, beam: int) -> None:
    src, _, _ = ragged_batch(model, 1)
    hypotheses = decode_tokens(model, src, None, [7] * len(src), Search(beam))
    for row in range(len(src)):
        assert hypotheses.tokens[row] == plain_beam(model, src[row : row + 1], 7, beam)


@pytest.mark.parametrize("beam", [1, 3])
def test_bf16_is_what_products_are_computed_in_and_nothing_else(model: Seq2Seq, beam: int) -> None:
    src, mask, _ = ragged_batch(model)
    types: set[torch.dtype] = set()
    model.projection.register_forward_hook(lambda module, inputs, output: types.add(output.dtype))
    exact = decode_tokens(model, src, mask, [8] * 4, Search(beam))
    assert types == {torch.float32}
    close = decode_tokens(model, src, mask, [8] * 4, Search(beam, precision="bf16"))
    assert types == {torch.float32, torch.bfloat16}
    # Rounding may turn a close race, and from there a hypothesis goes another way; most races are not close.
    assert sum(a[:2] == b[:2] for a, b in zip(exact.tokens, close.tokens, strict=True)) >= 3
    assert not torch.is_autocast_enabled("cpu")


def test_another_precision_is_refused() -> None:
    with pytest.raises(ValueError, match="search.precision must be one of fp32, bf16; got 'fp8'"):
        Search(1, precision="fp8")


@pytest.mark.parametrize("size", [1, 9, 63, 64, 1024, 1087, 8000])
@pytest.mark.parametrize("count", [1, 2, 10])
def test_the_largest_are_those_of_a_full_sort(size: int, count: int) -> None:
    generator = torch.Generator().manual_seed(size)
    values = torch.randn(5, size, generator=generator)
    values[0, size // 2 :] = -torch.inf
    values[1] = values[1].sort().values
    values[2] = values[2].sort(descending=True).values
    count = min(count, size)
    top, indices = blockwise_topk(values, count)
    assert torch.equal(top, values.sort(dim=-1, descending=True).values[:, :count])
    assert torch.equal(values.gather(1, indices), top)
    assert all(len(set(row)) == count for row in indices.tolist())


def log_probability(model: Seq2Seq, src: torch.Tensor, tokens: list[int]) -> float:
    """Of a whole hypothesis, by teacher forcing, with the tokens that are never chosen left in the sum."""
    with torch.no_grad():
        logits = model(src, torch.tensor([[BOS, *tokens[:-1]]]))[0].log_softmax(-1)
    return float(logits[range(len(tokens)), tokens].sum())


class Memoryless(Seq2Seq):
    """Logits that depend on the last token alone, from a table; small enough to enumerate every hypothesis."""

    def __init__(self, table: torch.Tensor) -> None:
        super().__init__()
        self.table = table

    of_width = classmethod(lambda cls, *a, **k: None)
    component_of = matmul_flops = depth = None

    def features(self, src, tgt, src_mask=None, tgt_mask=None):
        return self.table[tgt]

    def project(self, features):
        return features

    def start(self, src, src_mask=None) -> State:
        return {"rows": torch.zeros(len(src), 1)}

    def step(self, token, state):
        return self.table[token], state


@pytest.mark.parametrize("penalty", [0.0, 1.0])
@pytest.mark.parametrize("seed", range(6))
def test_a_wide_beam_finds_the_best_of_all_hypotheses(seed: int, penalty: float) -> None:
    table = 2.0 * torch.randn(6, 6, generator=torch.Generator().manual_seed(seed))
    table[:, [PAD, BOS]] = -1e9
    model = Memoryless(table).eval()
    limit, src = 4, torch.tensor([[4]])
    every = [[*inner, EOS] for length in range(limit) for inner in itertools.product([3, 4, 5], repeat=length)]
    ranked = max(every, key=lambda tokens: log_probability(model, src, tokens) / len(tokens) ** penalty)
    hypotheses = decode_tokens(model, src, None, [limit], Search(30, penalty))
    assert hypotheses.tokens[0] == ranked[:-1] and hypotheses.ended[0]


def test_a_hypothesis_is_cut_at_its_limit() -> None:
    table = torch.zeros(6, 6)
    table[:, 4] = 50.0
    model = Memoryless(table).eval()
    hypotheses = decode_tokens(model, torch.tensor([[4], [4]]), None, [3, 1], Search(1))
    assert hypotheses.tokens == [[4, 4, 4], [4]] and hypotheses.ended == [False, False]
