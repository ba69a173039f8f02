"""Matrices of edges: connectomes before and after, and what changed in each edge.

Parcels are ordered by domain (emotion, cognition, neither) and then by network, so that the emotion × cognition block
and the two domains are rectangles.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, ListedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import MaxNLocator
from scipy.optimize import isotonic_regression

from connect.changes import by_session
from connect.columns import Values, per_column
from connect.figures import (
    BLOCK_COLOUR,
    DOMAIN_COLOURS,
    NARROW,
    NO_VALUE,
    PHASES,
    Inputs,
    canvas,
    correction,
    effect_axis,
    figure,
    headed,
    legend,
    signed_colours,
    survivors,
)
from connect.figures.edges import edge_scale
from connect.parcels import PRIMARY, QUANTITIES
from connect.settings.figure import Figure as Recipe

NOT_SIGNIFICANT = "#F2F2F2"
LABEL_POINTS = 6.5
OUTLINE_POINTS = 1.2
SQUARE, BAR = 0.8, 26.0
"""Height of a matrix with its title in widths of a narrow figure, and of the colour bar and legend below it (mm)."""

MARK_POINTS = 2.5
"""Smallest side of the mark of a significant edge: a single cell of a large atlas would not be seen in print."""


@dataclass(frozen=True)
class Group:
    """A network, or its part in a domain: the rows from start to stop of an ordered matrix."""

    network: str
    domain: str
    start: int
    stop: int


@figure("matrix")
def matrix(inputs: Inputs, recipe: Recipe) -> Figure:
    """Draw the mean connectome of the analysed participants at each phase, a row of panels per condition."""
    order, groups = arrange(inputs.parcels, inputs.domain)
    means = phase_means(inputs)
    limit = robust_limit(list(means.values()))
    narrow, n = recipe.width < NARROW, len(inputs.conditions)
    rows, columns = (n * len(PHASES), 1) if narrow else (n, len(PHASES))
    height = min(recipe.height, SQUARE * recipe.width) if narrow else recipe.height
    made = canvas(replace(recipe, height=height + (BAR / rows if narrow else 0)), rows, layout="compressed")
    grid = made.subplots(rows, columns, squeeze=False)
    colours = signed_colours(recipe)
    for axes, (condition, phase) in zip(grid.flat, means, strict=True):
        image = _panel(axes, square(means[condition, phase], order), groups, Normalize(-limit, limit), colours)
        axes.set_title(", ".join(filter(None, (condition, f"{phase} (n = {len(inputs.analysed)})"))))
    _bar(made, image, grid, f"Mean connectivity ({inputs.measure.unit})", recipe)
    _legend(made, [Patch(color=NO_VALUE, label="no value")], recipe)
    _name_networks(made, list(grid[:, 0]), groups)
    return made


@figure("change_matrix")
def change_matrix(inputs: Inputs, recipe: Recipe) -> Figure:
    """Draw the estimate of every edge, or its size, below the diagonal, and above it only of those that survive."""
    order, groups = arrange(inputs.parcels, inputs.domain)
    shown = edge_scale(inputs, recipe)
    survive, tested = survivors(inputs), np.isfinite(shown.sizes)
    narrow = recipe.width < NARROW
    height = min(recipe.height, SQUARE * recipe.width + BAR) if narrow else recipe.height
    made = canvas(replace(recipe, height=height), layout="compressed")
    axes = made.subplots()
    values = square(shown.sizes, order)
    above = np.triu(np.ones(values.shape, dtype=bool), 1)
    hidden = above & (square(tested & ~survive, order) == 1)
    image = _panel(
        axes, np.where(hidden, np.nan, values), groups, shown.norm(robust_limit([shown.sizes])), shown.colours
    )
    axes.imshow(np.where(hidden, 1.0, np.nan), cmap=ListedColormap([NOT_SIGNIFICANT]), interpolation="none")
    counted = f"Surviving edges: {survive.sum():,} of {tested.sum():,}; n = {inputs.summary['n']}"
    axes.set_title(headed(f"{counted}\n({correction(inputs)})", (0.6 if narrow else 0.7) * recipe.width))
    _bar(made, image, axes, effect_axis(inputs, 0.7 * (recipe.width if narrow else height)), recipe)
    notes = [
        Patch(color=NO_VALUE, label="no value"),
        Patch(color=NOT_SIGNIFICANT, label="above the diagonal: does not survive"),
    ]
    _legend(made, notes, recipe)
    _name_networks(made, [axes], groups)
    _mark(made, axes, above & (square(survive, order) == 1), values, image)
    return made


def arrange(parcels: pd.DataFrame, domain: np.ndarray) -> tuple[np.ndarray, list[Group]]:
    """Return the order of the parcels ``(n_parcels,)``, by domain and then network, and the groups that this makes."""
    rank = {"emotion": 0, "cognition": 1, "": 2}
    table = pd.DataFrame({"domain": domain, "network": parcels["network"].fillna("no network").to_numpy()})
    table = table.assign(rank=table["domain"].map(rank)).sort_values(["rank", "network"], kind="stable")
    order = table.index.to_numpy()
    sizes = table.groupby(["rank", "domain", "network"], sort=False).size()
    stops = sizes.cumsum()
    groups = [
        Group(network, name, int(stop - size), int(stop))
        for (_, name, network), size, stop in zip(sizes.index, sizes, stops, strict=True)
    ]
    return order, groups


def phase_means(inputs: Inputs) -> dict[tuple[str, str], np.ndarray]:
    """Return the mean connectome ``(n_edges,)`` of the analysed participants per condition and phase.

    An edge that any of these sessions lacks is NaN, as it is in the tests: all panels then show the same participants.
    """
    sessions = by_session(inputs.connectomes, inputs.scans, inputs.cohort)
    table = sessions.table
    chosen = table["participant_id"].isin(inputs.analysed["participant_id"]) & table["condition"].isin(
        inputs.conditions
    )
    complete = per_column(sessions.connectomes, lambda values: np.isfinite(values[chosen]).all(axis=0))
    means = {}
    for condition in inputs.conditions:
        for phase in PHASES:
            rows = chosen & (table["condition"] == condition) & (table["phase"] == phase)
            means[condition, phase] = np.where(complete, _mean(sessions.connectomes, rows.to_numpy()), np.nan)
    return means


def _mean(connectomes: Values, rows: np.ndarray) -> np.ndarray:
    """Return the mean of some rows ``(n_edges,)``."""
    return per_column(connectomes, lambda values: values[rows].mean(axis=0))


def square(edges: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Return the symmetric matrix ``(n_parcels, n_parcels)`` of an upper triangle, reordered; NaN on the diagonal."""
    full = np.full((order.size, order.size), np.nan)
    first, second = np.triu_indices(order.size, 1)
    full[first, second] = full[second, first] = edges
    ordered: np.ndarray = full[np.ix_(order, order)]
    return ordered


def robust_limit(values: Sequence[np.ndarray], share: float = 0.99) -> float:
    """Return the limit of a symmetric colour scale: a quantile of the absolute values, so that no outlier sets it."""
    found = np.abs(np.concatenate(values))
    found = found[np.isfinite(found)]
    limit = float(np.quantile(found, share)) if found.size else 0.0
    return limit or 1.0


def outlines(groups: Sequence[Group]) -> list[tuple[str, str, tuple[int, int, int, int]]]:
    """Return the name, colour and bounds (x, y, width, height, in rows) of the domains and of the block between."""
    spans = {}
    for name in DOMAIN_COLOURS:
        own = [group for group in groups if group.domain == name]
        spans[name] = (own[0].start, own[-1].stop - own[0].start)
    (e_start, e_size), (c_start, c_size) = spans["emotion"], spans["cognition"]
    name = QUANTITIES[PRIMARY]
    return [
        ("within emotion", DOMAIN_COLOURS["emotion"], (e_start, e_start, e_size, e_size)),
        ("within cognition", DOMAIN_COLOURS["cognition"], (c_start, c_start, c_size, c_size)),
        (name, BLOCK_COLOUR, (c_start, e_start, c_size, e_size)),
        (name, BLOCK_COLOUR, (e_start, c_start, e_size, c_size)),
    ]


def spread(centres: Sequence[float], gap: float, stop: float) -> np.ndarray:
    """Return the places for labels nearest to their centres, in order, at least ``gap`` apart between 0 and ``stop``.

    Less what they must be apart, such places only have to rise: isotonic regression finds the nearest.
    """
    apart = gap * np.arange(len(centres))
    rising: np.ndarray = isotonic_regression(np.array(centres) - apart).x
    places: np.ndarray = np.clip(rising, 0, stop - apart[-1]) + apart
    return places


def _panel(axes: Axes, values: np.ndarray, groups: Sequence[Group], norm: Normalize, colours: Colormap) -> AxesImage:
    image = axes.imshow(values, cmap=colours, norm=norm, interpolation="none")
    for group in groups[1:]:
        axes.axhline(group.start - 0.5, color="#666666", linewidth=0.25)
        axes.axvline(group.start - 0.5, color="#666666", linewidth=0.25)
    for _, colour, (x, y, width, height) in outlines(groups):
        place = (x - 0.5, y - 0.5)
        box = Rectangle(place, width, height, fill=False, edgecolor=colour, linewidth=2 * OUTLINE_POINTS, zorder=3)
        axes.add_patch(box)
        # Only the inner half of the line, so that boxes side by side do not cover one another.
        box.set_clip_path(box)
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    return image


def _mark(made: Figure, axes: Axes, chosen: np.ndarray, values: np.ndarray, image: AxesImage) -> None:
    """Mark cells that are too small to be seen; the figure is laid out already."""
    if _height(axes, made) / len(values) >= MARK_POINTS:
        return
    rows, columns = np.nonzero(chosen)
    colours = image.cmap(image.norm(values[rows, columns]))
    axes.scatter(columns, rows, s=MARK_POINTS**2, marker="s", c=colours, edgecolors="white", linewidths=0.3, zorder=4)


def _name_networks(made: Figure, columns: Sequence[Axes], groups: Sequence[Group]) -> None:
    """Write the networks left of the matrices; where they are too many, those with the fewest parcels stay unnamed."""
    stop = groups[-1].stop
    texts = {
        axes: [axes.text(-0.07, 0, group.network, transform=axes.get_yaxis_transform(), ha="right", va="center",
                         fontsize=LABEL_POINTS) for group in groups]
        for axes in columns
    }  # fmt: skip
    made.draw_without_rendering()
    for axes, labels in texts.items():
        gap = 1.15 * LABEL_POINTS * stop / _height(axes, made)
        by_size = sorted(range(len(groups)), key=lambda n: groups[n].start - groups[n].stop)
        named = sorted(by_size[: 1 + int((stop - 1) / gap)])
        centres = [(groups[n].start + groups[n].stop - 1) / 2 for n in named]
        for n, centre, place in zip(named, centres, spread(centres, gap, stop - 1), strict=True):
            labels[n].set_y(place)
            axes.plot([-0.06, -0.04, -0.01], [place, centre, centre], color="#666666", linewidth=0.4,
                      transform=axes.get_yaxis_transform(), clip_on=False)  # fmt: skip
        for n in set(range(len(groups))) - set(named):
            labels[n].remove()


def _height(axes: Axes, made: Figure) -> float:
    """Return the height of axes in points, in the present layout."""
    return float(axes.get_window_extent().height / made.dpi * 72)


def _bar(made: Figure, image: AxesImage, panels: Axes | np.ndarray, label: str, recipe: Recipe) -> None:
    """Draw the scale of colours: at the right, or below panels that stand below each other."""
    narrow = recipe.width < NARROW
    where: Literal["bottom", "right"] = "bottom" if narrow else "right"
    ends, ticks = "both" if image.norm.vmin else "max", MaxNLocator(2) if narrow else None
    made.colorbar(image, ax=panels, label=label, extend=ends, ticks=ticks, aspect=30, location=where)


def _legend(made: Figure, others: Sequence[Patch], recipe: Recipe) -> None:
    kinds = {name: colour for name, colour, _ in outlines([Group("", name, 0, 0) for name in DOMAIN_COLOURS])}
    handles = [
        Patch(fill=False, edgecolor=colour, linewidth=OUTLINE_POINTS, label=name) for name, colour in kinds.items()
    ]
    legend(made, [*handles, *others], recipe.width, loc="outside lower center")
