"""The primary quantity of every participant, before and after, and the change beside it.

The last panel shows every change next to the mean change with its interval (after Gardner and Altman 1986 and Ho et
al. 2019, doi:10.1038/s41592-019-0470-3); the contrast of the model stands below in words.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from connect.changes import CHANGE, weights
from connect.figures import (
    FIRM,
    PHASES,
    Inputs,
    arm_colours,
    canvas,
    covariates,
    effect_label,
    figure,
    form_of,
    group_label,
    number,
    with_condition,
    wrapped,
)
from connect.inference import interval
from connect.outcome import PHASES as PHASES_OF
from connect.parcels import PRIMARY, QUANTITIES
from connect.settings.figure import Figure as Recipe

JITTER = 0.07
SEED = 1


@figure("slopegraph")
def slopegraph(inputs: Inputs, recipe: Recipe) -> Figure:
    """Draw a panel of lines per arm and condition, then the changes of all arms."""
    people = inputs.analysed
    arms = sorted(people["arm"].unique())
    panels = [(arm, condition) for arm in arms for condition in inputs.conditions]
    made = canvas(recipe)
    ratios = np.array([*[1.0] * len(panels), 0.5 + 0.5 * len(arms)])
    *slopes, last = made.subplots(1, len(ratios), width_ratios=list(ratios))
    widths = 0.85 * recipe.width * ratios / ratios.sum()
    for axes, (arm, condition) in zip(slopes, panels, strict=True):
        axes.sharey(slopes[0])
        axes.tick_params(labelleft=axes is slopes[0])
        own = people.loc[people["arm"] == arm, "participant_id"]
        _lines(axes, phase_values(inputs, list(own), condition), arm_colours(inputs)[arm], inputs.model.confidence)
        title = ", ".join(filter(None, (group_label(arm, inputs.model), condition)))
        axes.set_title(f"{wrapped(title, widths[0])}\nn = {len(own)}")
    slopes[0].set_ylabel(f"Mean connectivity {QUANTITIES[PRIMARY]} ({inputs.measure.unit})")
    _changes(last, inputs, change_of(inputs), widths[-1] / len(arms))
    change = f"{with_condition('Change, post − pre', inputs.summary)} ({inputs.measure.unit})"
    last.set_ylabel(wrapped(change, 0.6 * recipe.height))
    made.supxlabel(wrapped(result_in_words(inputs), recipe.width), fontsize=7)
    return made


def phase_values(inputs: Inputs, participants: list[str], condition: str) -> pd.DataFrame:
    """Return the primary quantity of participants (rows) before and after (columns) under one condition."""
    values = _named_conditions(inputs.session_values)
    chosen = values["participant_id"].isin(participants) & (values["condition"] == condition)
    wide = values[chosen].pivot_table(index="participant_id", columns="phase", values=PRIMARY, dropna=False)
    return wide.reindex(index=participants, columns=list(PHASES))


def change_of(inputs: Inputs) -> pd.DataFrame:
    """Return the change of each analysed participant, as the model takes it, with their arm."""
    sessions = _named_conditions(inputs.session_values)
    people = inputs.analysed
    changes = []
    for participant in people["participant_id"]:
        kernel = weights(sessions, inputs.part, participant, PHASES_OF.get(inputs.model.outcome, CHANGE))
        changes.append(np.nan if kernel is None else kernel[kernel != 0] @ sessions.loc[kernel != 0, PRIMARY])
    return people[["participant_id", "arm"]].assign(change=changes).reset_index(drop=True)


def result_in_words(inputs: Inputs) -> str:
    """Return the contrast with its interval, effect size and p-value, in one sentence."""
    found, summary = inputs.summary["primary"], inputs.summary
    if found["estimate"] is None:
        return f"Not tested: {inputs.domain_tests['reason'].iloc[0]}."
    level = f"{100 * summary['confidence']:g} % interval"
    adjusted = f", {covariates(summary)}" if covariates(summary) else ""
    form = _form(inputs)
    parts = (
        f"{effect_label(summary)}{adjusted}: {number(found['estimate'], form)} {inputs.measure.unit} "
        f"({level} {_range(found['ci_low'], found['ci_high'], form)})",
        f"Hedges' g {number(found['g'], '.2f')} ({_range(found['g_low'], found['g_high'], '.2f')})",
        f"p = {number(found['p'], '.2g')} by {summary['exchangeability']}".replace(" ", FIRM),
        f"n = {summary['n']}.".replace(" ", FIRM),
    )
    return "; ".join(parts)


def _lines(axes: Axes, values: pd.DataFrame, colour: str, confidence: float) -> None:
    for row in values.to_numpy():
        axes.plot([0, 1], row, color=colour, alpha=0.45, linewidth=0.8, marker="o", markersize=2.2)
    for place, phase in ((-0.16, "pre"), (1.16, "post")):
        _mean(axes, place, _interval(values[phase].to_numpy(), confidence), colour)
    axes.set(xticks=[0, 1], xticklabels=PHASES, xlim=(-0.4, 1.4))


def _changes(axes: Axes, inputs: Inputs, changes: pd.DataFrame, width: float) -> None:
    rng = np.random.default_rng(SEED)
    axes.axhline(0, color="black", linewidth=0.6, linestyle=(0, (4, 3)))
    arms = inputs.summary["arms"]
    for place, arm in enumerate(arms):
        own = changes.loc[changes["arm"] == arm["arm"], "change"].to_numpy()
        colour = arm_colours(inputs)[arm["arm"]]
        x = place - 0.15 + rng.uniform(-JITTER, JITTER, own.size)
        axes.scatter(x, own, s=9, color=colour, alpha=0.6, linewidths=0)
        _mean(axes, place + 0.15, [_or_nan(arm[key]) for key in ("mean_change", "ci_low", "ci_high")], colour)
    form = _form(inputs)
    names = [wrapped(group_label(arm["arm"], inputs.model), width) for arm in arms]
    labels = [f"{name}\nmean {number(arm['mean_change'], form)}" for name, arm in zip(names, arms, strict=True)]
    axes.set(xticks=range(len(arms)), xticklabels=labels, xlim=(-0.6, len(arms) - 0.4))
    axes.set_title(f"Change: mean and\n{100 * inputs.model.confidence:g} % interval")


def _mean(axes: Axes, x: float, found: Sequence[float], colour: str) -> None:
    mean, low, high = found
    axes.errorbar(
        [x], [mean], yerr=[[mean - low], [high - mean]], color=colour, marker="D", markersize=4,
        markeredgecolor="black", markeredgewidth=0.5, linewidth=1.4, capsize=2.5, zorder=4,
    )  # fmt: skip


def _named_conditions(values: pd.DataFrame) -> pd.DataFrame:
    """Return the values with an empty name where there is no condition, as the model has it."""
    return values.assign(condition=values["condition"].astype(object).where(values["condition"].notna(), ""))


def _form(inputs: Inputs) -> str:
    """Return the number format of estimates in this figure."""
    primary, arms = inputs.summary["primary"], inputs.summary["arms"]
    return form_of([primary["estimate"], primary["ci_low"], primary["ci_high"], *(arm["mean_change"] for arm in arms)])


def _or_nan(value: float | None) -> float:
    return np.nan if value is None else value


def _range(low: float | None, high: float | None, form: str) -> str:
    return f"{number(low, form)}{FIRM}to{FIRM}{number(high, form)}"


def _interval(values: np.ndarray, confidence: float) -> tuple[float, float, float]:
    """Return mean and t interval of the values that are there; NaN bounds for fewer than two."""
    found = values[np.isfinite(values)]
    if found.size < 2:
        return (float(found[0]) if found.size else np.nan), np.nan, np.nan
    return interval(found, confidence)
