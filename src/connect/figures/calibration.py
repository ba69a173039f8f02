"""How often each test finds something where nothing is, scenario by scenario, beside its level."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from scipy import stats

from connect.errors import UserError
from connect.figures import NO_VALUE, Inputs, canvas, figure, wrapped
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

TICKS = (0.05, 0.25, 0.5, 1.0)
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
    made = canvas(recipe)
    made.set_size_inches(recipe.width / 25.4, (FRAME + recipe.height * len(scenarios)) / 25.4)
    panels = made.subplots(1, len(corrections), sharey=True, squeeze=False)[0]
    for axes, name in zip(panels, corrections, strict=True):
        _panel(axes, rates[rates["correction"] == name], scenarios, inputs)
        axes.set_title(TITLES[name], loc="left")
    width = NAMES * recipe.width
    panels[0].set(
        yticks=range(len(scenarios)), yticklabels=[wrapped(one[0].upper() + one[1:], width) for one in scenarios]
    )
    panels[0].set_ylim(len(scenarios) - 0.5, -0.5)
    size = f"{int(rates['sets'].iloc[0]):,} for each scenario"
    made.supxlabel(f"Share of data sets without an effect ({size}) in which anything passed", fontsize="medium")
    made.legend(handles=_handles(rates, inputs), loc="outside upper center", ncols=2)
    return made


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
    axes.set(xlim=(0, 1), xticks=TICKS, xticklabels=[f"{tick:g}".removeprefix("0") for tick in TICKS])
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
