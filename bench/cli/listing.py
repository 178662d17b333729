"""`bench list`: the tasks, models, budgets and suites."""

from __future__ import annotations

import click

from bench.cli import EXIT_OK
from bench.errors import UserError

GROUPS = {"tasks": "task", "models": "model", "budgets": "budget", "suites": "suite"}


@click.command("list")
@click.argument("what", required=False, type=click.Choice([*GROUPS, "model"]))
@click.argument("name", required=False)
@click.argument("settings", nargs=-1)
@click.option("--table", is_flag=True, help="With model: a Markdown table of all models.")
def list_command(what: str | None, name: str | None, settings: tuple[str, ...], table: bool) -> int:
    """List tasks, models, budgets and suites, or describe a model.

    \b
    bench list models
    bench list model lstm_dot task=recall budget=quick
    bench list model --table

    `bench list model NAME` prints the model's card: papers, layers, shapes, hidden units, parameters, FLOPs and
    decoder state. SETTINGS (key=value) choose the size. [default: task=multi30k budget=multi30k_cpu]

    Exit status: 0 on success; 2 for invalid input.
    """
    if what == "model":
        return _list_models(name, settings, table)
    if name is not None or table:
        raise UserError("only a model has a card: bench list model NAME, or bench list model --table")

    from bench.conf import files

    for heading, group in GROUPS.items():
        if what not in (None, heading):
            continue
        choices = files.choices(group)
        if what is None:
            click.echo(f"{heading}:")
        width = max(map(len, choices), default=0)
        for entry, description in choices.items():
            click.echo(f"{'' if what else '  '}{entry:{width}}  {description}".rstrip())
    return EXIT_OK


def _list_models(name: str | None, settings: tuple[str, ...], table: bool) -> int:
    """Print the card of one model, or the table of all."""
    from bench.conf import files
    from bench.diagnostics import model_card

    if table:
        words = settings if name is None else (name, *settings)
        cards = [model_card.make_card(model, words) for model in model_card.table_arms(words)]
        click.echo(model_card.render_table(cards), nl=False)
    elif name is None:
        raise UserError(f"name a model; there are {', '.join(files.choices('model'))}; or show all with --table")
    else:
        click.echo(model_card.render_card(model_card.make_card(name, settings)))
    return EXIT_OK
