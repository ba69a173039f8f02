"""QC-FC of every edge against the distance between its parcels, in the primary universe.

Motion leaves a trace that depends on distance: in short edges QC-FC is higher than in long ones (Power et al. 2012,
doi:10.1016/j.neuroimage.2011.10.018; Satterthwaite et al. 2012, doi:10.1016/j.neuroimage.2011.12.063).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from connect.figures import FIRM, NARROW, VARIANT_COLOURS, Inputs, canvas, figure, headed, legend, number, wrapped
from connect.settings.figure import Figure as Recipe

VARIANTS = {
    "level": "Mean FD with connectivity",
    "change": "Change in FD with change in connectivity",
}
GREYS = ListedColormap(colormaps["Greys"](np.linspace(0.08, 0.6, 256)))
"""Colours of the density: light enough for lines to stand out on them."""

COLUMNS = 45
"""Hexagons across a panel."""

BINS = 20
"""Most points of the running median; each stands for at least LEAST edges."""

LEAST = 50


@figure("qcfc")
def qcfc(inputs: Inputs, recipe: Recipe) -> Figure:
    """Draw the density of edges over distance and QC-FC, in a panel for level and one for change."""
    narrow = recipe.width < NARROW
    made = canvas(recipe, len(VARIANTS) if narrow else 1)
    shape = (len(VARIANTS), 1) if narrow else (1, len(VARIANTS))
    panels = made.subplots(*shape, sharex=True, sharey=True)
    width = (0.66 if narrow else 0.42) * recipe.width
    distance = inputs.qcfc["distance"].to_numpy(dtype=float)
    values = {variant: inputs.qcfc[variant].to_numpy(dtype=float) for variant in VARIANTS}
    reach = _largest([distance], 100.0), 1.05 * _largest(list(values.values()), 1.0)
    drawn = []
    for axes, variant in zip(panels, VARIANTS, strict=True):
        assessed = inputs.assessments[0][variant]
        cells = _panel(axes, distance, values[variant], reach, VARIANT_COLOURS[variant])
        drawn += cells
        axes.set_title(in_words(variant, assessed, width=width))
        axes.set_xlabel("Distance between parcels (mm)")
        axes.label_outer()
        if not cells:
            text = wrapped(f"n/a: {assessed['reason'] or 'parcels without coordinates'}", 0.8 * width)
            axes.text(0.5, 0.6, text, transform=axes.transAxes, ha="center")
    made.supylabel("QC-FC of an edge (r over participants)", fontsize="medium")
    _colour(made, panels, drawn)
    legend(made, _handles(), recipe.width, loc="outside lower center")
    return made


def running_median(distance: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return distance and value at the middle of bins of equally many edges, both ``(n_bins,)``."""
    order = np.argsort(distance, kind="stable")
    bins = np.array_split(order, max(1, min(BINS, order.size // LEAST)))
    return (
        np.array([np.median(distance[own]) for own in bins]),
        np.array([np.median(values[own]) for own in bins]),
    )


def in_words(variant: str, assessed: Mapping[str, Any], width: float) -> str:
    """Return what a panel shows, of how many participants and edges, and its numbers beside what chance gives."""
    lines = [VARIANTS[variant], f"n = {assessed['n']} participants"]
    if assessed["reason"] is None:
        lines[1] += f", {assessed['n_edges']:,} edges"
        lines += [_beside_chance("median |r|", assessed, "median_abs_r")]
        lines += [_beside_chance("ρ with distance", assessed, "distance")]
    return headed("\n".join(lines), width)


def _beside_chance(name: str, assessed: Mapping[str, Any], key: str) -> str:
    value, low, high = (number(assessed[key + part], ".3f") for part in ("", "_low", "_high"))
    return f"{name} {value} (chance {low} to {high})".replace(" to ", f"{FIRM}to{FIRM}")


def _panel(
    axes: Axes, distance: np.ndarray, values: np.ndarray, reach: tuple[float, float], colour: str
) -> list[PolyCollection]:
    there = np.isfinite(distance) & np.isfinite(values)
    axes.axhline(0, color="black", linewidth=0.6, linestyle=(0, (4, 3)), zorder=3)
    axes.set(xlim=(0, reach[0]), ylim=(-reach[1], reach[1]))
    if not there.any():
        return []
    # Pixels inside the vector file: as many polygons would make it large and slow to show.
    cells = axes.hexbin(
        distance[there], values[there], gridsize=(COLUMNS, COLUMNS // 2), extent=(0, reach[0], -reach[1], reach[1]),
        mincnt=1, cmap=GREYS, linewidths=0.2, rasterized=True,
    )  # fmt: skip
    middle = running_median(distance[there], values[there])
    axes.plot(*middle, color="white", linewidth=3, zorder=4)
    axes.plot(*middle, color=colour, linewidth=1.6, zorder=5)
    return [cells]


def _colour(made: Figure, panels: Sequence[Axes], drawn: Sequence[PolyCollection]) -> None:
    """Give the panels one scale of colours."""
    if not drawn:
        return
    most = max(float(np.max(np.asarray(cells.get_array()))) for cells in drawn)
    for cells in drawn:
        cells.set_clim(0, most)
    made.colorbar(drawn[0], ax=panels, label="Edges per hexagon", aspect=30, pad=0.02)


def _largest(values: Sequence[np.ndarray], otherwise: float) -> float:
    found = np.abs(np.concatenate(values))
    found = found[np.isfinite(found)]
    return float(found.max()) if found.size else otherwise


def _handles() -> list[Line2D]:
    medians = [
        Line2D([], [], color=VARIANT_COLOURS[variant], linewidth=1.6, label=f"running median, {variant}")
        for variant in VARIANTS
    ]
    return [*medians, Line2D([], [], color="black", linewidth=0.6, linestyle=(0, (4, 3)), label="no relation")]
