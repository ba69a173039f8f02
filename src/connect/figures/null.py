"""What chance gives: the statistic under every arrangement of the participants, beside the observed one.

First the primary quantity, which is tested alone; then the largest statistic of all edges, by which they are corrected
(Westfall and Young 1993). Arrangements that reach the observed value are coloured: their share is p.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from connect.figures import FIRM, Inputs, canvas, figure, number, wrapped
from connect.parcels import PRIMARY, QUANTITIES
from connect.settings.figure import Figure as Recipe
from connect.words import counted, counted_over, tested_together

REST, REACHING = "#C8C8C8", "#D55E00"
DASHED = (0, (4, 3))

NARROW, TALLER = 120.0, 1.8
"""Width (mm) below which the panels stand below each other, and how much higher the figure is then."""

FEWEST, MOST = 16, 48
"""Bars of a histogram."""

ROUNDING = 1e-6
"""Relative difference below which two values count as equal."""


@dataclass(frozen=True)
class Null:
    """A null distribution: the statistic in each arrangement ``(n_arrangements,)``, the observed one first."""

    statistic: np.ndarray

    @property
    def size(self) -> np.ndarray:
        """How far from 0 each is."""
        found: np.ndarray = np.abs(self.statistic)
        return found

    @property
    def reaching(self) -> np.ndarray:
        """Which arrangements are at least as far from 0 as the observed one; their share is p."""
        found: np.ndarray = self.size >= self.size[0]
        return found

    def critical(self, alpha: float) -> float:
        """Return the smallest size whose p is at most ``alpha``; infinite where there are too few arrangements."""
        ordered = np.sort(self.size)[::-1]
        last = ordered[int(np.floor(alpha * ordered.size + ROUNDING))]
        enough = ordered[ordered > last * (1 + ROUNDING)]
        return float(enough[-1]) if enough.size else np.inf


@figure("null_distribution")
def null_distribution(inputs: Inputs, recipe: Recipe) -> Figure:
    """Draw the null distribution of the primary quantity, and of the largest statistic of all edges."""
    narrow = recipe.width < NARROW
    made = canvas(replace(recipe, height=recipe.height * TALLER) if narrow else recipe)
    width = recipe.width * (0.9 if narrow else 0.45)
    left, right = made.subplots(2) if narrow else made.subplots(1, 2)
    primary, edges = (Null(inputs.nulls[name].to_numpy()) for name in ("primary", "edges"))
    name = QUANTITIES[PRIMARY]
    _panel(left, primary, inputs, [f"a  {name.capitalize()}", *_primary_told(primary, inputs)], width)
    _panel(right, edges, inputs, ["b  Edges", *_edges_told(edges, inputs)], width)
    left.set_xlabel(wrapped(f"{_statistic(inputs)} in each arrangement of participants", width))
    largest = "F" if tested_together(inputs.summary) else "|t|"
    right.set_xlabel(wrapped(f"Largest {largest} of {inputs.summary['tested']['edge']:,} edges", width))
    made.supylabel("Arrangements", fontsize=7)
    made.legend(handles=_handles(inputs), loc="outside lower center", ncols=2, handlelength=1.5)
    return made


def _statistic(inputs: Inputs) -> str:
    name = "F" if tested_together(inputs.summary) else "t"
    return f"{name} of whitened residuals" if inputs.summary["method"] == "mixed" else name


def _primary_told(found: Null, inputs: Inputs) -> list[str]:
    """Return p and what it was counted over; in a mixed model beside the p of the tables, which is not counted."""
    summary, p = inputs.summary, f"p{FIRM}={FIRM}{number(float(found.reaching.mean()), '.4f')}"
    told = [f"{p} ({counted_over(summary, int(found.reaching.sum()))})", _values(found, inputs)]
    if summary["method"] != "mixed":
        return told
    return [*told, f"by {counted(summary)} p{FIRM}={FIRM}{number(summary['primary']['p'], '.2g')}"]


def _edges_told(found: Null, inputs: Inputs) -> list[str]:
    """Return the corrected p of the largest edge, and how many edges survive."""
    p = f"corrected p{FIRM}={FIRM}{number(float(found.reaching.mean()), '.4f')}"
    told = [f"{p}; {inputs.summary['significant']['edge']:,} edges survive", _values(found, inputs)]
    return told if inputs.summary["gate"] == "open" else [*told, "exploratory: the primary test did not pass"]


def _values(found: Null, inputs: Inputs) -> str:
    """Return the observed and the critical value in words."""
    observed, critical = float(found.statistic[0]), found.critical(inputs.model.alpha)
    text = f"observed {number(observed, '.2f')}, critical "
    return text + (f"{'±' if (found.statistic < 0).any() else ''}{critical:.2f}" if np.isfinite(critical) else "none")


def _panel(axes: Axes, found: Null, inputs: Inputs, told: list[str], width: float) -> None:
    """Draw a histogram with the observed and the critical value; ``told`` stands above it."""
    if np.isnan(found.statistic).any():
        axes.text(0.5, 0.5, "not tested", ha="center", va="center", transform=axes.transAxes)
        axes.set_title(told[0], loc="left")
        axes.set(xticks=[], yticks=[])
        return
    axes.set_title("\n".join(wrapped(line, width) for line in told), loc="left")
    values, borders = bars(found)
    parts = [values[~found.reaching], values[found.reaching]]
    axes.hist(parts, bins=list(borders), stacked=True, color=[REST, REACHING], linewidth=0)
    axes.axvline(float(values[0]), color="black", linewidth=1.2)
    critical = found.critical(inputs.model.alpha)
    for value in (critical, -critical) if borders[0] < 0 else (critical,):
        if np.isfinite(value):
            axes.axvline(value, color="black", linewidth=0.8, linestyle=DASHED)
    axes.margins(x=0.02)
    axes.locator_params(axis="x", nbins=6)


def bars(found: Null) -> tuple[np.ndarray, np.ndarray]:
    """Return the values as they are drawn, a perfect fit at the largest finite value, and the borders of the bars.

    The observed value is a border, so that bars are of one colour. A value on a border belongs to the bar beyond it.
    """
    finite = found.size[np.isfinite(found.size)]
    top = float(finite.max()) if finite.any() else 1.0
    values = np.clip(found.statistic, -top, top)
    low, observed = min(float(values.min()), top), abs(float(values[0]))
    width = (top - low) / np.clip(np.sqrt(values.size), FEWEST, MOST)
    width = observed / round(observed / width) if observed > width / 2 else width
    above = width * np.arange(np.floor(top / width) + 2)
    borders = above[above > low - width] if low >= 0 else np.concatenate([-above[:0:-1] * (1 - ROUNDING), above])
    return values, borders


def _handles(inputs: Inputs) -> list[Patch | Line2D]:
    level = f"p{FIRM}≤{FIRM}{inputs.model.alpha:g}"
    return [
        Line2D([], [], color="black", linewidth=1.2, label="observed"),
        Line2D([], [], color="black", linewidth=0.8, linestyle=DASHED, label=f"critical, {level}"),
        Patch(color=REACHING, label="at least as extreme"),
        Patch(color=REST, label="other arrangements"),
    ]
