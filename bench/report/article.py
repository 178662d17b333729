"""The section on the article's own code: its printed call, its recipe beside cross-entropy, and what was repaired.

Everything comes from the files of `bench article` (`bench.records.article_rows`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.analysis.messages import Message, Text
from bench.records import article_rows
from bench.records.article_rows import CROSS_ENTROPY, SQUARED_ERROR, Article
from bench.report.figures import article as curves
from bench.report.figures.canvas import Figure


@dataclass(frozen=True)
class ArticleSection:
    """What the page shows. sentence: what the recipe costs, with numbers; scope: what was run, with the range over
    seeds; repairs: what had to be repaired for the code to run, announced by `repairs_title`; figure: both curves."""

    title: Text
    sentence: Text
    scope: Text
    repairs_title: Text
    repairs: tuple[Text, ...]
    figure: Figure


def section(folder: Path, figures: Path) -> ArticleSection | None:
    """The section of the files in `folder`, with its figure written to `figures`; None if there are no files.

    Raises BrokenFile, a UserError, for files that `bench article` did not write.
    """
    article = article_rows.read(folder)
    if article is None:
        return None
    facts = article.facts
    task = facts.config["task"]
    repairs = tuple(
        Message(f"article.repairs.{name}", max_len=facts.config["model"]["max_len"]) for name in facts.repairs
    )
    scope = Message(
        "article.scope",
        **facts.call,
        parameters=f"{facts.parameters:,}",
        shortest=task["train_shortest"],
        longest=task["train_longest"],
        symbols=task["symbols"],
        seeds=len(facts.seeds),
        squared=_range(article.final_accuracies(SQUARED_ERROR)),
        entropy=_range(article.final_accuracies(CROSS_ENTROPY)),
        rates=len(facts.trials[SQUARED_ERROR]),
        trial_seeds=len(facts.trial_seeds),
    )
    title, repairs_title = Message("article.title"), Message("article.repairs_title")
    return ArticleSection(title, sentence(article), scope, repairs_title, repairs, curves.draw(article, figures))


def sentence(article: Article) -> Text:
    """What the recipe costs: a cost or a gain where the ranges of the final accuracies over seeds do not overlap."""
    squared, entropy = (article.final_accuracies(recipe) for recipe in (SQUARED_ERROR, CROSS_ENTROPY))
    shown = {"steps": article.facts.steps, "squared": _percent(_mean(squared)), "entropy": _percent(_mean(entropy))}
    if min(entropy) > max(squared):
        curve = article.mean_curve(CROSS_ENTROPY)
        reached = next(step for step, accuracy in curve.items() if accuracy > _mean(squared))
        return Message("article.costs", **shown, reached=reached)
    return Message("article.gains" if min(squared) > max(entropy) else "article.level", **shown)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _range(shares: Sequence[float]) -> Text:
    return Message("article.range", low=_percent(min(shares)), high=_percent(max(shares)))
