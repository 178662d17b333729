"""The two probes, on models of known reach and on every shipped arm with random weights."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from bench.data.examples import BOS, EOS, FIRST_FREE_ID, Split
from bench.data.ragged import Ragged
from bench.diagnostics.reach import measure, probe
from bench.errors import UserError
from bench.records.reach_rows import GRADIENT, NORM, TYPICAL, WITHIN
from models.interface import Depth, Seq2Seq, State
from tests.contract.arms import NAMES, SOURCE_SIZE, TARGET_SIZE, build


class Known(Seq2Seq):
    """A model of known reach: its features at position t are the sum over source tokens of `weight(k)` times the
    embedded token, where k is the distance. Embeddings are one-hot; the projection is 10 times the identity."""

    def __init__(self, size: int, weight) -> None:
        super().__init__()
        self.input_dim = self.output_dim = self.d_model = size
        self.weight = weight
        self.src_embedding = nn.Embedding.from_pretrained(torch.eye(size), freeze=False)
        self.projection = nn.Linear(size, size)
        with torch.no_grad():
            self.projection.weight.copy_(10 * torch.eye(size))
            self.projection.bias.zero_()
        self.eval()

    def features(
        self, src: Tensor, tgt: Tensor, src_mask: Tensor | None = None, tgt_mask: Tensor | None = None
    ) -> Tensor:
        mask = torch.ones(src.shape[:2], dtype=torch.bool) if src_mask is None else src_mask
        source = mask.sum(dim=1) - self.closing
        embedded = self.src_embedding(src)
        out = torch.zeros(*tgt.shape[:2], embedded.shape[-1], dtype=embedded.dtype)
        for row in range(len(src)):
            for t in range(tgt.shape[1]):
                for i in range(int(source[row])):
                    out[row, t] = out[row, t] + self.weight(int(source[row]) - i + t) * embedded[row, i]
        return out

    closing = 1
    """Number of end tokens of a source."""

    def project(self, features: Tensor) -> Tensor:
        return self.projection(features)

    @classmethod
    def of_width(cls, width, input_dim, output_dim, *, rounded=True, **options):
        raise NotImplementedError

    def start(self, src, src_mask=None) -> State:
        raise NotImplementedError

    def step(self, token, state):
        raise NotImplementedError

    def component_of(self, parameter_name: str) -> str:
        raise NotImplementedError

    def matmul_flops(self, source_length: int, target_length: int) -> int:
        raise NotImplementedError

    def depth(self, source_length: int, target_length: int) -> Depth:
        raise NotImplementedError


BACK = 3


def distinct(count: int = 12) -> Split:
    """Sources of 4 to 7 tokens, with no token twice in the whole split. The reference, one to three tokens, is what a
    model predicts that looks exactly BACK tokens back."""
    sources, first = [], FIRST_FREE_ID
    for number in range(count):
        length = 4 + number % 4
        sources.append(list(range(first, first + length)))
        first += length
    targets = [source[len(source) - BACK :][: 1 + number % 3] for number, source in enumerate(sources)]
    return Split("test", Ragged.of(sources), Ragged.of(targets))


def curve(model: Seq2Seq, split: Split, examples: probe.Examples, partners: int = 4) -> dict[int, float]:
    distances = probe.distance_grid(examples.max_distance)
    partners = probe.draw_partners(split, examples, partners)
    shares = probe.replacement_accuracy(model, split, examples, distances, partners)
    return {k: float(share.mean()) for k, share in zip(distances, shares, strict=True)}


def size(split: Split) -> int:
    return int(max(split.src.tokens.max(), split.tgt.tokens.max())) + 1


def test_a_model_that_looks_three_tokens_back_reaches_three_tokens():
    split = distinct()
    model = Known(size(split), lambda k: 1.0 * (k == BACK))
    examples = probe.sample_examples(split, 100)
    assert set(examples.positions) == {0, 1, 2}
    norms, distances = probe.gradient_norms(model, examples), examples.distances
    assert (norms[distances == BACK] > 0).all() and (norms[distances != BACK] == 0).all()
    assert curve(model, split, examples) == {k: float(k >= BACK) for k in range(examples.max_distance + 1)}


def test_the_gradient_of_a_fading_memory_fades_with_the_distance():
    """Features are linear in the embedded tokens, so their gradients are one vector times 0.5 ** k."""
    split = distinct()
    examples = probe.sample_examples(split, 100)
    norms = probe.gradient_norms(Known(size(split), lambda k: 0.5**k), examples)
    for row, begin in enumerate(examples.split.src.offsets[:-1]):
        end = examples.split.src.offsets[row + 1]
        expected = 0.5 ** examples.distances[begin:end]
        np.testing.assert_allclose(norms[begin:end] / norms[begin:end].sum(), expected / expected.sum(), rtol=1e-9)


def test_a_model_that_ignores_the_source_has_no_reach():
    split = distinct()
    model = Known(size(split), lambda k: 0.0)
    examples = probe.sample_examples(split, 100)
    norms = probe.gradient_norms(model, examples)
    assert (norms == 0).all()
    assert len(set(curve(model, split, examples).values())) == 1
    rows = measure.gradient_rows(norms, examples, probe.distance_grid(examples.max_distance))
    assert {row.what for row in rows} == {NORM}  # no gradient, so no shares


class Deaf(Known):
    """Embeds the source and ignores it."""

    def features(self, src, tgt, src_mask=None, tgt_mask=None):
        self.src_embedding(src)
        return self.src_embedding(tgt)


class Blind(Known):
    """Embeds a reversed copy of its source."""

    def features(self, src, tgt, src_mask=None, tgt_mask=None):
        return self.src_embedding(src.flip(1))[:, : tgt.shape[1]]


def test_only_the_source_counts_where_an_embedding_is_shared():
    split = distinct()
    examples = probe.sample_examples(split, 100)
    assert (probe.gradient_norms(Deaf(size(split), lambda k: 0.0), examples) == 0).all()
    with pytest.raises(UserError, match="Blind does not pass its source to src_embedding"):
        probe.gradient_norms(Blind(size(split), lambda k: 0.0), examples)


class Sum(Known):
    """Two real-valued channels. Outputs: the weighted sum x of the first channel, and x plus twice the second's."""

    closing, inputs, outputs = 0, "values", "values"

    def __init__(self, weight) -> None:
        super().__init__(2, weight)
        self.src_embedding = nn.Linear(2, 2, bias=False)
        with torch.no_grad():
            self.src_embedding.weight.copy_(torch.eye(2))
            self.projection.weight.copy_(torch.tensor([[1.0, 0.0], [1.0, 2.0]]))


def test_values_are_right_within_the_tolerance_and_every_output_channel_has_its_gradient():
    values = np.random.default_rng(0).random((12, 5, 2)) + np.arange(12)[:, None, None]
    src = Ragged.of_rows(values, 3 + np.arange(12) % 3)
    wanted = np.array([[src[i][-2, 0], src[i][-2] @ [1, 2]] for i in range(12)])
    wanted[0, 1] += 0.039
    wanted[1, 1] += 0.041
    split = Split("test", src, Ragged.of_rows(wanted[:, None, :]))
    examples = probe.sample_examples(split, 100)
    model = Sum(lambda k: 1.0 * (k == 2))
    assert probe.predict_correctly(model, examples.split, examples.positions).tolist() == [True, False, *[True] * 10]
    norms = probe.gradient_norms(model, examples)
    expected = np.where(examples.distances == 2, math.sqrt(1 + 1 + 4), 0.0)
    np.testing.assert_allclose(norms, expected)
    assert curve(model, split, examples) == {k: (11 / 12 if k >= 2 else 0.0) for k in range(6)}


def random_split(count: int = 9, seed: int = 0, source: int = SOURCE_SIZE, target: int = TARGET_SIZE) -> Split:
    """Sources of 1 to 9 tokens and targets of 1 to 5."""
    generator = np.random.default_rng(seed)
    sides = []
    for vocabulary, longest in ((source, 9), (target, 5)):
        lengths = generator.integers(1, longest + 1, size=count)
        sides.append(Ragged.of([generator.integers(FIRST_FREE_ID, vocabulary, size=n) for n in lengths]))
    return Split("test", *sides)


@pytest.mark.parametrize("name", NAMES)
def test_batching_does_not_change_the_probes_and_the_model_is_unchanged(name):
    model, split = build(name), random_split()
    before = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    examples = probe.sample_examples(split, 5)
    together, alone = (probe.gradient_norms(model, examples, batch_tokens=n) for n in (10_000, 1))
    np.testing.assert_allclose(together, alone, rtol=1e-9, atol=1e-15)
    assert (together >= 0).all() and together.max() > 0
    partners, distances = probe.draw_partners(split, examples, 2), (0, 2, 5, examples.max_distance)
    curves = [
        np.stack(list(probe.replacement_accuracy(model, split, examples, distances, partners, batch_tokens=n)))
        for n in (10_000, 1)
    ]
    np.testing.assert_array_equal(*curves)
    np.testing.assert_array_equal(curves[0][-1], probe.predict_correctly(model, examples.split, examples.positions))
    assert not any(module.training for module in model.modules()) and not model.src_embedding._forward_hooks
    assert all(parameter.requires_grad for parameter in model.parameters())
    after = model.state_dict()
    assert all(torch.equal(after[key], tensor) and after[key].dtype == tensor.dtype for key, tensor in before.items())


@pytest.mark.parametrize("name", NAMES)
def test_what_counts_as_right_is_the_most_probable_token(name):
    """Compared with one pass over the whole reference for each example. At half of the positions the reference is the
    model's own prediction, so that both outcomes occur."""
    model, split = build(name), random_split(seed=1)
    examples = probe.sample_examples(split, 9)
    predictions = []
    for row, at in zip(examples.indices, examples.positions, strict=True):
        src, tgt = torch.tensor([[*split.src[row], EOS]]), torch.tensor([[BOS, *split.tgt[row]]])
        with torch.no_grad():
            predictions.append(int(model(src, tgt)[0, at].argmax()))
    changed = split.tgt.tokens.copy()
    places = split.tgt.offsets[examples.indices] + examples.positions
    changed[places[::2]] = predictions[::2]
    split = Split("test", split.src, Ragged(changed, split.tgt.offsets))
    correct = probe.predict_correctly(model, probe.sample_examples(split, 9).split, examples.positions)
    assert correct.tolist() == (changed[places] == predictions).tolist() and correct[::2].all()


@pytest.mark.parametrize(("name", "shared"), [("lstm_dot", True), ("transformer", True), ("gru_none", False)])
def test_gradients_equal_finite_differences(name, shared):
    """Central differences in float64: each channel of each embedded source token is moved a small step up and down."""
    model = build(name, shared=shared)
    split = random_split(3, seed=2, target=SOURCE_SIZE if shared else TARGET_SIZE)
    examples = probe.sample_examples(split, 3)
    norms, step = probe.gradient_norms(model, examples), 1e-5
    model = model.double()
    for row, at in enumerate(examples.positions):
        src, tgt = torch.tensor([[*split.src[row], EOS]]), torch.tensor([[BOS, *split.tgt[row]]])
        tokens = src.shape[1] - 1
        moves = torch.zeros(2 * tokens * model.d_model, tokens + 1, model.d_model, dtype=torch.float64)
        moves[:, :tokens].view(2, -1, tokens * model.d_model).copy_(
            torch.stack([step * torch.eye(tokens * model.d_model), -step * torch.eye(tokens * model.d_model)])
        )
        source = src.expand(len(moves), -1)
        handle = model.src_embedding.register_forward_hook(
            lambda _, arguments, out, source=source, moves=moves: out + moves if arguments[0] is source else None
        )
        with torch.no_grad():
            logits = model(source, tgt.expand(len(moves), -1))[:, at]
        handle.remove()
        up, down = logits.log_softmax(dim=-1)[:, int(split.tgt[row][at])].view(2, tokens, model.d_model)
        expected = ((up - down) / (2 * step)).norm(dim=-1)
        begin = examples.split.src.offsets[row]
        np.testing.assert_allclose(norms[begin : begin + tokens], expected.numpy(), rtol=1e-5, atol=1e-9)


def test_replaced_sources_token_by_token():
    src = random_split(20).src
    generator = np.random.default_rng(3)
    rows, partners = generator.integers(0, 20, size=(2, 50))
    kept = generator.integers(0, src.lengths[rows] + 1)
    replaced = probe.replace_distant(src, rows, partners, kept)
    for number, (row, partner, keep) in enumerate(zip(rows, partners, kept, strict=True)):
        own, other = src[row].tolist(), src[partner].tolist()
        expected = [own[i] if len(own) - i <= keep else other[i % len(other)] for i in range(len(own))]
        assert replaced[number].tolist() == expected


def test_examples_lie_evenly_and_positions_within_their_references():
    split = random_split(400)
    examples = probe.sample_examples(split, 100)
    assert len(examples.indices) == 100 and (examples.indices[0], examples.indices[-1]) == (0, 399)
    assert set(np.diff(examples.indices)) <= {4, 5}
    for row, at, own in zip(examples.indices, examples.positions, range(100), strict=True):
        assert examples.split.src[own].tolist() == split.src[row].tolist()
        assert examples.split.tgt[own].tolist() == split.tgt[row][: at + 1].tolist()
    of_five = examples.positions[split.tgt.lengths[examples.indices] == 5]
    assert set(of_five) == set(range(5))
    again = probe.sample_examples(split, 100)
    assert (again.positions == examples.positions).all() and (again.indices == examples.indices).all()
    assert len(probe.sample_examples(split, 10_000).indices) == 400 and probe.sample_examples(
        split, 1
    ).indices.tolist() == [0]


def test_distances_are_those_of_the_definition():
    split = random_split(30)
    examples = probe.sample_examples(split, 30)
    expected = [
        len(split.src[row]) - i + at
        for row, at in zip(examples.indices, examples.positions, strict=True)
        for i in range(len(split.src[row]))
    ]
    assert examples.distances.tolist() == expected and examples.max_distance == max(expected)


def test_an_empty_reference_is_probed_at_its_end_token():
    split = Split("test", Ragged.of([[5, 6], [7, 8]]), Ragged.of([[], [5, 6]]))
    examples = probe.sample_examples(split, 2)
    model = Known(9, lambda k: 0.0)
    with torch.no_grad():
        model.projection.bias[EOS] = 1.0
    assert probe.predict_correctly(model, examples.split, examples.positions).tolist() == [True, False]


def test_partners_are_other_examples():
    split = random_split(5)
    examples = probe.sample_examples(split, 5)
    partners = probe.draw_partners(split, examples, 200)
    for row, own in zip(examples.indices, partners, strict=True):
        assert set(own) == set(range(5)) - {row}
    assert (probe.draw_partners(split, examples, 200) == partners).all()
    one = random_split(1)
    with pytest.raises(UserError, match="has one example"):
        probe.draw_partners(one, probe.sample_examples(one, 1), 4)


@pytest.mark.parametrize("longest", [1, 2, 24, 25, 33, 500, 4097])
def test_a_grid_begins_at_nothing_and_ends_at_everything(longest):
    distances = probe.distance_grid(longest)
    assert distances[:2] == [0, 1] and distances[-1] == longest
    assert distances == sorted(set(distances)) and len(distances) <= probe.MAX_DISTANCES + 1
    if longest <= probe.MAX_DISTANCES:
        assert distances == list(range(longest + 1))


def test_shares_and_quartiles_by_a_plain_loop():
    """Distances 1 to 60 on a grid with gaps; one example has no gradient."""
    generator = np.random.default_rng(4)
    lengths = [60, 40, 7, 21]
    split = Split("test", Ragged.of([np.full(n, 5) for n in lengths]), Ragged.of([[5]] * 4))
    examples, distances = probe.sample_examples(split, 4), probe.distance_grid(60)
    norms = generator.random(sum(lengths))
    norms[100:107] = 0.0
    rows = {(row.what, row.k): row for row in measure.gradient_rows(norms, examples, distances)}
    each = np.split(norms, np.cumsum(lengths)[:-1])
    for low, k in pairwise(distances):
        shares, raw, within = [], [], []
        for own, length in zip(each, lengths, strict=True):
            far = length - np.arange(length)
            inside = (far > low) & (far <= k)
            if inside.any():
                raw.append(own[inside].mean())
                if own.sum():
                    shares.append((own / own.sum())[inside].mean())
            if own.sum():
                within.append((own / own.sum())[far <= k].sum())
        for what, values in ((TYPICAL, shares), (NORM, raw)):
            row = rows[what, k]
            assert (row.low, row.value, row.high) == pytest.approx(tuple(np.quantile(values, [0.25, 0.5, 0.75])))
            assert row.n == len(values)
        for what, values in ((GRADIENT, shares), (WITHIN, within)):
            row = rows[what, k]
            assert row.value == pytest.approx(np.mean(values)) and row.n == len(values)
            assert (row.low is None) == (row.n == 1) and (row.n == 1 or row.low <= row.value <= row.high)
    assert rows[WITHIN, 60].value == pytest.approx(1.0)


def test_the_constant_answer_is_chosen_on_training_data_and_scored_on_the_split():
    train = Split("train", Ragged.of([[5]] * 3), Ragged.of([[6, 7], [7], [8]]))
    split = Split("test", Ragged.of([[5]] * 3), Ragged.of([[8, 7], [8], [8]]))
    assert probe.constant_accuracy(train, split) == 0.25
    training, references = (Ragged.of_rows(np.array(values)[:, None, None]) for values in ([0.0, 1.0], [0.45, 0.47]))
    assert probe.constant_accuracy(Split("train", training, training), Split("test", references, references)) == 0.5
