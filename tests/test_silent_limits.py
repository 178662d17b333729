"""No limit is silent: every constant that bounds something, and every slice that may cut tokens or text, is listed
here with how a user learns that it was reached. A new one fails this test until it is listed, and counted if it drops
or cuts text.

    refused   an error says so, and nothing runs
    counted   data.counts or another number of the record says how often it was reached
    warned    a line on the terminal says so
    shown     the cut stands beside the text: an ellipsis, a note
    exact     nothing is lost: the slice takes all there is, or a part that is meant
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

NAME = re.compile(r"_?(MAX(_\w+)?|LIMIT\w*|\w+_LIMITS?)$")
"""Names of constants that bound something."""

SLICED = ("data", "tasks", "runs", "evaluation")
"""Folders of `bench` that handle tokens and text."""

KINDS = ("refused", "counted", "warned", "shown", "exact")

CONSTANTS = {
    "bench/__main__.py MAX_MESSAGE": "shown",  # a long message of another library ends in an ellipsis
    "bench/analysis/gates.py MAX_CUT": "shown",  # thresholds of gates stand in the report, and cut nothing
    "bench/analysis/gates.py MAX_REPETITIVE": "shown",
    "bench/analysis/gates.py MAX_SHARED": "shown",
    "bench/analysis/gates.py MAX_UNKNOWN": "shown",
    "bench/cli/hydra_run.py MAX_CELLS": "refused",
    "bench/cli/verdict_lines.py MAX_WIDTH": "exact",  # lines are wrapped
    "bench/conf/checks.py BUDGET_LIMITS": "refused",
    "bench/conf/checks.py MAX_THREADS": "refused",
    "bench/conf/suites.py MAX_SEEDS": "refused",
    "bench/data/cleaning.py MAX_RATIO": "refused",  # of the option; pairs beyond max_ratio are train_dropped_ratio
    "bench/data/examples.py MAX_LENGTH": "counted",  # train_dropped_long; refused in held-out sets
    "bench/data/archives.py MAX_ARCHIVE_TEXTS": "refused",
    "bench/data/file_kinds.py MAX_TEXT_BYTES": "refused",
    "bench/diagnostics/generators.py MAX_REPEATED_SECONDS": "exact",  # repeats of a timing
    "bench/diagnostics/profile/plan.py MAX_LENGTH": "refused",
    "bench/diagnostics/profile/rounds.py MAX_ROUNDS": "refused",
    "bench/diagnostics/reach/probe.py MAX_DISTANCES": "exact",  # points on a curve; the numbers are in the table
    "bench/evaluation/attention_maps.py MAX_TOKENS": "shown",  # `cut` in attention.json, and a note of the figure
    "bench/evaluation/search_config.py MAX_BEAM": "refused",
    "bench/records/reach_rows.py MAX_COUNT": "refused",
    "bench/records/reading.py MAX_DEPTH": "refused",
    "bench/records/reading.py MAX_JSON_BYTES": "refused",
    "bench/records/reading.py MAX_NUMBER": "refused",
    "bench/records/reading.py MAX_TEXT": "refused",
    "bench/report/figures/attention.py MAX_CHARACTERS": "shown",
    "bench/report/figures/attention.py MAX_HEADS": "shown",
    "bench/report/figures/attention.py MAX_TOKENS": "shown",
    "bench/report/figures/canvas.py MAX_LABEL": "shown",
    "bench/report/figures/canvas.py MAX_LEGEND_CHARACTERS": "shown",
    "bench/report/figures/deciding.py MAX_ROWS": "shown",  # the caption counts what is left out
    "bench/report/figures/deciding.py MAX_NAME": "shown",
    "bench/report/figures/deciding.py MAX_HEADER": "shown",
    "bench/report/tables/examples.py MAX_LENGTH": "shown",
    "bench/report/tables/sanity.py MAX_REASON": "shown",
    "bench/tasks/kinds/bins.py MAX_BINS": "exact",  # examples are binned more coarsely, none is lost
    "bench/tasks/kinds/drawing.py MAX_ROUNDS": "refused",
    "bench/tasks/language.py MAX_SENTENCES": "refused",
    "bench/tasks/kinds/generated.py MAX_EXAMPLES": "refused",
    "bench/tasks/kinds/generated.py MAX_FIELD": "refused",
    "bench/tasks/kinds/generated.py MAX_SPLIT_TOKENS": "refused",
    "bench/tasks/kinds/sentences.py MAX_TRIES": "refused",
    "bench/tasks/listops.py MAX": "exact",  # the operator
    "bench/tasks/task_cache.py LIMIT": "exact",  # bytes of the cache: old files go and are made again
    "bench/training/overfit.py MAX_SECONDS": "counted",  # sanity.overfit.stopped
    "models/width_search.py MAX_WIDTH": "refused",
}

SLICES = {
    "bench/data/cleaning.py np.argsort(order, kind='stable')[:pairs]": "counted",  # train_beyond_pairs
    "bench/data/file_kinds.py head[257:262]": "exact",  # the first bytes, by which a kind of file is known
    "bench/data/file_kinds.py head[place:place + 4]": "exact",
    "bench/data/file_kinds.py raw[:HEAD]": "exact",
    "bench/data/text.py raw[:file_kinds.HEAD]": "exact",
    "bench/data/subwords.py line[begin:begin + _PART]": "exact",  # every part of the line is taken
    "bench/data/tables.py cell[1:-1]": "exact",  # without its quotes
    "bench/data/tables.py rows[:_ROWS_SEEN]": "exact",  # rows by which a header is guessed, for a warning
    "bench/data/unicode.py lines[0][begin:match.end() + 20]": "shown",  # a place in a message
    "bench/evaluation/decoding.py scores[:, :whole]": "exact",
    "bench/evaluation/token_distances.py (predicted == batch.tgt_out)[:, :-1]": "exact",  # without the end token
    "bench/runs/fork_server.py files[:STREAMS + 1]": "exact",  # the child's own open files
    "bench/runs/memory_guard.py search.beams[:1]": "exact",  # the beams differ in their length penalty alone
    "bench/runs/status.py of_state[:LISTED]": "shown",  # followed by the number of others
    "bench/runs/tune.py ranked[:max(LEAST_KEPT, math.ceil(len(losses) * KEPT))]": "shown",  # all are in the table
    "bench/tasks/dyck.py sorted_kinds[:, :-1]": "exact",
    "bench/tasks/kinds/orders.py unique[:, :count]": "exact",
    "bench/tasks/mqar.py keys[:, column:column + 1]": "exact",
    "bench/tasks/mqar.py ordered[:, :-1]": "exact",
    "bench/tasks/selective_copy.py rows[:, :-1]": "exact",
    "bench/data/corpora/download.py checksum[:16]": "shown",
    "bench/data/corpora/download.py expected[:16]": "shown",
    "bench/data/corpora/files.py actual[:16]": "shown",
    "bench/data/corpora/files.py expected[:16]": "shown",
    "bench/data/corpora/tatoeba.py order[:training_pairs]": "counted",  # tatoeba_beyond_training_pairs
    "bench/data/ragged.py self.tokens[self.offsets[index]:self.offsets[index + 1]]": "exact",
    "bench/data/ragged.py offsets[:-1]": "exact",
    "bench/data/running_text.py text[:first]": "exact",  # the parts of a text
    "bench/data/running_text.py text[first:second]": "exact",
    "bench/data/running_text.py ids[:-1]": "exact",  # the last token is predicted only
    "bench/data/splits.py ragged.offsets[:-1]": "exact",
    "bench/data/splits.py hashlib.sha256(text.encode()).digest()[:8]": "exact",
    "bench/data/subwords.py digest.hexdigest()[:32]": "exact",
    "bench/evaluation/architecture.py sides[0][:1]": "exact",
    "bench/evaluation/attention_maps.py split.src[0][None, :MAX_TOKENS]": "shown",
    "bench/evaluation/attention_maps.py source[0][i:i + 1]": "exact",
    "bench/evaluation/attention_maps.py ([_label(task.target_text([token])) for token in hypotheses.tokens[0]] + "
    "[SPECIALS[EOS]])[:rows]": "exact",
    "bench/evaluation/attention_maps.py weights_HTS[:, :rows]": "exact",
    "bench/evaluation/attention_maps.py by_target[0, :, :batch.decoder_inputs.shape[1]]": "exact",
    "bench/evaluation/decoding.py sequence[:length]": "exact",  # a task of values has this many
    "bench/evaluation/decoding.py (candidates.ends & candidates.score.isfinite())[:, :search.beam]": "exact",
    "bench/evaluation/decoding.py candidates.score[:, :search.beam]": "exact",
    "bench/evaluation/scores.py tgt.offsets[:-1]": "exact",
    "bench/evaluation/token_distances.py words[i:i + 1]": "exact",
    "bench/evaluation/token_distances.py right[i:i + 1]": "exact",
    "bench/runs/suite.py str(now)[:12]": "shown",
    "bench/runs/verify.py str(now)[:12]": "shown",
    "bench/runs/verify.py str(commit)[:12]": "shown",
    "bench/runs/suite.py str(commit)[:12]": "shown",
    "bench/runs/translate.py ids[:max_tokens]": "warned",
    "bench/tasks/agreement.py words[:mark.at]": "exact",
    "bench/tasks/kinds/automata.py rows[:, :-1]": "exact",  # neighbours
    "bench/tasks/question.py words[:first]": "exact",
    "bench/tasks/recognition.py string[:place]": "exact",
    "bench/tasks/recognition.py split.src[i][:-1]": "exact",  # without the blank
    "bench/tasks/word_problem.py a[:4]": "exact",  # a permutation of four, then a number
    "bench/tasks/copy_memory.py LETTERS[:self.symbols]": "exact",
    "bench/tasks/grammar/german_conjugation.py verb.infinitive[:-1]": "exact",
    "bench/tasks/grammar/german_conjugation.py verb.infinitive[:-2]": "exact",
    "bench/tasks/grammar/held_out.py [0][:len(others)]": "exact",
    "bench/tasks/grammar/lexicon.py [n for n in words.nouns if n.classes[0] == name][:limit]": "exact",  # task.words
    "bench/tasks/grammar/lexicon.py [v for v in words.verbs if v.frame == frame][:limit]": "exact",
    "bench/tasks/grammar/lexicon.py [a for a in words.adjectives if name in a.classes][:limit]": "exact",
    "bench/tasks/grammar/lexicon.py [a for a in words.adverbs if a.kind == kind][:limit]": "exact",
    "bench/tasks/grammar/parsing.py self.words[start + 1:after]": "exact",
    "bench/tasks/grammar/parsing_phrases.py self.words[at:at + len(texts)]": "exact",
    "bench/tasks/kinds/letters.py LETTERS[:self.symbols]": "exact",
    "bench/runs/verify.py str(record['code']['commit'])[:7]": "shown",
    "bench/runs/verify.py turns[:count]": "exact",  # as many cells as were asked for
    "bench/tasks/kinds/symbols.py words[:SHOWN]": "shown",
    "bench/tasks/language.py repr(units.characters[:SHOWN])[1:-1]": "shown",
    "bench/tasks/language.py units.characters[:SHOWN]": "shown",
    "bench/tasks/kinds/symbols.py offsets[:-1]": "exact",
    "bench/tasks/kinds/translation.py train.sources[index][:40]": "shown",  # names a pair in a warning
    "bench/tasks/listops.py offsets[:-1]": "exact",
    "bench/tasks/listops.py level.parent[:-1]": "exact",
    "bench/tasks/listops.py np.concatenate([[True], level.parent[1:] != level.parent[:-1]])[:len(before)]": "exact",
    "bench/tasks/selective_copy.py LETTERS[:self.symbols]": "exact",
    "bench/tasks/task_cache.py hashlib.sha256(json.dumps(identity, sort_keys=True).encode())"
    ".hexdigest()[:32]": "exact",
}


def modules(*folders: str) -> Iterator[tuple[str, ast.Module]]:
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield str(path.relative_to(ROOT)), ast.parse(path.read_text(encoding="utf-8"))


def constants(tree: ast.Module) -> Iterator[str]:
    """Names of module-level constants that bound something."""
    for node in tree.body:
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        names = [part.id for target in targets for part in ast.walk(target) if isinstance(part, ast.Name)]
        yield from (name for name in names if NAME.match(name))


def bounded_slices(tree: ast.Module) -> Iterator[str]:
    """Slices with an upper end, and those of one axis."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
            parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
            if any(isinstance(part, ast.Slice) and part.upper is not None for part in parts):
                yield ast.unparse(node)


def test_every_limit_is_listed_with_how_it_is_made_known():
    present = {f"{path} {name}" for path, tree in modules("bench", "models") for name in constants(tree)}
    assert present - CONSTANTS.keys() == set(), "a new limit: list it, and count what it drops or cuts"
    assert CONSTANTS.keys() - present == set(), "listed, but gone"
    assert set(CONSTANTS.values()) <= set(KINDS)


def test_every_slice_that_may_cut_tokens_or_text_is_listed():
    folders = [f"bench/{folder}" for folder in SLICED]
    present = {f"{path} {text}" for path, tree in modules(*folders) for text in bounded_slices(tree)}
    assert present - SLICES.keys() == set(), "a new slice: list it, and count what it drops or cuts"
    assert SLICES.keys() - present == set(), "listed, but gone"
    assert set(SLICES.values()) <= set(KINDS)


def test_a_new_limit_is_found():
    tree = ast.parse(
        "MAX_WORDS = 5\n_LINE_LIMIT: int = 3\nlow, LIMIT = 1, 2\nOTHER = 7\ncut = words[:MAX_WORDS], x[0, :9], y[2:]"
    )
    assert Counter(constants(tree)) == Counter(["MAX_WORDS", "_LINE_LIMIT", "LIMIT"])
    assert list(bounded_slices(tree)) == ["words[:MAX_WORDS]", "x[0, :9]"]
