"""The edges of the emotion × cognition block that changed most, in a glass brain."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from connect.errors import UserError
from connect.figures import (
    DOMAIN_COLOURS,
    FIRM,
    NARROW,
    Inputs,
    canvas,
    correction,
    effect_label,
    figure,
    survivors,
    wrapped,
    zoom,
)
from connect.figures.edges import edge_scale
from connect.parcels import PRIMARY, QUANTITIES, domain_edges
from connect.settings.figure import Figure as Recipe
from connect.words import statistic_name

AXES = ("x", "y", "z")
LINE, BAR, LEGEND = 3.2, 12.5, 5.0
"""Height of a line of text, of the colour bar with its label, and of the legend (mm)."""

TALL = 0.9
"""Height of a brain in its own width."""


@figure("glass_brain")
def glass_brain(inputs: Inputs, recipe: Recipe) -> Figure:
    """Draw the edges with the largest |t|, or F, in four views, coloured by their estimate, or its size."""
    chosen, shown = strongest(inputs, recipe.edges), edge_scale(inputs, recipe)
    scale = ScalarMappable(shown.norm(float(np.abs(shown.sizes[chosen]).max()) if chosen.size else 1.0), shown.colours)
    rows = ("lr", "yz") if recipe.width < NARROW else ("lyrz",)
    text = wrapped(in_words(inputs, chosen), recipe.width - 4)
    below = 1 + LINE * zoom() * (1 + text.count("\n"))
    foot = below + BAR * zoom() + LEGEND * zoom()
    each = min(recipe.height - foot, recipe.width * TALL / len(rows[0]))
    whole = foot + each * len(rows) + 1
    made = canvas(replace(recipe, height=whole), layout=None)
    for place, views in enumerate(rows):
        bottom = foot + each * (len(rows) - 1 - place)
        _brains(made.add_axes((0, bottom / whole, 1, each / whole)), views, inputs, shown.sizes, chosen, scale)
    bar = made.add_axes((0.2, (below + BAR * zoom() - 3.5) / whole, 0.6, 1.6 / whole))
    made.colorbar(scale, cax=bar, orientation="horizontal", ticks=MaxNLocator(2 if recipe.width < NARROW else 4),
                  label=shown.name)  # fmt: skip
    where = (0.5, (below + BAR * zoom()) / whole)
    made.legend(handles=_nodes(), loc="lower center", bbox_to_anchor=where, ncols=2, borderaxespad=0)
    made.text(0.5, 1 / whole, text, ha="center", va="bottom")
    return made


def coordinates(inputs: Inputs) -> np.ndarray:
    """Return the centre of each parcel ``(n_parcels, 3)`` in mm.

    Raises
    ------
    UserError
        If the parcels table has none.
    """
    missing = [name for name in AXES if name not in inputs.parcels or inputs.parcels[name].isna().any()]
    if missing:
        todo = "add the centres of the parcels, or take this figure out of the plan"
        must = "columns x, y and z (mm) with a value for every parcel"
        raise UserError(inputs.atlas.parcels, must, f"none or gaps in {', '.join(missing)}", todo)
    return inputs.parcels[list(AXES)].to_numpy(dtype=float)


def strongest(inputs: Inputs, count: int, *, everywhere: bool = False) -> np.ndarray:
    """Return the edges with the largest |t|, at most ``count``, strongest first.

    They are those of the emotion × cognition block, or of the whole brain if ``everywhere``.
    """
    inside = tested(inputs) if everywhere else _of_block(inputs)
    t = np.abs(inputs.edge_tests["statistic"].to_numpy()[inside])
    ranked: np.ndarray = inside[np.argsort(-t, kind="stable")][:count]
    return ranked


def in_words(inputs: Inputs, chosen: np.ndarray) -> str:
    """Return what is shown and how much of it survives the correction."""
    block = f"{QUANTITIES[PRIMARY]} block"
    if not chosen.size:
        return f"No edge of the {block} could be tested."
    survive = int(survivors(inputs)[chosen].sum())
    return (
        f"{effect_label(inputs.summary)}: the {chosen.size} of {_of_block(inputs).size:,} tested edges of the {block} "
        f"with the largest {statistic_name(inputs.summary)}; surviving among them: {survive} ({correction(inputs)}); "
        f"n{FIRM}={FIRM}{inputs.summary['n']}."
    )


def tested(inputs: Inputs) -> np.ndarray:
    """Return the edges that could be tested."""
    return np.flatnonzero(inputs.edge_tests["statistic"].notna())


def _of_block(inputs: Inputs) -> np.ndarray:
    """Return the edges of the emotion × cognition block that could be tested."""
    return np.intersect1d(tested(inputs), np.flatnonzero(domain_edges(inputs.domain)[PRIMARY]))


def _brains(
    axes: Axes, views: str, inputs: Inputs, values: np.ndarray, chosen: np.ndarray, scale: ScalarMappable
) -> None:
    # Here and not above: it takes seconds, and the other figures do not need it.
    from nilearn.plotting import plot_connectome

    places = coordinates(inputs)
    first, second = (side[chosen] for side in np.triu_indices(len(places), 1))
    shown = np.union1d(first, second)
    matrix = np.zeros((len(places), len(places)))
    matrix[first, second] = matrix[second, first] = values[chosen]
    display = plot_connectome(
        matrix[np.ix_(shown, shown)], places[shown],
        node_color=[DOMAIN_COLOURS[name] for name in inputs.domain[shown]], node_size=14,
        node_kwargs={"edgecolors": "black", "linewidths": 0.4, "zorder": 5},
        edge_cmap=scale.cmap, edge_vmin=scale.norm.vmin, edge_vmax=scale.norm.vmax, edge_kwargs={"linewidth": 0.9},
        display_mode=views, figure=axes.get_figure(root=True), axes=axes, annotate=False, colorbar=False,
    )  # fmt: skip
    display.annotate(size=7)


def _nodes() -> list[Line2D]:
    return [
        Line2D([], [], color=colour, label=name, marker="o", markersize=4, markeredgecolor="black",
               markeredgewidth=0.4, linestyle="") for name, colour in DOMAIN_COLOURS.items()
    ]  # fmt: skip
