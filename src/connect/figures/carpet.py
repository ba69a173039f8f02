"""A scan over time: head motion, change of the signal, voxels before denoising and parcels after it.

After Power 2017 (NeuroImage 154:150, doi:10.1016/j.neuroimage.2016.08.009): what motion does to the signal stands below
the motion, volume by volume, and what denoising left of it below that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap, to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from connect.figures import DOMAIN_COLOURS, FIRM, canvas, number, wrapped
from connect.figures.matrix import Group, arrange, spread
from connect.settings.cohort import Cohort
from connect.settings.figure import Figure as Recipe
from connect.settings.strategy import Strategy

SHARES = (0.12, 0.12, 0.28, 0.48)
"""Heights of the panels, as shares of what titles and labels leave."""

LEFT, RIGHT, TOP, BOTTOM, GAP = 28.5, 3.0, 9.0, 15.0, 4.2
"""Margins around the panels and the gap above each, mm; the heading of a panel stands in the gap."""

NAME = 3.5
"""Height of the name of the scan, mm."""

STRIP = 2.2
"""Width of the strip that shows networks, mm."""

LIMIT = 2.0
"""Standard deviations at which a carpet is black or white."""

LEVELS = 8
"""Shades of grey: enough to see what happens at once in many rows, and few enough for small files."""

SMALL, LETTER = 6.0, 1.25
"""Size of headings and names of networks, points, and the width of a letter of it, mm."""

NARROW = 120.0
"""Width below which the legend has two columns, mm."""

LINE = 2.4
"""Height of a line of names of networks, mm."""

DROPPED = "#9CD3F0"
"""Colour of volumes that are not kept."""

NEITHER, EXCLUDED = "#8C8C8C", "#B34700"
DASHED, DOTTED = (0, (4, 3)), (0, (1, 1.5))


@dataclass(frozen=True)
class ScanInputs:
    """What a figure of a scan can show.

    Parameters
    ----------
    cohort, strategy
        Choices of the primary universe.
    parcels
        Parcels table, one row per parcel.
    domain
        Domain of each parcel ``(n_parcels,)``: `emotion`, `cognition` or empty.
    row
        The scan's row in the table of the screen stage.
    fd
        Framewise displacement of each volume ``(n_volumes,)``, mm; empty if the image could not be read.
    std_dvars
        Standardised DVARS of each volume ``(n_volumes,)``.
    voxels
        Some voxels before denoising ``(n_volumes, n_voxels)``, each with mean 0 and SD 1.
    volumes
        Which volumes are kept ``(n_kept,)``, counted from 0.
    series
        Parcels after denoising ``(n_kept, n_parcels)``; NaN for a parcel without signal.
    """

    cohort: Cohort
    strategy: Strategy
    parcels: pd.DataFrame
    domain: np.ndarray
    row: pd.Series[Any]
    fd: np.ndarray
    std_dvars: np.ndarray
    voxels: np.ndarray
    volumes: np.ndarray
    series: np.ndarray

    @property
    def dropped(self) -> np.ndarray:
        """Which volumes are not kept ``(n_volumes,)``: dropped at the start, censored, or in a short run."""
        left = np.ones(len(self.fd), dtype=bool)
        left[self.volumes] = False
        return left


def carpet(inputs: ScanInputs, recipe: Recipe) -> Figure:
    """Draw a scan: framewise displacement, DVARS, voxels before denoising, parcels after it."""
    made = canvas(recipe, layout=None)
    fd, dvars, voxels, parcels = panels = _panels(made, recipe)
    _title(made, inputs, recipe)
    _trace(fd, inputs.fd, inputs, f"Framewise displacement (mm); mean {number(inputs.row['mean_fd'], '.2f')}")
    for height, style, _ in _limits(inputs) if np.isfinite(inputs.fd).any() else []:
        fd.axhline(height, color="black", linewidth=0.7, linestyle=style)
    _trace(dvars, inputs.std_dvars, inputs, "Standardised DVARS")
    _voxels(voxels, inputs, recipe)
    _parcels(parcels, inputs, recipe)
    for axes in panels:
        axes.set_xlim(-0.5 * inputs.row["tr"], (max(len(inputs.fd), 1) - 0.5) * inputs.row["tr"])
    for axes in panels[:-1]:
        axes.tick_params(labelbottom=False)
    parcels.set_xlabel("Time (s)", labelpad=1)
    made.legend(
        handles=_handles(inputs), loc="lower center", ncols=3 if recipe.width >= NARROW else 2, fontsize=SMALL,
        borderaxespad=0.2, handlelength=1.6, columnspacing=1.2,
    )  # fmt: skip
    return made


def ordered(inputs: ScanInputs) -> tuple[np.ndarray, list[Group]]:
    """Return the rows of the carpet of parcels ``(n_shown, n_volumes)`` in SD, and the groups that they form.

    Parcels are ordered by domain and network; those without signal are left out. Volumes that are not kept are NaN.
    """
    shown = np.isfinite(inputs.series).all(axis=0)
    order, groups = arrange(inputs.parcels[shown].reset_index(drop=True), inputs.domain[shown])
    series = inputs.series[:, shown][:, order]
    spread_of = series.std(axis=0, ddof=1)
    rows = np.full((len(order), len(inputs.fd)), np.nan)
    rows[:, inputs.volumes] = ((series - series.mean(axis=0)) / spread_of).T
    return rows, groups


def _panels(made: Figure, recipe: Recipe) -> list[Axes]:
    """Return the panels from top to bottom."""
    room, found = recipe.height - TOP - BOTTOM - GAP * len(SHARES), []
    top = recipe.height - TOP
    for share in SHARES:
        top -= GAP + share * room
        box = (LEFT, top, recipe.width - LEFT - RIGHT, share * room)
        found.append(made.add_axes(tuple(np.array(box) / ([recipe.width, recipe.height] * 2))))
    return found


def _title(made: Figure, inputs: ScanInputs, recipe: Recipe) -> None:
    """Write the name of the scan, and below it what is kept of it, or why it is excluded."""
    row, kept = inputs.row, inputs.row["kept"] == "yes"
    told = f"excluded: {row['reason']}"
    if kept:
        volumes = f"{row['n_kept']:.0f} of {row['n_volumes']:.0f} volumes, {number(row['minutes'], '.1f')}{FIRM}min"
        told = f"kept: {volumes}, {number(row['tdof'], '.1f')} degrees of freedom"
    lines = wrapped(told, recipe.width).splitlines()
    text = "\n".join(lines[:2]) + ("…" if len(lines) > 2 else "")
    left, top = 1 / recipe.width, 1 - 1 / recipe.height
    size = min(8.0, SMALL * (recipe.width - 2) / (LETTER * len(row["scan"])))
    made.text(left, top, row["scan"], va="top", fontsize=size)
    below = top - NAME / recipe.height
    made.text(left, below, text, va="top", fontsize=7, color="black" if kept else EXCLUDED)


def _head(axes: Axes, text: str) -> None:
    axes.set_title(text, loc="left", fontsize=SMALL, pad=2)


def _fitting(parts: Sequence[str], recipe: Recipe) -> str:
    """Return the first part with as many of the others as the width of a panel takes."""
    text, most = parts[0], int((recipe.width - LEFT) / LETTER)
    for part in parts[1:]:
        text += part if len(text + part) <= most else ""
    return text


def _no_data(axes: Axes, head: str) -> None:
    _head(axes, head)
    axes.text(0.5, 0.5, "no data", ha="center", va="center", transform=axes.transAxes, color=NEITHER)
    axes.set_yticks([])


def _trace(axes: Axes, values: np.ndarray, inputs: ScanInputs, head: str) -> None:
    if not np.isfinite(values).any():
        _no_data(axes, head)
        return
    _head(axes, head)
    tr = inputs.row["tr"]
    axes.plot(tr * np.arange(len(values)), values, color="black", linewidth=0.7)
    for start, stop in _runs(inputs.dropped) if len(inputs.volumes) else []:
        axes.axvspan((start - 0.5) * tr, (stop - 0.5) * tr, color=DROPPED, linewidth=0, zorder=0)
    axes.set_ylim(0, 1.08 * float(np.nanmax(values)))
    axes.yaxis.set_major_locator(MaxNLocator(3, steps=[1, 2, 5, 10]))


def _voxels(axes: Axes, inputs: ScanInputs, recipe: Recipe) -> None:
    values = inputs.voxels[:, np.isfinite(inputs.voxels).any(axis=0)]
    if not values.size:
        _no_data(axes, "Voxels before denoising")
        return
    shades = f" (SD: black −{LIMIT:g}, white {LIMIT:g})"
    _head(axes, _fitting([f"{values.shape[1]} voxels before denoising", shades], recipe))
    _image(axes, values.T, inputs)


def _parcels(axes: Axes, inputs: ScanInputs, recipe: Recipe) -> None:
    if not len(inputs.volumes):
        _no_data(axes, "Parcels after denoising")
        return
    rows, groups = ordered(inputs)
    missing = len(inputs.parcels) - len(rows)
    without = [f" ({missing} without signal)"] if missing else []
    _head(axes, _fitting([f"{len(rows)} parcels after denoising", *without, f": {inputs.strategy.title}"], recipe))
    _image(axes, rows, inputs)
    _strip(axes, groups, recipe)
    _name_networks(axes, groups, recipe)


def _image(axes: Axes, rows: np.ndarray, inputs: ScanInputs) -> None:
    """Draw rows over time, and beside them nothing."""
    greys = ListedColormap(colormaps["gray"](np.linspace(0, 1, LEVELS))).with_extremes(bad=DROPPED)
    tr = inputs.row["tr"]
    extent = (-0.5 * tr, (rows.shape[1] - 0.5) * tr, len(rows) - 0.5, -0.5)
    axes.imshow(
        rows, cmap=greys, vmin=-LIMIT, vmax=LIMIT, aspect="auto", extent=extent, interpolation_stage="data",
        interpolation="nearest",
    )  # fmt: skip
    axes.set_yticks([])


def _strip(axes: Axes, groups: Sequence[Group], recipe: Recipe) -> None:
    """Draw a strip left of the carpet: domains by their colours, networks by their shades."""
    width = STRIP / (recipe.width - LEFT - RIGHT)
    strip = axes.inset_axes((-1.25 * width, 0, width, 1))
    colours = np.repeat(
        [_colour(group, n) for n, group in enumerate(groups)], [group.stop - group.start for group in groups], axis=0
    )
    strip.imshow(colours[:, None], aspect="auto", interpolation="nearest")
    strip.set_axis_off()


def _colour(group: Group, place: int) -> np.ndarray:
    """Return the colour of a network: that of its domain, every second one lighter."""
    colour = np.array(to_rgb(DOMAIN_COLOURS.get(group.domain, NEITHER)))
    return colour if place % 2 else 0.5 + colour / 2


def _name_networks(axes: Axes, groups: Sequence[Group], recipe: Recipe) -> None:
    """Write the networks left of the strip; where they are too many, those with the fewest parcels stay unnamed."""
    stop, height = groups[-1].stop, SHARES[-1] * (recipe.height - TOP - BOTTOM - GAP * len(SHARES))
    gap = LINE * stop / height
    by_size = sorted(range(len(groups)), key=lambda n: groups[n].start - groups[n].stop)
    named = sorted(by_size[: 1 + int((stop - 1) / gap)])
    centres = [(groups[n].start + groups[n].stop - 1) / 2 for n in named]
    unit = STRIP / (recipe.width - LEFT - RIGHT)
    beside = axes.get_yaxis_transform()
    for n, centre, place in zip(named, centres, spread(centres, gap, stop - 1), strict=True):
        name = _short(groups[n].network)
        axes.text(-2.9 * unit, place, name, transform=beside, ha="right", va="center", fontsize=SMALL - 0.5)
        line = [-2.7 * unit, -2.2 * unit, -1.4 * unit]
        axes.plot(line, [place, centre, centre], color="#666666", linewidth=0.4, transform=beside, clip_on=False)


def _short(name: str) -> str:
    """Return the name of a network, cut where it would leave the figure."""
    most = int((LEFT - 3 * STRIP) / (LETTER * (SMALL - 0.5) / SMALL))
    return name if len(name) <= most else f"{name[: most - 1]}…"


def _runs(chosen: np.ndarray) -> np.ndarray:
    """Return start and stop of each run of chosen volumes ``(n_runs, 2)``."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], chosen, [False]]).astype(np.int8)))
    return edges.reshape(-1, 2)


def _limits(inputs: ScanInputs) -> list[tuple[float, Any, str]]:
    """Return the limits of framewise displacement: height, style of the line, and what it is."""
    mean, scrub = inputs.cohort.limits.mean_fd, inputs.strategy.scrub
    limits = [(mean, DOTTED, f"limit of the mean, {mean:g} mm")]
    return limits + ([(scrub.fd, DASHED, f"censored above {scrub.fd:g} mm")] if scrub else [])


def _handles(inputs: ScanInputs) -> list[Patch | Line2D]:
    handles: list[Patch | Line2D] = [
        Line2D([], [], color="black", linewidth=0.7, linestyle=style, label=what) for _, style, what in _limits(inputs)
    ]
    n_dropped = int(inputs.dropped.sum()) if len(inputs.volumes) else 0
    label = f"{n_dropped} volume{'s' * (n_dropped != 1)} not kept"
    return [*handles, Patch(color=DROPPED, label=label)] if n_dropped else handles
