"""Connectivity against a measure of the person, a point for each participant, and the correlations of every quantity.

Both axes are adjusted for the covariates of the model: what the covariates explain is taken off, and the mean added
again (added-variable plot; Cook and Weisberg 1982), so that the line is the slope of the model. Where arms are
compared, each has its own line, and the measure is shown as it is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from scipy import stats

from connect.figures import FIRM, ONE_GROUP, Inputs, arm_colours, canvas, figure, wrapped
from connect.figures.compared import value_label
from connect.figures.participants import change_of, sessions_of, values_before
from connect.figures.slopegraph import result_in_words
from connect.formulas import has_baseline
from connect.parcels import PRIMARY, QUANTITIES
from connect.people import word
from connect.question import Question, question
from connect.settings.figure import Figure as Recipe
from connect.settings.model import RANKED
from connect.words import covariates, with_unit

SCATTER, FOREST = 0.6, 0.4
"""Shares of the width."""


@dataclass(frozen=True)
class Cloud:
    """Points of a relation.

    Parameters
    ----------
    x, y
        Measure and connectivity ``(n,)``, adjusted for covariates.
    group
        Arm, or participant in a model of all sessions, of each ``(n,)``; empty names where there are none.
    lines
        Whether each group has a line of its own, all of one slope, or there is one for all.
    df
        Residual degrees of freedom of the model.
    """

    x: np.ndarray
    y: np.ndarray
    group: np.ndarray
    lines: str
    df: float


@figure("relation")
def relation(inputs: Inputs, recipe: Recipe) -> Figure:
    """Draw connectivity against the measure, and beside it the correlation of every domain-level quantity."""
    made = canvas(recipe)
    left, right = made.subplots(1, 2, width_ratios=(SCATTER, FOREST))
    cloud = cloud_of(inputs)
    _scatter(left, cloud, inputs, SCATTER * recipe.width)
    _forest(right, inputs, FOREST * recipe.width)
    made.supxlabel(wrapped(result_in_words(inputs), recipe.width), fontsize=7)
    return made


def cloud_of(inputs: Inputs) -> Cloud:
    """Return the points of a relation, adjusted for the covariates of its model."""
    if inputs.model.outcome == "sessions":
        return _of_sessions(inputs)
    rows = inputs.analysed.assign(part=0)
    asked = question(rows, inputs.model, inputs.model.question)
    y = np.asarray(asked.correlated(change_of(inputs)["change"].to_numpy(dtype=np.float64)[:, None]))[:, 0]
    if " : " in inputs.model.contrast:
        return _moderated(inputs, asked, y)
    nuisance = asked.design.nuisance
    if has_baseline(inputs.model):
        before = np.asarray(asked.correlated(values_before(inputs)[:, None]))
        nuisance = np.column_stack([nuisance, before])
    x = asked.design.effect[:, 0] + _shown(inputs, asked).mean()
    names = rows[asked.arm_column].map(word).to_numpy() if asked.arm_column else np.full(len(rows), "")
    return Cloud(_left(x, nuisance) + x.mean(), _left(y, nuisance) + y.mean(), names, "one", float(asked.df))


def _shown(inputs: Inputs, asked: Question) -> np.ndarray:
    values = inputs.analysed[[inputs.model.relation]].to_numpy(dtype=np.float64)
    return np.asarray(asked.correlated(values))[:, 0]


def _moderated(inputs: Inputs, asked: Question, y: np.ndarray) -> Cloud:
    """Return connectivity without what covariates explain besides the arms, the measure and their product."""
    matrix, name, arm = asked.asked.matrix, inputs.model.relation, asked.asked.arms
    weights = np.linalg.lstsq(matrix, y, rcond=None)[0]
    other = np.array([not _about(column, name, arm) and column != "Intercept" for column in asked.asked.columns])
    centred = matrix[:, other] - matrix[:, other].mean(axis=0)
    names = inputs.analysed[arm].map(word).to_numpy() if arm else np.full(len(y), "")
    return Cloud(_shown(inputs, asked), y - centred @ weights[other], names, "each", float(asked.df))


def _about(column: str, name: str, arm: str) -> bool:
    parts = {part.split("[")[0].removeprefix("C(").rstrip(")") for part in column.split(":")}
    return parts <= {name, arm}


def _of_sessions(inputs: Inputs) -> Cloud:
    """Return the sessions of each participant."""
    sessions = sessions_of(inputs)
    known = sessions[sessions[inputs.model.relation].notna()]
    x, y = (known[name].to_numpy(dtype=np.float64) for name in (inputs.model.relation, PRIMARY))
    return Cloud(x, y, known["participant_id"].to_numpy(), "parallel", float(inputs.summary["primary"]["df"] or np.nan))


def _left(values: np.ndarray, nuisance: np.ndarray) -> np.ndarray:
    """Return what nuisance columns do not explain ``(n,)``."""
    basis = np.linalg.qr(nuisance)[0]
    found: np.ndarray = values - basis @ (basis.T @ values)
    return found


def _scatter(axes: Axes, cloud: Cloud, inputs: Inputs, width: float) -> None:
    colours = {"": ONE_GROUP, **_colours(inputs, cloud)}
    for name in dict.fromkeys(cloud.group):
        own = cloud.group == name
        colour = colours.get(name, ONE_GROUP)
        label = f"{name} (n = {own.sum()})" if cloud.lines != "parallel" and name else None
        axes.scatter(cloud.x[own], cloud.y[own], s=12, color=colour, alpha=0.75, linewidths=0, label=label)
        if cloud.lines == "each":
            _line(axes, cloud.x[own], cloud.y[own], colour, inputs.model.confidence, int(own.sum()) - 2)
    if cloud.lines == "one":
        _line(axes, cloud.x, cloud.y, "black", inputs.model.confidence, cloud.df)
    if cloud.lines == "parallel":
        _parallel(axes, cloud, inputs)
    _region(axes, inputs)
    suffix = {"spearman": ", rank", "percentage-bend": ", bent"}.get(inputs.model.correlation, "")
    adjusted = bool(covariates(inputs.summary)) and cloud.lines != "parallel"
    note = ", adjusted" if adjusted else ""
    x_note = "" if cloud.lines == "each" else note
    axes.set_xlabel(wrapped(with_unit(inputs.model.relation, inputs.summary) + suffix + x_note, 0.9 * width))
    text = f"{QUANTITIES[PRIMARY]}: ".replace(" x ", " × ") + value_label(inputs)
    axes.set_ylabel(wrapped(text[:1].upper() + text[1:] + suffix + note, 0.6 * width))
    axes.xaxis.set_major_locator(MaxNLocator(6))
    n = f"n = {inputs.summary['n']}"
    sessions = inputs.summary["n_sessions"]
    axes.set_title(f"{n}, {sessions} sessions" if sessions else f"{n} participants")
    if any(axes.get_legend_handles_labels()[1]):
        axes.legend(loc="best")


def _colours(inputs: Inputs, cloud: Cloud) -> dict[str, str]:
    """Return the colour of each group: arms have theirs, participants are alike."""
    if cloud.lines == "parallel":
        return {}
    names = sorted(set(cloud.group) - {""})
    known = arm_colours(inputs)
    others = arm_colours(replace(inputs, summary={**inputs.summary, "arm_column": _column(inputs, names)}))
    return {name: known.get(name, others.get(name, ONE_GROUP)) for name in names}


def _column(inputs: Inputs, names: list[str]) -> str:
    """Return the participants' column that has these levels."""
    found = (name for name in inputs.people if set(names) <= set(inputs.people[name].map(word).dropna()))
    return str(next(found, ""))


def _line(axes: Axes, x: np.ndarray, y: np.ndarray, colour: str, confidence: float, df: float) -> None:
    """Draw a least-squares line with the interval of its height, of residuals with some degrees of freedom."""
    if len(x) < 3 or df < 1 or np.ptp(x) == 0:
        return
    centred = x - x.mean()
    slope = centred @ y / (centred @ centred)
    left = y - y.mean() - slope * centred
    at = np.linspace(x.min(), x.max(), 60)
    middle = y.mean() + slope * (at - x.mean())
    error = np.sqrt((left @ left) / df * (1 / len(x) + (at - x.mean()) ** 2 / (centred @ centred)))
    half = stats.t.ppf((1 + confidence) / 2, df) * error
    axes.plot(at, middle, color=colour, linewidth=1.4)
    axes.fill_between(at, middle - half, middle + half, color=colour, alpha=0.15, linewidth=0)


def _parallel(axes: Axes, cloud: Cloud, inputs: Inputs) -> None:
    """Draw a line for each participant, all of the slope within participants."""
    slope = inputs.summary["primary"]["estimate"]
    for name in dict.fromkeys(cloud.group):
        own = cloud.group == name
        if slope is not None and own.sum() > 1:
            ends = np.array([cloud.x[own].min(), cloud.x[own].max()])
            axes.plot(ends, cloud.y[own].mean() + slope * (ends - cloud.x[own].mean()), color=ONE_GROUP, linewidth=0.8)


def _region(axes: Axes, inputs: Inputs) -> None:
    """Shade the values of the measure at which the arms differ (Johnson-Neyman)."""
    for low, high in (inputs.summary.get("region") or {}).get("ranges", ()):
        edges = axes.get_xlim()
        ends = (edges[0] if low is None else max(low, edges[0]), edges[1] if high is None else min(high, edges[1]))
        if ends[0] < ends[1]:
            axes.axvspan(*ends, color="#E69F00", alpha=0.12, linewidth=0, zorder=0, label="arms differ")
        axes.set_xlim(edges)


def _forest(axes: Axes, inputs: Inputs, width: float) -> None:
    """Draw the correlation of each domain-level quantity with its interval, the primary one on top."""
    table = inputs.domain_tests[inputs.domain_tests["r"].notna()].reset_index(drop=True)
    for place, row in enumerate(_rows(table)):
        colour = "black" if row["quantity"] == PRIMARY else ONE_GROUP
        axes.errorbar(
            [row["r"]], [place], xerr=[[row["r"] - row["r_low"]], [row["r_high"] - row["r"]]], color=colour, marker="o",
            markersize=4, linewidth=1.2, capsize=2,
        )  # fmt: skip
    axes.axvline(0, color="black", linewidth=0.6, linestyle=(0, (4, 3)))
    names = [wrapped(QUANTITIES.get(name, name).replace(" x ", " × "), 0.45 * width) for name in table["quantity"]]
    axes.set(yticks=range(len(table)), xlim=(-1, 1), ylim=(len(table) - 0.4, -0.6))
    axes.set_yticklabels(names)
    kind = {"spearman": "rank r", "percentage-bend": "bend r", "repeated": "r within participants"}
    name = kind.get(inputs.model.correlation, "r")
    partial = "Partial " if covariates(inputs.summary) and inputs.model.correlation != "repeated" else ""
    interval = f"{100 * inputs.model.confidence:g}{FIRM}%{FIRM}interval"
    axes.set_xlabel(wrapped(f"{partial}{name} with {interval}", width))
    if inputs.model.correlation in RANKED:
        axes.set_title("Correlations of ranks" if inputs.model.correlation == "spearman" else "Robust correlations")


def _rows(table: pd.DataFrame) -> list[dict[Any, Any]]:
    return table.to_dict("records")
