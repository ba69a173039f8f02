"""How often each test finds something where nothing is, scenario by scenario, beside its level."""

from __future__ import annotations

from dataclasses import replace
from math import ceil

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from scipy import stats

from connect.errors import UserError
from connect.figures import NARROW, NO_VALUE, Inputs, canvas, figure, legend, small, wrapped
from connect.settings.calibration import CONFIDENCE, CORRECTIONS
from connect.settings.figure import Figure as Recipe

COLOURS = {"unequal": "#0072B2", "residuals": "#D55E00", "labels": "#009E73", "flips": "#0072B2", "mixed": "#0072B2"}
"""Colour of each test."""

CHANCE = "#E4E4E4"
FRAME = 34.0
"""Height of titles, axis labels and legend, mm."""

STEP = 0.24
"""Distance of the tests in the row of a scenario, in rows."""

NAMES = 0.2
"""Share of the width that the names of scenarios may take."""

TICKS, CROWDED = (0.05, 0.25, 0.5, 1.0), (0.25,)
"""Ticks of the axes, and those that have a label only where there is room."""

LINE, ROOM = 2.7, 14.0
"""Height of a line of a name, and of titles and ticks of further panels that stand below (mm)."""

TITLES = {
    "primary": "Primary", "domains": "Domains", "networks": "Networks", "edges": "Edges", "fdr": "Edges, FDR",
    "nbs": "NBS", "tfnbs": "TFNBS", "cnbs": "CNBS",
}  # fmt: skip
"""Headings of the panels."""


@figure("calibration")
def calibration(inputs: Inputs, recipe: Recipe) -> Figure:
    """Draw a row per scenario, a panel per correction, and a colour per test."""
    rates = inputs.rates
    if rates is None:
        must = "a calibration, which the figure shows"
        raise UserError("key calibration of the plan", must, "none", "name one, such as `calibration: standard`")
    scenarios = list(rates.drop_duplicates("scenario")["about"])
    corrections = [name for name in CORRECTIONS if (rates["correction"] == name).any()]
    narrow = recipe.width < NARROW
    each = ceil(len(corrections) / 2) if narrow and len(corrections) > 3 else len(corrections)
    n_rows = ceil(len(corrections) / each)
    width = NAMES * recipe.width * (1.4 if narrow else 1)
    names = [wrapped(one[0].upper() + one[1:], width, small()) for one in scenarios]
    block = len(names) * max(recipe.height, *(LINE * (name.count("\n") + 1) + 1 for name in names))
    handles = _handles(rates, inputs)
    made = canvas(replace(recipe, height=FRAME + ROOM * (n_rows - 1) + block * n_rows))
    grid = made.subplots(n_rows, each, sharey=True, squeeze=False)
    for axes, name in zip(grid.flat, corrections, strict=False):
        _panel(axes, rates[rates["correction"] == name], scenarios, inputs)
        axes.set_title(TITLES[name], loc="left", fontsize=small() if narrow else None)
        axes.set(xticks=TICKS, xticklabels=[_tick(tick, narrow=narrow) for tick in TICKS])
    for axes in grid.flat[len(corrections) :]:
        axes.remove()
    for axes in grid[:, 0]:
        axes.set(yticks=range(len(scenarios)), yticklabels=names, ylim=(len(scenarios) - 0.5, -0.5))
        axes.tick_params(axis="y", labelsize=small())
    size = f"{int(rates['sets'].iloc[0]):,} for each scenario"
    label = f"Share of data sets without an effect ({size}) in which anything passed"
    made.supxlabel(wrapped(label, recipe.width - 4), fontsize="medium")
    legend(made, handles, recipe.width, most=2, loc="outside upper center")
    return made


def _tick(value: float, *, narrow: bool) -> str:
    """Return the label of a tick; some have none where there is no room."""
    return "" if narrow and value in CROWDED else f"{value:g}".removeprefix("0")


def _panel(axes: Axes, rates: pd.DataFrame, scenarios: list[str], inputs: Inputs) -> None:
    alpha, sets = inputs.model.alpha, int(rates["sets"].iloc[0])
    low, high = stats.binom.interval(CONFIDENCE, sets, alpha)
    axes.axvspan(low / sets, high / sets, color=CHANCE, linewidth=0, zorder=0)
    axes.axvline(alpha, color="black", linewidth=0.6, linestyle=(0, (4, 3)), zorder=1)
    for border in range(1, len(scenarios)):
        axes.axhline(border - 0.5, color=NO_VALUE, linewidth=0.4, zorder=0)
    for row in rates.to_dict("records"):
        same = rates[rates["about"] == row["about"]].reset_index(drop=True)
        place = same.index[(same["test"] == row["test"]) & (same["motion_covariate"] == row["motion_covariate"])][0]
        y = scenarios.index(row["about"]) + STEP * (place - (len(same) - 1) / 2) * min(1, 3 / len(same))
        colour, usual = COLOURS[row["test"]], row["motion_covariate"] == inputs.model.motion_covariate
        axes.plot([row["rate_low"], row["rate_high"]], [y, y], color=colour, linewidth=1, zorder=2)
        axes.plot([row["rate"]], [y], color=colour, marker="o", markersize=3.2, zorder=3,
                  markerfacecolor=colour if usual else "white")  # fmt: skip
    axes.set_xscale("function", functions=(np.sqrt, np.square))
    axes.set_xlim(0, 1)
    axes.tick_params(axis="y", length=0)


def _handles(rates: pd.DataFrame, inputs: Inputs) -> list[Line2D]:
    tests = dict(zip(rates["test"], rates["test_about"], strict=True))
    own = inputs.summary["method"]
    names = {COLOURS[name]: f"{about}{' (the model’s test)' if name == own else ''}" for name, about in tests.items()}
    handles = [
        Line2D([], [], color=colour, linewidth=1, marker="o", markersize=3.2, label=name)
        for colour, name in names.items()
    ]
    if (rates["motion_covariate"] != inputs.model.motion_covariate).any():
        label = f"{'without' if inputs.model.motion_covariate else 'with'} motion as a covariate"
        handles.append(
            Line2D([], [], color="black", markerfacecolor="white", linewidth=1, marker="o", markersize=3.2, label=label)
        )
    level = f"95 % of rates, if the level of {inputs.model.alpha:g} is kept"
    return [*handles, Line2D([], [], color=CHANCE, linewidth=5, label=level)]
