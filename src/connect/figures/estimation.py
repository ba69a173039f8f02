"""What a contrast compares, a point for each participant: groups side by side, or a scatter with fitted lines.

Groups stand beside their mean with its t interval (after Gardner and Altman 1986 and Ho et al. 2019,
doi:10.1038/s41592-019-0470-3).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from scipy import stats

from connect.figures import number, small, wrapped
from connect.inference import interval

Bounded = tuple[float, float, float]
"""Mean and the bounds of its interval."""

STEP = 0.045
"""Distance of points side by side, where groups are 1 apart."""

WIDEST = 0.3
"""Largest width of the points of a group."""

CROWDED = 18.0
"""Width of a group (mm) below which its label is small."""

ROWS = 30
"""Heights at which points are told apart."""


@dataclass(frozen=True)
class Group:
    """Participants who are shown together.

    Parameters
    ----------
    name
        What stands below or beside them.
    values
        A value of each ``(n,)``; NaN is not drawn.
    mean
        Mean and its interval.
    colour
        Colour of points and lines.
    x
        Value of the column against which values are plotted ``(n,)``, in a scatter.
    """

    name: str
    values: np.ndarray
    mean: Bounded
    colour: str
    x: np.ndarray = field(default_factory=lambda: np.empty(0))

    @property
    def pairs(self) -> tuple[np.ndarray, np.ndarray]:
        """The column and the values of those who have both."""
        there = np.isfinite(self.x) & np.isfinite(self.values)
        return self.x[there], self.values[there]


def points(axes: Axes, groups: Sequence[Group], form: str, width: float, *, counted: bool) -> None:
    """Draw the values of groups side by side, each with its mean and interval.

    Parameters
    ----------
    axes
        Where to draw.
    groups
        From left to right.
    form
        Number format of the means.
    width
        Room of a group's label (mm).
    counted
        Whether labels say how many participants a group has.
    """
    shown = _finite([group.values for group in groups])
    height = (np.ptp(shown) if shown.size else 0.0) / ROWS or 1.0
    for place, group in enumerate(groups):
        found = _finite([group.values])
        x = place - 0.17 + beside(found, height)
        axes.scatter(x, found, s=9, color=group.colour, alpha=0.6, linewidths=0)
        mean_with_interval(axes, place + 0.17, group.mean, group.colour)
    axes.set(xticks=range(len(groups)), xlim=(-0.6, len(groups) - 0.4))
    axes.set_xticklabels([_label(group, form, width, counted=counted) for group in groups])
    if width < CROWDED:
        axes.tick_params(axis="x", labelsize=small())


def scatter(axes: Axes, groups: Sequence[Group], confidence: float) -> None:
    """Draw values against a column, with a least-squares line for each group and the interval of its height."""
    for group in groups:
        x, values = group.pairs
        axes.scatter(x, values, s=11, color=group.colour, alpha=0.7, linewidths=0, label=group.name)
        if len(x) > 2 and np.ptp(x) > 0:
            at, middle, half = line(x, values, confidence)
            axes.plot(at, middle, color=group.colour, linewidth=1.4)
            axes.fill_between(at, middle - half, middle + half, color=group.colour, alpha=0.15, linewidth=0)


def parallel(axes: Axes, groups: Sequence[Group]) -> None:
    """Draw values against a column, with least-squares lines of one slope and a height for each group."""
    there = [group for group in groups if len(group.pairs[0])]
    centred = [[part - part.mean() for part in group.pairs] for group in there]
    square = sum(float(across @ across) for across, _ in centred)
    slope = sum(float(across @ up) for across, up in centred) / square if square else 0.0
    for group in there:
        x, values = group.pairs
        axes.scatter(x, values, s=11, color=group.colour, alpha=0.7, linewidths=0, label=group.name)
        ends = np.array([x.min(), x.max()])
        axes.plot(ends, values.mean() + slope * (ends - x.mean()), color=group.colour, linewidth=1.4)


def line(x: np.ndarray, values: np.ndarray, confidence: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return where a least-squares line is drawn, its height there, and half of the t interval of that height."""
    slope, height = np.polynomial.polynomial.polyfit(x - x.mean(), values, 1)[::-1]
    at, n = np.linspace(x.min(), x.max(), 50), len(x)
    middle = height + slope * (at - x.mean())
    spread = np.sum((values - height - slope * (x - x.mean())) ** 2) / (n - 2)
    error = np.sqrt(spread * (1 / n + (at - x.mean()) ** 2 / np.sum((x - x.mean()) ** 2)))
    return at, middle, stats.t.ppf((1 + confidence) / 2, n - 2) * error


def mean_with_interval(axes: Axes, x: float, found: Sequence[float], colour: str) -> None:
    """Draw a mean as a diamond with its interval."""
    mean, low, high = found
    axes.errorbar(
        [x], [mean], yerr=[[mean - low], [high - mean]], color=colour, marker="D", markersize=4,
        markeredgecolor="black", markeredgewidth=0.5, linewidth=1.4, capsize=2.5, zorder=4,
    )  # fmt: skip


def mean_of(values: np.ndarray, confidence: float) -> Bounded:
    """Return mean and t interval of the values that are there; NaN bounds for fewer than two."""
    found = _finite([values])
    if found.size < 2:
        return (float(found[0]) if found.size else np.nan), np.nan, np.nan
    return interval(found, confidence)


def stated(arm: Mapping[str, Any]) -> Bounded:
    """Return the mean and interval that the summary of a model states of an arm."""
    mean, low, high = (np.nan if arm[key] is None else arm[key] for key in ("mean_change", "ci_low", "ci_high"))
    return mean, low, high


def beside(values: np.ndarray, height: float) -> np.ndarray:
    """Return how far each value is moved to the side ``(n,)``, so that values of one height do not hide each other.

    Values within a height of each other stand in a row, from its middle to both sides.
    """
    rows, moved = np.floor((values - values.min(initial=0)) / height), np.zeros(len(values))
    for row in np.unique(rows):
        own = np.flatnonzero(rows == row)
        place = np.arange(len(own))
        place = (place + 1) // 2 * (-1) ** place
        moved[own] = (place - place.mean()) * min(STEP, WIDEST / max(1, len(own) - 1))
    return moved


def _label(group: Group, form: str, width: float, *, counted: bool) -> str:
    n = [f"n = {_finite([group.values]).size}"] if counted else []
    lines = (group.name, *n, f"mean {number(group.mean[0], form)}")
    return "\n".join(wrapped(line, width - 1, small() if width < CROWDED else None) for line in lines)


def _finite(values: Sequence[np.ndarray]) -> np.ndarray:
    """Return the values that are there, of all arrays."""
    found = np.concatenate([np.empty(0), *values])
    there: np.ndarray = found[np.isfinite(found)]
    return there
