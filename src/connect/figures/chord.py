"""The edges that changed most as chords of a circle, on which parcels stand by domain and network.

The whole brain is shown and not the emotion × cognition block alone, so that the picture tells whether what changed
lies between the two domains or everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, PathPatch, Wedge
from matplotlib.path import Path
from matplotlib.ticker import MaxNLocator

from connect.figures import (
    DOMAIN_COLOURS,
    FIRM,
    MM_PER_POINT,
    NARROW,
    NO_VALUE,
    Inputs,
    canvas,
    correction,
    effect_label,
    figure,
    length_of,
    small,
    survivors,
    wrapped,
    zoom,
)
from connect.figures.edges import edge_scale
from connect.figures.glass_brain import strongest, tested
from connect.figures.matrix import Group, arrange, spread
from connect.parcels import PRIMARY, QUANTITIES, domain_edges
from connect.settings.figure import Figure as Recipe
from connect.words import statistic_name

NETWORK_GAP, DOMAIN_GAP = 0.006, 0.02
"""Empty parts of the circle between networks and between domains."""

RING, ARC = 1.4, 1.6
"""Thickness of the ring of domains and of the arcs of networks (mm)."""

ARC_COLOURS = ("#4D4D4D", "#999999")
"""Networks take turns, so that neighbours can be told apart."""

NEAR = 0.8
"""How far from the middle a chord between neighbours is bent to, in radii; those across go through the middle."""

NAMES = 0.24
"""Share of the width that names may take on each side; networks with longer ones are numbered."""

LEADER, LETTERS, ABOVE = 3.0, 1.2, 3.0
"""Length of the line to a name, half the height of one, and room above and below the circle (mm)."""

SURVIVING, OTHER = 1.4, 0.6
"""Width of chords (points)."""

LINE = 3.1
"""Height of a line of text (mm)."""

BAR = 12.5
"""Height of the colour bar with its label (mm)."""

LEGEND = 5.0
"""Height of the legend (mm)."""


@figure("chord")
def chord(inputs: Inputs, recipe: Recipe) -> Figure:
    """Draw the edges with the largest |t|, or F, of the whole brain, coloured by their estimate, or its size.

    Networks are named beside the circle, or numbered if that leaves it too small. The figure is at most as high as the
    recipe says.
    """
    chosen, shown = strongest(inputs, recipe.edges, everywhere=True), edge_scale(inputs, recipe)
    scale = ScalarMappable(shown.norm(float(np.abs(shown.sizes[chosen]).max()) if chosen.size else 1.0), shown.colours)
    order, groups = arrange(inputs.parcels, inputs.domain)
    text, (names, key, beside) = wrapped(in_words(inputs, chosen), recipe.width - 4), _names(groups, recipe.width)
    foot = 1 + LINE * zoom() * (1 + text.count("\n"))
    bottom = foot + BAR * zoom() + LEGEND * zoom() + (LINE * zoom() * (1 + key.count("\n")) if key else 0)
    radius = max(8.0, min(recipe.width / 2 - beside, (recipe.height - bottom - 2 * ABOVE) / 2) - RING)
    height = bottom + 2 * (radius + RING + ABOVE)
    made = canvas(replace(recipe, height=height), layout=None)
    axes = made.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, recipe.width), ylim=(0, height))
    axes.set_axis_off()
    middle = np.array([recipe.width / 2, (bottom + height) / 2])
    at, spans = angles(groups)
    _circle(axes, groups, spans, middle, radius)
    _label(axes, names, groups, spans, middle, radius + RING, (bottom, height))
    place = np.empty(len(order))
    place[order] = at
    _chords(axes, place, survivors(inputs)[chosen], chosen, scale.to_rgba(shown.sizes[chosen]), middle, radius - ARC)
    bar = made.add_axes((0.2, (foot + BAR * zoom() - 3.5) / height, 0.6, 1.6 / height))
    made.colorbar(scale, cax=bar, orientation="horizontal", ticks=MaxNLocator(2 if recipe.width < NARROW else 4),
                  label=shown.name)  # fmt: skip
    where = (0.5, (foot + BAR * zoom()) / height)
    made.legend(handles=_handles(groups), loc="lower center", bbox_to_anchor=where, ncols=4, borderaxespad=0,
                fontsize=small(), columnspacing=1, handlelength=1.2)  # fmt: skip
    made.text(0.5, (foot + BAR * zoom() + LEGEND * zoom()) / height, key, ha="center", va="bottom", fontsize=small())
    made.text(0.5, 1 / height, text, ha="center", va="bottom")
    return made


def angles(groups: Sequence[Group]) -> tuple[np.ndarray, list[tuple[float, float]]]:
    """Return the angle of each parcel in its order ``(n_parcels,)``, and where the arc of each group ends.

    Angles are in radians from the top, clockwise; parcels are equally far apart, with gaps between groups.
    """
    gaps = [NETWORK_GAP if one.domain == two.domain else DOMAIN_GAP for one, two in pairwise([*groups, groups[0]])]
    gaps = [gap * min(1.0, 0.4 / sum(gaps)) for gap in gaps]
    step = 2 * np.pi * (1 - sum(gaps)) / groups[-1].stop
    starts = 2 * np.pi * (gaps[-1] / 2 + np.cumsum([0.0, *gaps[:-1]])) + step * np.array([g.start for g in groups])
    spans = [(start, start + step * (g.stop - g.start)) for start, g in zip(starts, groups, strict=True)]
    at = [start + step * (np.arange(g.stop - g.start) + 0.5) for start, g in zip(starts, groups, strict=True)]
    return np.concatenate(at), spans


def in_words(inputs: Inputs, chosen: np.ndarray) -> str:
    """Return what is shown, how much of it lies in the block, and how much survives the correction."""
    if not chosen.size:
        return "No edge could be tested."
    block = int(domain_edges(inputs.domain)[PRIMARY][chosen].sum())
    survive = int(survivors(inputs)[chosen].sum())
    return (
        f"{effect_label(inputs.summary)}: the {chosen.size} of {tested(inputs).size:,} tested edges with the largest "
        f"{statistic_name(inputs.summary)}, {block} of them {QUANTITIES[PRIMARY]}; surviving among them: {survive} "
        f"({correction(inputs)}); n{FIRM}={FIRM}{inputs.summary['n']}."
    )


def _point(angle: np.ndarray | float, radius: float, middle: np.ndarray) -> np.ndarray:
    """Return the points ``(..., 2)`` at angles from the top, clockwise."""
    return middle + radius * np.stack([np.sin(angle), np.cos(angle)], axis=-1)


def _circle(
    axes: Axes, groups: Sequence[Group], spans: Sequence[tuple[float, float]], middle: np.ndarray, radius: float
) -> None:
    """Draw the arcs of networks, and around them the ring of domains."""
    for place, (group, (start, stop)) in enumerate(zip(groups, spans, strict=True)):
        ends = (90 - np.degrees(stop), 90 - np.degrees(start))
        colour = ARC_COLOURS[place % len(ARC_COLOURS)]
        axes.add_patch(Wedge(tuple(middle), radius, *ends, width=ARC, color=colour, linewidth=0))
        ring = DOMAIN_COLOURS.get(group.domain, NO_VALUE)
        axes.add_patch(Wedge(tuple(middle), radius + RING, *ends, width=RING, color=ring, linewidth=0))


def _names(groups: Sequence[Group], width: float) -> tuple[list[str], str, float]:
    """Return what stands beside the arcs, what that means if it is numbers, and the room that it takes (mm)."""
    names = [group.network for group in groups]
    beside = max(length_of(name, small()) for name in names) + LEADER + 1
    if beside <= NAMES * width:
        return names, "", beside
    key = wrapped(", ".join(f"{n}{FIRM}{name}" for n, name in enumerate(names, 1)), width - 4, small())
    return [str(n) for n in range(1, len(names) + 1)], key, length_of("00", small()) + LEADER + 1


def _label(
    axes: Axes,
    names: Sequence[str],
    groups: Sequence[Group],
    spans: Sequence[tuple[float, float]],
    middle: np.ndarray,
    radius: float,
    room: tuple[float, float],
) -> None:
    """Write the names beside their arcs; where they are too many, those with the fewest parcels stay unnamed."""
    arcs = np.array([(start + stop) / 2 for start, stop in spans])
    ends = _point(arcs, radius + 0.5, middle)
    low, gap = room[0] + LETTERS, 1.2 * small() * MM_PER_POINT
    stop = room[1] - LETTERS - low
    for side in (-1, 1):
        own = [n for n in range(len(arcs)) if (np.sin(arcs[n]) >= 0) == (side > 0)]
        by_size = sorted(own, key=lambda n: groups[n].start - groups[n].stop)
        named = sorted(by_size[: 1 + int(stop / gap)], key=lambda n: ends[n, 1])
        if not named:
            continue
        heights = low + spread([ends[n, 1] - low for n in named], gap, stop)
        for n, height in zip(named, heights, strict=True):
            across = max(0.0, (radius + LEADER) ** 2 - (height - middle[1]) ** 2) ** 0.5
            x = middle[0] + side * max(across, abs(ends[n, 0] - middle[0]) + 1)
            axes.plot([ends[n, 0], x - side * 0.5], [ends[n, 1], height], color="#666666", linewidth=0.4)
            axes.text(x, height, names[n], ha="left" if side > 0 else "right", va="center", fontsize=small())


def _chords(
    axes: Axes,
    place: np.ndarray,
    survive: np.ndarray,
    chosen: np.ndarray,
    colours: np.ndarray,
    middle: np.ndarray,
    radius: float,
) -> None:
    """Draw edges as curves, the strongest on top; ``place`` is the angle of each parcel of the atlas."""
    first, second = (place[side[chosen]] for side in np.triu_indices(len(place), 1))
    for n in reversed(range(len(chosen))):
        ends = _point(np.array([first[n], second[n]]), radius, middle)
        straight = ends.mean(axis=0) - middle
        bend = middle + NEAR * straight * (straight @ straight) / radius**2
        path = Path(np.stack([ends[0], bend, ends[1]]), [Path.MOVETO, Path.CURVE3, Path.CURVE3])
        width = SURVIVING if survive[n] else OTHER
        axes.add_patch(PathPatch(path, facecolor="none", edgecolor=colours[n], linewidth=width, capstyle="round"))


def _handles(groups: Sequence[Group]) -> list[Patch | Line2D]:
    kinds = [group.domain for group in groups]
    rings = {name: colour for name, colour in DOMAIN_COLOURS.items() if name in kinds}
    neither = {"neither": NO_VALUE} if "" in kinds else {}
    found: list[Patch | Line2D] = [Patch(color=colour, label=name) for name, colour in {**rings, **neither}.items()]
    return [*found, Line2D([], [], color="black", linewidth=SURVIVING, label="survives")]
