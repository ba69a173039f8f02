"""The primary quantity of every participant in the sessions of a model, and beside it what the contrast compares.

At the left the sessions themselves, before and after or over time; at the right one number of each participant, such
as their change, next to the mean with its interval or against the column whose slope is asked. A model of one session
has the right side only. The contrast of the model stands below in words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import ceil
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from connect.figures import (
    FIRM,
    PHASES,
    Inputs,
    arm_colours,
    canvas,
    effect_label,
    figure,
    form_of,
    headed,
    label_of,
    number,
    wrapped,
)
from connect.figures.compared import ONE_SESSION, View, draw_view, form_of_means, value_label, views
from connect.figures.estimation import mean_of, mean_with_interval
from connect.figures.participants import change_of as change_of
from connect.figures.participants import in_weeks, phase_values, sessions_of
from connect.parcels import PRIMARY, QUANTITIES
from connect.settings.figure import Figure as Recipe
from connect.settings.model import RANKED
from connect.words import (
    Contrast,
    covariates,
    degrees_between,
    effect_size,
    effect_unit,
    per_slope,
    tested_together,
)

PANEL, BESIDE = 18.0, 24.0
"""Least width of a panel of sessions in a row of its own, and beside what the contrast compares (mm)."""

LOWER = 0.65
"""Height of a row where there are several, in heights of a single one."""

GROUP = 24.0
"""Least width of a group beside sessions (mm)."""

VIEW = 48.0
"""Least width of a panel of what the contrast compares (mm)."""

ROOM = 0.85
"""Share of the width that panels have, without the labels beside them."""

SMALL_P = 0.0001
"""A p-value below it is not spelled out."""


@figure("slopegraph")
def slopegraph(inputs: Inputs, recipe: Recipe) -> Figure:
    """Draw a panel of sessions per arm and condition, then what the contrast compares."""
    arms = [] if inputs.model.outcome in ONE_SESSION else sorted(inputs.analysed["arm"].unique())
    pairs = [(arm, condition) for arm in arms for condition in inputs.conditions]
    shown = views(inputs)
    rows = _widths(len(arms), len(inputs.conditions), shown, ROOM * recipe.width)
    row_height = recipe.height * (1 if len(rows) == 1 else LOWER)
    made = canvas(replace(recipe, height=row_height), len(rows))
    panels = _axes(made, rows, ROOM * recipe.width)
    widths = [width for row in rows for width in row]
    n = len(pairs)
    label = f"Mean connectivity {QUANTITIES[PRIMARY]} ({inputs.measure.unit.replace(' ', FIRM)})"
    _one_scale(panels[:n], wrapped(label, 0.75 * row_height))
    _one_scale(panels[n:], wrapped(value_label(inputs), 0.7 * row_height))
    _sessions(panels[:n], inputs, pairs, widths[:n])
    form, counted = form_of_means(shown), n == 0 or len(shown) > 1
    for axes, view, width in zip(panels[n:], shown, widths[n:], strict=True):
        draw_view(axes, view, inputs, form, width, counted=counted)
    made.supxlabel(wrapped(result_in_words(inputs), recipe.width - 4), fontsize=7)
    return made


def result_in_words(inputs: Inputs) -> str:
    """Return the contrast with its interval, effect size and p-value, in one sentence."""
    found, summary = inputs.summary["primary"], inputs.summary
    if found["statistic"] is None:
        return f"Not tested: {inputs.domain_tests['reason'].iloc[0]}."
    adjusted = f", {covariates(summary)}" if covariates(summary) else ""
    mixed = summary["method"] == "mixed"
    of = "F" if tested_together(summary) else "t"
    by = f"{of} with Satterthwaite’s degrees of freedom" if mixed else summary["exchangeability"]
    n = f"n = {summary['n']}" + (f", {summary['n_sessions']} sessions" if summary["n_sessions"] else "")
    parts = (
        f"{effect_label(summary)}{adjusted}: {_estimate(inputs)}",
        _effect_size(inputs),
        f"{_p(found['p'])} by {by}",
        f"{n}.".replace(" ", FIRM),
    )
    return "; ".join(filter(None, parts))


def _estimate(inputs: Inputs) -> str:
    """Return the estimate with its interval, or F where several contrasts are tested together."""
    found, summary = inputs.summary["primary"], inputs.summary
    if tested_together(summary):
        degrees = f"{degrees_between(summary)},{FIRM}{number(found['df'], '.3g')}"
        return f"F({degrees}) = {number(found['statistic'], '.2f')}".replace(" ", FIRM)
    arms = [] if Contrast.of(summary).slopes else [arm["mean_change"] for arm in summary["arms"]]
    form = form_of([found["estimate"], found["ci_low"], found["ci_high"], *arms])
    level = f"{100 * summary['confidence']:g}{FIRM}% interval"
    bounds = _range(found["ci_low"], found["ci_high"], form)
    return f"{number(found['estimate'], form)} {effect_unit(summary)} ({level} {bounds})"


def _effect_size(inputs: Inputs) -> str:
    """Return the effect size with its interval, if the model has one."""
    found, summary = inputs.summary["primary"], inputs.summary
    if summary["correlation"] in RANKED:
        return ""
    if summary["relation"] and found.get("r") is not None:
        name = effect_size(summary).replace(" ", FIRM)
        return f"{name}{FIRM}={FIRM}{number(found['r'], '.2f')} ({_range(found['r_low'], found['r_high'], '.2f')})"
    if found["g"] is None:
        return ""
    slope = per_slope(summary) and not tested_together(summary)
    form = form_of([found["g"], found["g_low"], found["g_high"]]) if slope else ".2f"
    size, bounds = number(found["g"], form), _range(found["g_low"], found["g_high"], form)
    if tested_together(summary):
        return f"Cohen's{FIRM}f {size} ({bounds})"
    per = f" {per_slope(summary)}" if per_slope(summary) else ""
    if summary["method"] == "mixed":
        return f"{size} total standard deviations{per} ({bounds})"
    return f"Hedges'{FIRM}g {size}{per} ({bounds})"


def _widths(n_arms: int, n_conditions: int, shown: Sequence[View], room: float) -> list[list[float]]:
    """Return the widths of panels (mm), row by row: of sessions, then of views; all in one row if they fit."""
    n = n_arms * n_conditions
    if n and len(shown) == 1:
        view = shown[0]
        points = view.kind == "points"
        share = 0.5 + 0.5 * len(view.groups) if points else 1.0 + 0.5 * min(n, 3)
        last = max(room * share / (n + share), GROUP * len(view.groups) if points else VIEW)
        if room - last >= BESIDE * n:
            return [[*[(room - last) / n] * n, last]]
    below = _rows_of_views(shown, room)
    if not n:
        return below
    n_rows = ceil(n_arms / max(1, int(room / PANEL) // n_conditions))
    each = ceil(n_arms / n_rows) * n_conditions
    sessions = [[room / each] * min(each, n - start) for start in range(0, n, each)]
    return [*sessions, *below]


def _rows_of_views(shown: Sequence[View], room: float) -> list[list[float]]:
    """Return the widths of views (mm) row by row: in one row if each keeps its least width, else one a row."""
    natural = np.array([view.width for view in shown])
    least = sum(max(VIEW, GROUP / 2 * len(view.groups)) if view.kind == "points" else VIEW for view in shown)
    if least <= room:
        return [list(natural * min(1.0, room / natural.sum()))] if shown else []
    return [[min(width, room)] for width in natural]


def _axes(made: Figure, rows: Sequence[Sequence[float]], room: float) -> list[Axes]:
    """Return a panel for each width, row by row; a row that is narrower than its room stands in the middle."""
    grid, found = made.add_gridspec(len(rows), 1), []
    for place, row in enumerate(rows):
        margin = [(room - sum(row)) / 2] if sum(row) < 0.99 * room else []
        inner = grid[place].subgridspec(1, len(row) + 2 * len(margin), width_ratios=[*margin, *row, *margin])
        found += [made.add_subplot(inner[len(margin) + column]) for column in range(len(row))]
    return found


def _one_scale(panels: Sequence[Axes], label: str) -> None:
    """Give empty panels one scale, and a label to the first of each row."""
    height = [round(axes.get_position().y0, 6) for axes in panels]
    for place, axes in enumerate(panels):
        first = place == 0 or height[place] != height[place - 1]
        if place:
            axes.sharey(panels[0])
        axes.tick_params(labelleft=first)
        axes.set_ylabel(label if first else "")


def _sessions(
    panels: Sequence[Axes], inputs: Inputs, pairs: Sequence[tuple[str, str]], widths: Sequence[float]
) -> None:
    """Draw the sessions of each arm and condition, in a panel each."""
    mixed = inputs.model.outcome == "sessions"
    sessions = sessions_of(inputs) if mixed else pd.DataFrame()
    for axes, (arm, condition), width in zip(panels, pairs, widths, strict=True):
        colour = arm_colours(inputs)[arm]
        people = inputs.analysed.loc[inputs.analysed["arm"] == arm, "participant_id"]
        if mixed:
            own = sessions[sessions["participant_id"].isin(people) & (sessions["condition"] == condition)]
            _over_time(axes, own, colour, inputs.model.confidence, weeks=in_weeks(sessions))
            count = f"n = {own['participant_id'].nunique()}, {len(own)} sessions"
        else:
            _lines(axes, phase_values(inputs, list(people), condition), colour, inputs.model.confidence)
            count = f"n = {len(people)}"
        title = label_of(arm, inputs.model, condition)
        axes.set_title(headed(f"{title}\n{count}", width - 1))


def _lines(axes: Axes, values: pd.DataFrame, colour: str, confidence: float) -> None:
    for row in values.to_numpy():
        axes.plot([0, 1], row, color=colour, alpha=0.45, linewidth=0.8, marker="o", markersize=2.2)
    for place, phase in ((-0.16, "pre"), (1.16, "post")):
        mean_with_interval(axes, place, mean_of(values[phase].to_numpy(), confidence), colour)
    axes.set(xticks=[0, 1], xticklabels=PHASES, xlim=(-0.4, 1.4))


def _over_time(axes: Axes, sessions: pd.DataFrame, colour: str, confidence: float, *, weeks: bool) -> None:
    """Draw the sessions of every participant over time, and the mean of each kind of session."""
    for _, own in sessions.groupby("participant_id"):
        axes.plot(own["time"], own[PRIMARY], color=colour, alpha=0.4, linewidth=0.8, marker="o", markersize=2.2)
    kinds = [own for _, own in sessions.groupby("label")]
    kinds.sort(key=lambda own: own["time"].mean())
    means = [(own["time"].mean(), *mean_of(own[PRIMARY].to_numpy(), confidence)) for own in kinds]
    axes.plot([at for at, *_ in means], [mean for _, mean, *_ in means], color=colour, linewidth=1.6)
    for at, *found in means:
        mean_with_interval(axes, at, found, colour)
    if weeks:
        axes.set_xlabel("Time (weeks)")
        axes.margins(x=0.1)
    else:
        names = [_name_of(own.iloc[0]) for own in kinds]
        axes.set(xticks=[at for at, *_ in means], xticklabels=names)
        axes.margins(x=0.25)


def _name_of(session: pd.Series[Any]) -> str:
    """Return the phase of a session, or its label where the phase does not tell it from others."""
    return str(session["phase"] if session["phase"] in PHASES else session["label"])


def _p(p: float | None) -> str:
    text = f"<{FIRM}{SMALL_P:.4f}" if p is not None and p < SMALL_P else f"={FIRM}{number(p, '.2g')}"
    return f"p{FIRM}{text}"


def _range(low: float | None, high: float | None, form: str) -> str:
    return f"{number(low, form)}{FIRM}to{FIRM}{number(high, form)}"
