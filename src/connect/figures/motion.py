"""Head motion of every scan, before and after, kept or excluded."""

from __future__ import annotations

from dataclasses import replace
from math import ceil

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from connect.figures import (
    ONE_GROUP,
    PHASES,
    Inputs,
    arm_colours,
    canvas,
    figure,
    group_label,
    headed,
    legend,
    with_arms,
)
from connect.people import word
from connect.settings.figure import Figure as Recipe

UNKNOWN = "arm unknown"

PLACE = 12.0
"""Least width of a session in a panel (mm): arms that do not fit beside each other stand in rows."""

AXIS = 12.0
"""Width of the labels at the left (mm)."""

LOWER = 0.7
"""Height of a row where there are several, in heights of a single one."""


@figure("motion")
def motion(inputs: Inputs, recipe: Recipe) -> Figure:
    """Draw the mean FD of each scan in a panel per arm, sessions of a participant joined."""
    scans = scans_of(inputs)
    arms = sorted(scans["arm"].unique()) or [""]
    room = recipe.width - AXIS
    each = max(1, min(len(arms), int(room / (PLACE * len(PHASES) * len(inputs.conditions)))))
    rows = ceil(len(arms) / each)
    made = canvas(replace(recipe, height=recipe.height * (1 if rows == 1 else LOWER)), rows)
    panels = made.subplots(rows, each, sharey=True, squeeze=False)
    colours = {**arm_colours(inputs), UNKNOWN: ONE_GROUP}
    for axes, arm in zip(panels.flat, arms, strict=False):
        own = scans[scans["arm"] == arm]
        _panel(axes, own, inputs.conditions, colours[arm])
        axes.axhline(inputs.cohort.limits.mean_fd, color="black", linewidth=0.8, linestyle=(0, (4, 3)))
        axes.set_title(headed(f"{group_label(arm, inputs.model)}\n{counts(own)}", 0.9 * room / each))
    for axes in panels.flat[len(arms) :]:
        axes.remove()
    made.supylabel("Mean framewise displacement of a scan (mm)", fontsize="medium")
    panels[0, 0].set_ylim(bottom=0)
    legend(made, _handles(inputs), recipe.width, loc="outside lower center")
    return made


def scans_of(inputs: Inputs) -> pd.DataFrame:
    """Return every scan, kept or not, of the participants and conditions that the model is about, with their arm."""
    people = with_arms(inputs.people, inputs.summary["arm_column"])
    for column, allowed in inputs.model.where.items():
        people = people[people[column].map(word).isin(allowed)]
    label = inputs.kept["session_id"].str.removeprefix("ses-")
    scans = inputs.kept.assign(
        phase=label.map({key: session.phase for key, session in inputs.cohort.sessions.items()}),
        condition=label.map({key: session.condition for key, session in inputs.cohort.sessions.items()}),
    )
    scans = scans[scans["condition"].isin(inputs.conditions)]
    joined = scans.merge(people[["participant_id", "arm"]], on="participant_id", how="inner")
    return joined.assign(arm=joined["arm"].fillna(UNKNOWN))


def counts(scans: pd.DataFrame) -> str:
    """Return in words how many participants and scans there are, and how many are excluded or have no value."""
    words = [f"n = {scans['participant_id'].nunique()}, {len(scans)} scans"]
    excluded, missing = (scans["kept"] == "no").sum(), scans["mean_fd"].isna().sum()
    words += [f"{excluded} excluded"] if excluded else []
    words += [f"{missing} without FD"] if missing else []
    return ", ".join(words)


def _panel(axes: Axes, scans: pd.DataFrame, conditions: tuple[str, ...], colour: str) -> None:
    places = {pair: n for n, pair in enumerate((condition, phase) for condition in conditions for phase in PHASES)}
    x = pd.Series(list(zip(scans["condition"], scans["phase"], strict=True)), index=scans.index).map(places)
    scans = scans.assign(x=x)
    for _, own in scans.groupby(["participant_id", "condition"]):
        means = own.groupby("x")["mean_fd"].mean()
        axes.plot(means.index, means, color=colour, alpha=0.35, linewidth=0.8, zorder=1)
    kept = scans[scans["kept"] == "yes"]
    lost = scans[scans["kept"] == "no"]
    axes.scatter(kept["x"], kept["mean_fd"], s=9, color=colour, alpha=0.7, linewidths=0)
    axes.scatter(lost["x"], lost["mean_fd"], s=20, color="black", marker="x", linewidths=1, zorder=3)
    labels = [f"{phase}\n{condition}".rstrip() for condition, phase in places]
    axes.set(xticks=list(places.values()), xticklabels=labels, xlim=(-0.4, len(places) - 0.6))


def _handles(inputs: Inputs) -> list[Line2D]:
    limit = f"limit, {inputs.cohort.limits.mean_fd:g} mm"
    return [
        Line2D([], [], color=ONE_GROUP, marker="o", markersize=3, linestyle="", label="kept"),
        Line2D([], [], color="black", marker="x", markersize=4, linestyle="", label="excluded, for any reason"),
        Line2D([], [], color="black", linewidth=0.8, linestyle=(0, (4, 3)), label=limit),
    ]
