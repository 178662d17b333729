"""Labels of arms: the options in which the cells of one name differ."""

from __future__ import annotations

import pandas as pd
import pytest

from bench.analysis.settings import add_settings

ONE, TWO = "a [n_layers=1]", "a [n_layers=2]"


@pytest.mark.parametrize(
    "cells, arms",
    [
        # The rate that was chosen for a variant is not a part of its name.
        (((1, 0.1), (2, 0.2), (2, 0.2)), [ONE, TWO, TWO]),
        (((1, 0.1), (2, 0.1)), [ONE, TWO]),
        # A sweep of the rate is.
        (((1, 0.1), (1, 0.2)), ["a [lr=0.1]", "a [lr=0.2]"]),
        (((1, 0.1), (2, 0.2), (2, 0.1)), [f"a [lr={lr}, n_layers={n}]" for n, lr in ((1, 0.1), (2, 0.2), (2, 0.1))]),
    ],
)
def test_an_arm_is_named_by_the_options_that_differ(cells, arms):
    configs = [{"optim.lr": lr, "model.n_layers": layers} for layers, lr in cells]
    table = pd.DataFrame({"task": "t", "budget_name": "b", "model": "a", "config": [None] * len(cells)})
    add_settings(table, configs)
    assert list(table["arm"]) == arms
