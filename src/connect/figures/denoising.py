"""How much of head motion each denoising strategy leaves in the connectomes, and what it costs in data.

The measures are those by which Ciric et al. 2017 (doi:10.1016/j.neuroimage.2017.03.020) and Parkes et al. 2018
(doi:10.1016/j.neuroimage.2017.12.073) compared strategies. QC-FC is the correlation over participants of mean FD with
an edge; its chance range comes from FD permuted between participants.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from connect.figures import (
    NARROW,
    NO_VALUE,
    ONE_GROUP,
    VARIANT_COLOURS,
    Inputs,
    canvas,
    figure,
    headed,
    legend,
    number,
    small,
    wrapped,
)
from connect.settings.figure import Figure as Recipe

CHANCE, CHANCE_MARK, MISSING = "#D9D9D9", "#808080", "#666666"
PLACES = {"level": -1.7, "change": 1.7}
"""Where the two kinds of QC-FC stand in the row of a strategy, mm below its middle."""

BELOW = 2.6
"""Where the n of a mean stands, mm below the middle."""

FRAME = 34.0
"""Height of titles, axis labels and legend, mm."""

ABOVE, MORE = 22.0, 14.0
"""Height of titles and axis labels of further panels that stand below, and of the legend's further lines (mm)."""

LINE = 3.0
"""Height of a line of a label, mm."""

LABELS, COUNTS = 0.22, 0.16
"""Share of the width that the names of strategies may take, and what stands at the right about participants."""


Rows = Mapping[float, Mapping[str, Any]]
"""The record of each strategy by the middle of its row, mm from the top."""


@dataclass(frozen=True)
class Panel:
    """A panel: its title, the label of its axis, the key of what it shows, and what its axis reaches to at least."""

    title: str
    label: str
    key: str
    least: tuple[float, float] = (0.0, 0.0)


QCFC = (
    Panel("a  Motion in edges", "Median |r| of QC-FC over edges", "median_abs_r"),
    Panel("b  By distance", "Spearman's ρ of QC-FC with distance", "distance", least=(-0.1, 0.1)),
)
MEANS = (
    Panel("c  Motion in signals", "r of FD with change of cleaned signals", "fd_dvars"),
    Panel("d  What is left", "Temporal degrees of freedom", "tdof"),
)


@figure("denoising")
def denoising(inputs: Inputs, recipe: Recipe) -> Figure:
    """Draw a row per strategy of the plan, the primary one first, and a panel per kind of quality."""
    records, narrow = inputs.assessments, recipe.width < NARROW
    names = [_name(record, primary=n == 0, width=LABELS * recipe.width) for n, record in enumerate(records)]
    heights = np.array([max(recipe.height, LINE * (name.count("\n") + 2)) for name in names])
    blocks = [(*QCFC, *MEANS)] if not narrow else [QCFC, MEANS]
    room = (1 - LABELS - COUNTS) * recipe.width / len(blocks[0]) - (7 if narrow else 3)
    whole = FRAME + (MORE if narrow else 0) + heights.sum() + (len(blocks) - 1) * (ABOVE + heights.sum())
    made = canvas(replace(recipe, height=whole))
    rows = dict(zip(heights.cumsum() - heights / 2, records, strict=True))
    for panels, shown in zip(
        made.subplots(len(blocks), len(blocks[0]), sharey=True, squeeze=False), blocks, strict=True
    ):
        for axes, panel in zip(panels, shown, strict=True):
            draw = _chance if panel in QCFC else _mean
            draw(axes, rows, panel)
            _frame(axes, panel, heights, room)
        panels[0].set(yticks=list(rows), yticklabels=names, ylim=(heights.sum(), 0))
        panels[0].get_yticklabels()[0].set_fontweight("bold")
    for y, record in rows.items():
        panels[-1].text(
            1.04, y, in_words(record), transform=panels[-1].get_yaxis_transform(), va="center", size=small()
        )
    legend(made, _handles(), recipe.width, most=3, loc="outside lower center")
    return made


def in_words(record: Mapping[str, Any]) -> str:
    """Return how many participants, scans and minutes are behind the row of a strategy."""
    level, change = record["level"]["n"], record["change"]["n"]
    people = f"n = {level}" + (f" (change {change})" if change != level else "")
    scans = f"{record['n_kept']} of {record['n_scans']} scans"
    return "\n".join([people, scans, f"{number(record['minutes']['mean'], '.1f')} min per scan"])


def _name(record: Mapping[str, Any], primary: bool, width: float) -> str:
    title = wrapped(record["title"], width)
    return f"{record['strategy']}{' (primary)' * primary}\n{title}"


def _chance(axes: Axes, rows: Rows, panel: Panel) -> None:
    """Draw what was found as a dot, on the range that chance gives."""
    for middle, record in rows.items():
        for variant, below in PLACES.items():
            colour, y = VARIANT_COLOURS[variant], middle + below
            value, chance, low, high = _values(record[variant], panel.key, ("", "_chance", "_low", "_high"))
            if np.isnan(value):
                _missing(axes, y)
                continue
            axes.plot([low, high], [y, y], color=CHANCE, linewidth=4, solid_capstyle="butt", zorder=1)
            axes.plot([chance], [y], color=CHANCE_MARK, marker="|", markersize=5, linestyle="", zorder=2)
            inside = colour if variant == "level" else "white"
            axes.plot([value], [y], color=colour, marker="o", markersize=4, markerfacecolor=inside, zorder=3)


def _mean(axes: Axes, rows: Rows, panel: Panel) -> None:
    """Draw the mean over participants with its interval, and its n where that is not the n beside the row."""
    for y, record in rows.items():
        n = record[panel.key]["n"]
        if n != record["level"]["n"]:
            axes.text(0.04, y + BELOW, f"n = {n}", transform=axes.get_yaxis_transform(), va="center", size=small())
        mean, low, high = _values(record[panel.key], "", ("mean", "ci_low", "ci_high"))
        if np.isnan(mean):
            _missing(axes, y)
            continue
        axes.plot([low, high], [y, y], color=ONE_GROUP, linewidth=1.4, zorder=2)
        axes.plot([mean], [y], color=ONE_GROUP, marker="D", markersize=4, zorder=3)


def _frame(axes: Axes, panel: Panel, heights: np.ndarray, width: float) -> None:
    for border in heights.cumsum()[:-1]:
        axes.axhline(border, color=NO_VALUE, linewidth=0.4, zorder=0)
    axes.axvline(0, color="black", linewidth=0.6, linestyle=(0, (4, 3)), zorder=0)
    axes.update_datalim([(end, heights[0] / 2) for end in panel.least])
    axes.set_title(headed(panel.title, width + 3), loc="left")
    axes.set_xlabel(wrapped(panel.label, width))
    axes.margins(x=0.08)
    axes.tick_params(axis="y", length=0)
    axes.locator_params(axis="x", nbins=3)
    if axes.dataLim.x0 > -1e-9:
        axes.set_xlim(left=0)


def _missing(axes: Axes, y: float) -> None:
    axes.text(0.04, y, "n/a", transform=axes.get_yaxis_transform(), va="center", color=MISSING)


def _values(record: Mapping[str, Any], key: str, parts: Sequence[str]) -> list[float]:
    """Return numbers of a record, NaN where there is none."""
    found = [record[key + part] for part in parts]
    return [np.nan if value is None else value for value in found]


def _handles() -> list[Line2D]:
    level, change = VARIANT_COLOURS["level"], VARIANT_COLOURS["change"]
    return [
        Line2D([], [], color=level, marker="o", markersize=4, linestyle="", label="level: FD with connectivity"),
        Line2D([], [], color=change, marker="o", markersize=4, markerfacecolor="white", linestyle="",
               label="change in FD with change in connectivity"),
        Line2D([], [], color=CHANCE, linewidth=4, solid_capstyle="butt", label="95 % of what chance gives"),
        Line2D([], [], color=CHANCE_MARK, marker="|", markersize=5, linestyle="", label="median of chance"),
        Line2D([], [], color=ONE_GROUP, marker="D", markersize=4, linewidth=1.4,
               label="mean of participants, 95 % interval"),
    ]  # fmt: skip
