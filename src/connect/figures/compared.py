"""Panels of what a contrast compares: which groups there are, which numbers of theirs, and what stands at the axes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from connect.changes import Part
from connect.figures import FIRM, Inputs, arm_colours, form_of, group_label, headed, label_of, legend, wrapped
from connect.figures.estimation import Group, mean_of, parallel, points, scatter, stated
from connect.figures.participants import (
    change_of,
    comparisons,
    factors,
    groups_of,
    own_differences,
    slope_column,
    values_before,
    values_of_column,
)
from connect.formulas import OF_SESSIONS, has_baseline
from connect.parcels import PRIMARY, QUANTITIES
from connect.settings.model import OUTCOMES
from connect.words import Contrast, with_condition, with_unit

ONE_SESSION = ("pre", "post")
"""Outcomes that have no sessions to join."""

GROUP_WIDTH, SCATTER_WIDTH = 35.0, 75.0
"""Width of a group and of a scatter where there is room (mm)."""


@dataclass(frozen=True)
class View:
    """A panel of what the contrast compares: groups, how they are drawn, and under which condition they are."""

    kind: Literal["points", "scatter", "parallel"]
    groups: list[Group]
    condition: str = ""

    @property
    def width(self) -> float:
        """Width where there is room (mm)."""
        return GROUP_WIDTH * (0.5 + len(self.groups)) if self.kind == "points" else SCATTER_WIDTH


def views(inputs: Inputs) -> list[View]:
    """Return the panels of what the contrast compares, from left to right.

    There are none where the contrast is any difference among several phases or conditions of a model of all sessions:
    the sessions show it.
    """
    if inputs.model.outcome == "sessions" and set(OF_SESSIONS) & set(Contrast.of(inputs.summary).groups):
        return []
    column, compared, found = slope_column(inputs), comparisons(inputs), []
    for name, part in compared.items():
        x = values_of_column(inputs, column, part) if column else None
        groups = _groups(inputs, _compared(inputs, part), x, len(compared) == 1)
        found.append(View("scatter" if column else "points", groups, name))
    if inputs.model.outcome == "post" and has_baseline(inputs.model) and not column and len(compared) == 1:
        found.insert(0, View("parallel", _groups(inputs, change_of(inputs), values_before(inputs), True)))
    return found


def groups_compared(inputs: Inputs) -> list[Group]:
    """Return the groups whose numbers the contrast compares, under each condition that is tested with others.

    There are none where :func:`views` shows none.
    """
    if not views(inputs):
        return []
    compared = comparisons(inputs)
    return [
        replace(group, name=label_of(group.name if inputs.arm_column else "", inputs.model, name))
        for name, part in compared.items()
        for group in _groups(inputs, _compared(inputs, part), None, len(compared) == 1)
    ]


def value_label(inputs: Inputs) -> str:
    """Return the label of the axis of what the contrast compares, with its unit."""
    outcome, text = inputs.model.outcome, _value(inputs)[1]
    per_week = outcome == "rate" or (outcome == "sessions" and "weeks" in Contrast.of(inputs.summary).slopes)
    if len(comparisons(inputs)) == 1 and outcome != "sessions":
        text = with_condition(text, inputs.summary)
    unit = f"({inputs.measure.unit}{' per week' if per_week else ''})"
    return f"{text} {unit.replace(' ', FIRM)}"


def draw_view(axes: Axes, view: View, inputs: Inputs, form: str, width: float, *, counted: bool) -> None:
    """Draw a panel of some width (mm).

    Parameters
    ----------
    axes
        Where to draw.
    view
        What to draw.
    inputs
        The model.
    form
        Number format of means.
    width
        Width of the panel (mm).
    counted
        Whether groups say how many participants they have, because no other panel does.
    """
    interval, what = f"{100 * inputs.model.confidence:g} % interval", view.condition or _value(inputs)[0]
    if is_difference(inputs):
        axes.axhline(0, color="black", linewidth=0.6, linestyle=(0, (4, 3)))
    if view.kind == "points":
        points(axes, view.groups, form, width / len(view.groups), counted=counted)
        axes.set_title(headed(f"{what}: mean and\n{interval}", 0.8 * width))
        return
    if view.kind == "scatter":
        scatter(axes, view.groups, inputs.model.confidence)
        _name_groups(axes, view.groups, f"{what}: line and", interval, width)
        label = with_unit(slope_column(inputs), inputs.summary)
    else:
        parallel(axes, view.groups)
        _name_groups(axes, view.groups, f"{what}:", "lines of one slope", width)
        label = f"{with_condition('Connectivity before', inputs.summary)} ({inputs.measure.unit.replace(' ', FIRM)})"
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.set_xlabel(wrapped(label, 0.85 * width))


def form_of_means(shown: Sequence[View]) -> str:
    """Return the number format of the means in some panels."""
    return form_of([group.mean[0] for view in shown for group in view.groups if np.isfinite(group.mean[0])])


def _compared(inputs: Inputs, part: Part) -> pd.DataFrame:
    """Return the number of each analysed participant that the contrast compares, with their arm."""
    return own_differences(inputs) if inputs.model.outcome == "sessions" else change_of(inputs, part)


def _groups(inputs: Inputs, table: pd.DataFrame, x: np.ndarray | None, alone: bool) -> list[Group]:
    """Return groups of participants; what the summary states of arms is taken from there."""
    names, colours, values = groups_of(inputs), arm_colours(inputs), table["change"].to_numpy()
    of_arms = alone and inputs.model.outcome != "sessions" and len(factors(inputs)) <= 1
    said = {arm["arm"]: stated(arm) for arm in inputs.summary["arms"]} if of_arms else {}
    found = []
    for name in sorted(names.unique()):
        own = (names == name).to_numpy()
        mean = said.get(name) or mean_of(values[own], inputs.model.confidence)
        colour, across = colours[table["arm"][own].iloc[0]], np.empty(0) if x is None else x[own]
        found.append(Group(group_label(name, inputs.model), values[own], mean, colour, across))
    return found


def _name_groups(axes: Axes, groups: Sequence[Group], first: str, second: str, width: float) -> None:
    """Put a title of two parts above a scatter, with the groups and how many of each are shown."""
    if len(groups) == 1:
        axes.set_title(headed(f"{first}\n{second}, n = {len(groups[0].pairs[0])}", width))
        return
    handles, names = axes.get_legend_handles_labels()
    shown = {group.name: len(group.pairs[0]) for group in groups}
    for handle, name in zip(handles, names, strict=True):
        handle.set_label(f"{name} (n = {shown[name]})")
    legend(
        axes, handles, width, title=wrapped(f"{first} {second}", width), title_fontsize=7.5, loc="lower center",
        bbox_to_anchor=(0.5, 1), borderaxespad=0.2, handletextpad=0.2,
    )  # fmt: skip


def _value(inputs: Inputs) -> tuple[str, str]:
    """Return what the numbers of participants are, as a title and as the label of an axis, without the unit."""
    outcome, contrast = inputs.model.outcome, Contrast.of(inputs.summary)
    if outcome in ONE_SESSION:
        return OUTCOMES[
            outcome
        ].capitalize(), f"Mean connectivity {QUANTITIES[PRIMARY]}, {OUTCOMES[outcome].split()[1]}"
    if outcome != "sessions":
        return "Change", "Change, post − pre"
    pairs = [f"{first} − {second}" for name, first, second in contrast.pairs if name in OF_SESSIONS]
    if "weeks" in contrast.slopes:
        return "Slopes", ", ".join(["Slope of each participant", *pairs])
    if pairs:
        shown = pairs[0] if len(pairs) == 1 else " × ".join(f"({text})" for text in pairs)
        return "Differences", f"Difference in each participant, {shown}"
    return "Means of sessions", "Mean of each participant’s sessions"


def is_difference(inputs: Inputs) -> bool:
    """Return whether 0 stands for no difference in what the contrast compares."""
    of_sessions = any(name in OF_SESSIONS for name in Contrast.of(inputs.summary).names)
    changes = inputs.model.outcome in ("change", "rate") or (inputs.model.outcome == "sessions" and of_sessions)
    return changes or " - " in inputs.model.condition
