"""`bench list`: what there is to choose from."""

from __future__ import annotations

import click

from bench.cli import GOOD
from bench.errors import UserError

LISTED = {"tasks": "task", "models": "model", "budgets": "budget", "suites": "suite"}


@click.command("list")
@click.argument("what", required=False, type=click.Choice([*LISTED, "model"]))
@click.argument("name", required=False)
@click.argument("settings", nargs=-1)
@click.option("--table", is_flag=True, help="With model: all of them side by side, as Markdown.")
def list_command(what: str | None, name: str | None, settings: tuple[str, ...], table: bool) -> int:
    """Name the tasks, models, budgets and suites there are, one a line.

    bench list model NAME [SETTINGS] prints a model's card: layers, shapes, parameters, FLOPs, state, papers, at the
    size that SETTINGS give it (task=multi30k budget=multi30k_cpu if not given).
    """
    if what == "model":
        return _list_models(name, settings, table)
    if name is not None or table:
        raise UserError("only a model has more to list: bench list model NAME, or bench list model --table")
    from bench.conf import schema

    for heading, group in LISTED.items():
        if what not in (None, heading):
            continue
        found = schema.choices(group)
        if what is None:
            click.echo(f"{heading}:")
        width = max(map(len, found), default=0)
        for entry, description in found.items():
            click.echo(f"{'' if what else '  '}{entry:{width}}  {description}".rstrip())
    return GOOD


def _list_models(name: str | None, settings: tuple[str, ...], table: bool) -> int:
    """The card of one model, or the table of all."""
    from bench.analysis import arms
    from bench.conf import schema
    from bench.diagnostics import model_card

    if table:
        words = settings if name is None else (name, *settings)
        click.echo(
            model_card.table(model_card.card(model, words) for model in arms.ordered(schema.choices("model"))),
            nl=False,
        )
    elif name is None:
        raise UserError(f"which model? there are {', '.join(schema.choices('model'))}; or all with --table")
    else:
        click.echo(model_card.text(model_card.card(name, settings)))
    return GOOD
