"""Effect sizes of a model with their intervals: domains, network pairs, and the primary quantity in every universe."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from connect.errors import UserError
from connect.figures import (
    BOLD,
    FIRM,
    NO_VALUE,
    ONE_GROUP,
    Inputs,
    canvas,
    figure,
    form_of,
    length_of,
    number,
    small,
    wrapped,
    zoom,
)
from connect.parcels import PRIMARY, QUANTITIES
from connect.settings.figure import Figure as Recipe
from connect.words import effect_label, effect_size, per_slope, statistic_name, tested_together

PAGE = 170.0
"""Height that the figure keeps to if it can (mm): network pairs are as many as fit."""

PAIRS = (5, 15)
"""Fewest and most network pairs."""

LINE = 2.9
"""Height of a line of text (mm)."""

NAMES = 0.31
"""Share of the width that names may take."""

INDENT = 2.0
"""How far names stand in under their heading (mm)."""

HEAD, AXIS = 5.0, 7.5
"""Height above the rows, and of the ticks below them (mm)."""

SPAN = 0.36
"""Share of the width that the label of the axis may take."""

TICK = 8.0
"""Least distance of ticks (mm)."""

GAP = 2.5
"""Room between columns (mm)."""


@dataclass(frozen=True)
class Effect:
    """A row of the plot.

    Parameters
    ----------
    name
        What it is the effect on, or where.
    size
        Effect size and the bounds of its interval; NaN if it could not be told.
    n
        Participants, or rows where the tests count them.
    primary
        Whether it is the primary quantity in the primary universe.
    p
        p-value, corrected within its section; NaN if there is none.
    passed
        Whether it is at most alpha.
    """

    name: str
    size: tuple[float, float, float]
    n: int
    p: float
    passed: bool
    primary: bool = False


@dataclass(frozen=True)
class Row:
    """A heading, or an effect with its name in lines and its numbers as text; with its height (mm)."""

    text: str
    height: float
    effect: Effect | None = None
    numbers: str = ""


@figure("forest")
def forest(inputs: Inputs, recipe: Recipe) -> Figure:
    """Draw a row per effect, in sections, with its numbers at the right; ``height`` is the least of a row."""
    text = wrapped(in_words(inputs), recipe.width - 4)
    label = wrapped(size_label(inputs), SPAN * recipe.width)
    foot = AXIS * zoom() + 1.08 * LINE * zoom() * (label.count("\n") + text.count("\n") + 2)
    rows = _rows(inputs, recipe, PAGE - HEAD * zoom() - foot)
    body = sum(row.height for row in rows)
    whole = HEAD * zoom() + body + foot
    made = canvas(replace(recipe, height=whole), layout=None)
    columns = _columns(rows, inputs, recipe.width)
    left, right = columns[0] / recipe.width, columns[1] / recipe.width
    page = made.add_axes((0, foot / whole, 1, body / whole), zorder=1, facecolor="none")
    page.set_axis_off()
    page.set(xlim=(0, recipe.width), ylim=(body, 0))
    axes = made.add_axes((left, foot / whole, right - left, body / whole), sharey=page)
    axes.set_xlim(_limits(rows))
    frame_effects(axes, inputs, columns[1] - columns[0])
    axes.set_xlabel(label)
    axes.tick_params(axis="y", left=False, labelleft=False)
    axes.spines["left"].set_visible(False)
    _write(page, rows, columns, inputs)
    top = 0.0
    for row in rows:
        if row.effect:
            draw_effect(axes, row.effect, top + row.height / 2)
        top += row.height
    made.text(0.5, 1 / whole, text, ha="center", va="bottom")
    return made


def of_domains(inputs: Inputs) -> list[Effect]:
    """Return the effect on each domain-level quantity, the primary one first; those that could not be tested too."""
    own = {one["name"]: one["title"] for one in inputs.summary["statistics"]}
    return [
        _effect(
            own.get(row["quantity"]) or QUANTITIES[row["quantity"]], row, inputs,
            primary=row["quantity"] == PRIMARY,
        )
        for row in inputs.domain_tests.to_dict("records")
    ]  # fmt: skip


def of_pairs(inputs: Inputs, count: int) -> list[Effect]:
    """Return the effects on the network pairs with the largest test statistic, at most ``count``, strongest first."""
    tests = inputs.network_tests[inputs.network_tests["statistic"].notna()]
    order = np.argsort(-tests["statistic"].abs().to_numpy(), kind="stable")[:count]
    found = tests.iloc[order]
    names = [f"within {a}" if a == b else f"{a} × {b}" for a, b in zip(found["a"], found["b"], strict=True)]
    return [_effect(name, row, inputs) for name, row in zip(names, found.to_dict("records"), strict=True)]


def of_universes(inputs: Inputs) -> list[Effect]:
    """Return the primary effect in each universe, named by what differs among them.

    Raises
    ------
    UserError
        If there is none.
    """
    if not inputs.universes:
        must, todo = "the summaries of the model, which the figure shows", "name that of every universe"
        raise UserError("flag --universes", must, "none", todo)
    keys = [key for key in ("strategy", "atlas", "measure") if len({one[key] for one in inputs.universes}) > 1]
    return [
        _effect(
            ", ".join(one[key] for key in keys or ("strategy",)), {**one["primary"], "n": one["n"]}, inputs,
            primary=all(one[key] == inputs.summary[key] for key in ("strategy", "atlas", "measure")),
        )
        for one in inputs.universes
    ]  # fmt: skip


def in_words(inputs: Inputs) -> str:
    """Return what the effects are and when a symbol is filled."""
    gate = "" if inputs.summary["gate"] == "open" else "; exploratory, because the primary test did not pass"
    return (
        f"{effect_label(inputs.summary)}. Filled: p{FIRM}≤{FIRM}{inputs.model.alpha:g}, corrected within its section "
        f"by the largest {statistic_name(inputs.summary)}{gate}. Universes are tested each by itself."
    )


def size_key(inputs: Inputs) -> str:
    """Return the column of the effect size: r where the slope of a phenotype is asked, else g."""
    return "r" if "r" in inputs.domain_tests and not tested_together(inputs.summary) else "g"


def size_label(inputs: Inputs) -> str:
    """Return the name of the effect size, with what it is divided by, and the level of its interval."""
    summary = inputs.summary
    per = f" {per_slope(summary)}" if _is_slope(inputs) else ""
    return f"{effect_size(summary)}{per} with {100 * inputs.model.confidence:g}{FIRM}%{FIRM}interval"


def _is_slope(inputs: Inputs) -> bool:
    """Return whether effect sizes are divided by the unit of a column."""
    summary = inputs.summary
    return size_key(inputs) == "g" and bool(per_slope(summary)) and not tested_together(summary)


def draw_effect(axes: Axes, effect: Effect, y: float) -> None:
    """Draw an effect size with its interval: a diamond for the primary one, filled if it passed."""
    value, low, high = effect.size
    colour = "black" if effect.primary else ONE_GROUP
    axes.errorbar(
        [value], [y], xerr=[[value - low], [high - value]], marker="D" if effect.primary else "o",
        markersize=4.5 if effect.primary else 3.6, markeredgecolor=colour, markeredgewidth=0.8,
        markerfacecolor=colour if effect.passed else "white", color=colour, linewidth=1, capsize=1.8, zorder=3,
    )  # fmt: skip


def frame_effects(axes: Axes, inputs: Inputs, width: float) -> None:
    """Draw the line of no effect, and the axis of some width (mm), from -1 to 1 for correlations."""
    axes.axvline(0, color="black", linewidth=0.6, linestyle=(0, (4, 3)), zorder=1)
    axes.xaxis.set_major_locator(MaxNLocator(int(np.clip(width / TICK, 1, 5))))
    if size_key(inputs) == "r":
        axes.set(xlim=(-1.02, 1.02), xticks=(-1, -0.5, 0, 0.5, 1), xticklabels=("−1", "−.5", "0", ".5", "1"))


def _effect(name: str, found: Mapping[Any, Any], inputs: Inputs, *, primary: bool = False) -> Effect:
    key = size_key(inputs)
    value, low, high = (_or_nan(found.get(f"{key}{end}")) for end in ("", "_low", "_high"))
    p = _or_nan(found.get("p_fwe", found["p"]))
    return Effect(name, (value, low, high), int(found["n"]), p, bool(p <= inputs.model.alpha), primary)


def _or_nan(value: float | None) -> float:
    return np.nan if value is None else float(value)


def _rows(inputs: Inputs, recipe: Recipe, room: float) -> list[Row]:
    """Return headings and effects from top to bottom; network pairs fill what the others leave of the room (mm)."""
    fewest, most = PAIRS
    domains, pairs, universes = of_domains(inputs), of_pairs(inputs, most), of_universes(inputs)
    form = _form([*domains, *pairs, *universes], inputs)
    above = [_headed("Domains", recipe), *(_row(effect, form, recipe) for effect in domains)]
    below = [_headed(_heading(inputs), recipe), *(_row(effect, form, recipe) for effect in universes)]
    between = [_row(effect, form, recipe) for effect in pairs]
    left = room - sum(row.height for row in (*above, *below)) - recipe.height
    count = max(fewest, int(np.searchsorted(np.cumsum([row.height for row in between]), left, side="right")))
    between = between[:count]
    if not between:
        return [*above, *below]
    tested = int(inputs.network_tests["statistic"].notna().sum())
    some = f"the {len(between)} of {tested} with the largest {statistic_name(inputs.summary)}"
    heading = f"Network pairs{f': {some}' if len(between) < tested else ''}"
    return [*above, _headed(heading, recipe), *between, *below]


def _headed(text: str, recipe: Recipe) -> Row:
    lines = wrapped(text, BOLD * (recipe.width - 2), small())
    return Row(lines, _height(lines, recipe))


def _row(effect: Effect, form: str, recipe: Recipe) -> Row:
    name = wrapped(effect.name, NAMES * recipe.width * (BOLD if effect.primary else 1), small())
    return Row(name, _height(name, recipe), effect, _in_numbers(effect, form))


def _heading(inputs: Inputs) -> str:
    """Return the heading of the universes, with what they have in common."""
    fixed = [
        f"{key} {inputs.universes[0][key]}"
        for key in ("atlas", "measure", "strategy")
        if len({one[key] for one in inputs.universes}) == 1
    ]
    common = f" ({', '.join(fixed)})" if fixed else ""
    return f"{QUANTITIES[PRIMARY].capitalize()} in every universe{common}"


def _form(effects: Sequence[Effect], inputs: Inputs) -> str:
    """Return the number format of effect sizes: two digits, or as many as a slope needs."""
    shown = (value for one in effects for value in one.size if np.isfinite(value))
    return form_of(shown) if _is_slope(inputs) else ".2f"


def _in_numbers(effect: Effect, form: str) -> str:
    if np.isnan(effect.size[0]):
        return "n/a" if np.isnan(effect.p) else f"p{FIRM}={FIRM}{number(effect.p, '.2g')}"
    value, low, high = (number(one, form) for one in effect.size)
    return f"{value} [{low}, {high}]"


def _height(text: str, recipe: Recipe) -> float:
    return max(recipe.height, LINE * zoom() * (text.count("\n") + 1) + 1)


def _columns(rows: Sequence[Row], inputs: Inputs, width: float) -> tuple[float, float, float, float]:
    """Return where the axis begins and ends, and where the numbers and the counts end (mm)."""
    effects = [row for row in rows if row.effect]
    names = max(
        length_of(line, small()) / (BOLD if row.effect and row.effect.primary else 1)
        for row in effects
        for line in row.text.split("\n")
    )
    numbers = max(length_of(text, small()) for text in (_head(inputs), *(row.numbers for row in effects)))
    counts = max(length_of(str(row.effect.n), small()) for row in effects if row.effect)
    end = width - 1.5
    return 1 + INDENT + names + GAP, end - counts - GAP - numbers - GAP, end - counts - GAP, end


def _head(inputs: Inputs) -> str:
    size = "f" if tested_together(inputs.summary) else size_key(inputs)
    return f"{size} [{100 * inputs.model.confidence:g}{FIRM}% interval]"


def _limits(rows: Sequence[Row]) -> tuple[float, float]:
    """Return the ends of the axis: all intervals, and 0."""
    bounds = [value for row in rows if row.effect for value in row.effect.size if np.isfinite(value)]
    low, high = min([0.0, *bounds]), max([0.0, *bounds])
    margin = 0.05 * (high - low) or 1.0
    return low - margin, high + margin


def _write(page: Axes, rows: Sequence[Row], columns: Sequence[float], inputs: Inputs) -> None:
    """Write headings, names and numbers; lines divide the sections."""
    top = 0.0
    for place, row in enumerate(rows):
        y = top + row.height / 2
        if row.effect is None:
            behind = {"facecolor": "white", "linewidth": 0, "pad": 0.5}
            page.text(1, y, row.text, va="center", fontsize=small(), fontweight="bold", bbox=behind)
            if place:
                page.axhline(top, color=NO_VALUE, linewidth=0.4)
        else:
            weight = "bold" if row.effect.primary else "normal"
            page.text(1 + INDENT, y, row.text, va="center", fontsize=small(), fontweight=weight)
            page.text(columns[2], y, row.numbers, va="center", ha="right", fontsize=small())
            page.text(columns[3], y, str(row.effect.n), va="center", ha="right", fontsize=small())
        top += row.height
    for x, text in ((columns[2], _head(inputs)), (columns[3], "n")):
        page.text(x, -HEAD * zoom() / 2, text, va="center", ha="right", fontsize=small())
