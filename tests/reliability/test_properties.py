"""Properties that hold for whatever comes: vocabularies, batches, masks, metrics and statistics, on drawn examples."""

from __future__ import annotations

import itertools
import math
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.analysis import stats
from bench.analysis.welch import hedges_g, welch
from bench.data.examples import BOS, EOS, PAD, UNK, Split
from bench.data.ragged import Ragged, lengths_with_end
from bench.data.subwords import Subwords, _train
from bench.metrics import METRICS
from bench.training.batches import Batcher
from bench.training.config import LENGTH, MIXED, SHORT_FIRST
from tests.contract.arms import NAMES, SOURCE_SIZE, TARGET_SIZE, build

LINES = ["the dog sees a cat", "the cat sees a dog", "der Hund sieht die Katze", "die Katze sieht den Hund"] * 5
SUBWORDS = Subwords(_train(LINES, 40))
KNOWN = sorted(set("".join(LINES)))
TEXT = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\n\r"), max_size=30)


@given(st.text(KNOWN, max_size=40))
def test_text_of_known_characters_comes_back(text: str) -> None:
    (ids,) = SUBWORDS.encode([text])
    assert UNK not in ids and SUBWORDS.decode(ids).split() == text.split()


@given(TEXT)
def test_any_text_gets_ids_of_the_vocabulary_and_unknown_symbols_are_counted(text: str) -> None:
    line = " ".join(text.replace("\0", "").split())  # as a corpus is read, which has no NUL
    (ids,) = SUBWORDS.encode([line])
    again = SUBWORDS.decode(ids)
    assert all(UNK <= one < SUBWORDS.size for one in ids) and "\n" not in again
    assert again.count("\u2047") == ids.count(UNK)
    assert (UNK in ids) == any(c not in KNOWN and c not in " \u2581" for c in line)


LENGTHS = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), min_size=1, max_size=25)


def split_of(lengths: list[tuple[int, int]]) -> Split:
    """Examples of these lengths, whose every token tells its example."""
    src = Ragged.of([[4 + number] * source for number, (source, _) in enumerate(lengths)])
    tgt = Ragged.of([[4 + number] * target for number, (_, target) in enumerate(lengths)])
    return Split("train", src, tgt)


@given(LENGTHS, st.integers(1, 60), st.sampled_from((LENGTH, MIXED, SHORT_FIRST)), st.integers(0, 9) | st.none())
def test_an_epoch_has_every_example_once_within_the_budget(lengths, budget, batching, seed) -> None:
    split = split_of(lengths)
    batcher = Batcher(split, budget)
    generator = None if seed is None else np.random.default_rng(seed)
    plan = batcher.plan(generator, batching)
    assert Counter(np.concatenate(plan).tolist()) == Counter(range(len(lengths)))
    longest = np.maximum(lengths_with_end(split.src), lengths_with_end(split.tgt))
    for rows in plan:
        batch = batcher.make(rows)
        assert len(rows) == 1 or len(rows) * longest[rows].max() <= budget
        assert batch.src.shape[1] == lengths_with_end(split.src)[rows].max()
        mask = torch.ones_like(batch.src, dtype=torch.bool) if batch.src_mask is None else batch.src_mask
        assert torch.equal(mask, batch.src != PAD), "padding and nothing else is masked"
        real = torch.zeros(batch.tgt_out.numel(), dtype=torch.bool)
        real[slice(None) if batch.unpadded is None else batch.unpadded] = True
        assert torch.equal(real.view_as(batch.tgt_out), batch.tgt_out != PAD)
        for place, row in enumerate(rows.tolist()):
            source, target = lengths[row]
            assert batch.src[place][mask[place]].tolist() == [4 + row] * source + [EOS]
            written = batch.tgt_out[place]
            assert written[written != PAD].tolist() == [4 + row] * target + [EOS] and batch.tgt_in[place, 0] == BOS
        assert batch.source_tokens == int(mask.sum()) and batch.target_tokens == int(real.sum())


MODELS = {name: build(name) for name in NAMES}


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=8)
@given(
    st.lists(st.integers(1, 7), min_size=1, max_size=3), st.integers(0, 5), st.integers(1, 5), st.integers(0, 2**16)
)
def test_padding_and_later_tokens_change_no_real_position(name, lengths, extra, count, seed) -> None:
    model, generator = MODELS[name], torch.Generator().manual_seed(seed)
    longest = max(lengths)
    src = torch.randint(4, SOURCE_SIZE, (len(lengths), longest + extra), generator=generator)
    mask = torch.arange(longest + extra) < torch.tensor(lengths).unsqueeze(1)
    tgt = torch.randint(4, TARGET_SIZE, (len(lengths), count), generator=generator)
    other = torch.randint(4, SOURCE_SIZE, src.shape, generator=generator)
    with torch.inference_mode():
        features = model.features(src.masked_fill(~mask, PAD), tgt, mask)
        filled = model.features(torch.where(mask, src, other), tgt, mask)
        torch.testing.assert_close(filled, features, rtol=1e-4, atol=1e-5)
        for row, length in enumerate(lengths):
            alone = model.features(src[row : row + 1, :length], tgt[row : row + 1])
            torch.testing.assert_close(features[row : row + 1], alone, rtol=1e-4, atol=1e-5)
        at = int(torch.randint(0, count, (1,), generator=generator))
        later = tgt.clone()
        later[:, at:] = (later[:, at:] - 3) % (TARGET_SIZE - 4) + 4
        torch.testing.assert_close(
            model.features(src, later, mask)[:, :at], model.features(src, tgt, mask)[:, :at], rtol=1e-4, atol=1e-5
        )


WORDS = st.lists(st.sampled_from(["a", "b", "cat", "Hund", "1", "x,"]), min_size=1, max_size=8).map(" ".join)
PAIRS = st.lists(st.tuples(WORDS, WORDS), min_size=1, max_size=6)


@pytest.mark.parametrize(
    ("name", "most"), [("exact_match", 1.0), ("token_accuracy", 1.0), ("bleu", 100.0), ("chrf", 100.0)]
)
@settings(max_examples=40)
@given(PAIRS, st.randoms(use_true_random=False))
def test_metrics_have_bounds_and_know_no_order(name, most, pairs, random) -> None:
    score = METRICS[name].score
    hypotheses, references = map(list, zip(*pairs))
    value, signature = score(hypotheses, references)
    assert 0 <= value <= most + 1e-9 and signature
    turned = pairs[:]
    random.shuffle(turned)
    assert score(*map(list, zip(*turned)))[0] == pytest.approx(value)
    # BLEU counts runs of four words: of shorter lines alone it cannot be whole.
    long = [f"{line} one two three four" for line in references]
    assert score(long, long)[0] == pytest.approx(most)


@pytest.mark.parametrize("name", METRICS)
def test_nothing_has_no_score(name) -> None:
    with pytest.raises(ValueError, match="no segments to score"):
        METRICS[name].score([], [])


VALUES = st.lists(st.integers(-50, 50).map(lambda n: n / 4), min_size=2, max_size=7)


@given(VALUES)
def test_intervals_hold_their_mean_and_are_nested(values) -> None:
    for interval in (stats.bootstrap_mean, stats.student_mean):
        narrow, wide = interval(values, 0.8), interval(values, 0.99)
        if narrow is None or wide is None:
            continue
        mean = float(np.mean(values))
        assert wide[0] - 1e-9 <= narrow[0] <= mean + 1e-9 and mean - 1e-9 <= narrow[1] <= wide[1] + 1e-9
        assert interval(values, 0.8) == narrow, "the seed decides"


@given(VALUES, VALUES)
def test_two_sample_tests_are_symmetric(first, second) -> None:
    one, other = welch(first, second), welch(second, first)
    assert one.mean == pytest.approx(-other.mean) and one.p == pytest.approx(other.p, nan_ok=True)
    assert one.p is None or 0 <= one.p <= 1
    effect = hedges_g(first, second)
    if effect is not None:
        gap = one.mean
        assert effect == pytest.approx(-hedges_g(second, first)) and (
            gap == 0 or math.copysign(1, effect) == math.copysign(1, gap)
        )


@settings(max_examples=50)
@given(st.lists(st.floats(0, 1), max_size=9))
def test_holm_raises_and_keeps_the_order(values) -> None:
    found = stats.holm(values)
    assert len(found) == len(values) and all(raw <= own <= 1 for raw, own in zip(values, found))
    for (raw, own), (other, theirs) in itertools.combinations(zip(values, found), 2):
        assert own <= theirs if raw < other else theirs <= own if other < raw else own == theirs
    if len(values) == 1:
        assert found == values
