"""Raincloud plots (Allen et al. 2019, doi:10.12688/wellcomeopenres.15191.2): density, box, points and mean of groups.

First the sessions of each arm, then what the contrast compares: the same numbers of participants as in the slopegraph.
The density is that of a normal kernel with the bandwidth of Silverman's rule (1986, Density Estimation, eq. 3.31 with
the standard deviation), cut to the range of the data, so that it shows nothing where nobody is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from scipy import stats

from connect.figures import FIRM, NARROW, PHASES, Inputs, arm_colours, canvas, figure, label_of, wrapped, zoom
from connect.figures.compared import ONE_SESSION, groups_compared, is_difference, value_label
from connect.figures.estimation import Group, mean_of
from connect.figures.participants import phase_values, session_names, sessions_of
from connect.figures.slopegraph import result_in_words
from connect.parcels import PRIMARY, QUANTITIES
from connect.settings.figure import Figure as Recipe

ROW, FRAME = 13.0, 26.0
"""Least height of a group, and of what stands around a panel (mm)."""

LINE = 2.9
"""Height of a line of a name (mm)."""

NAMES = 0.22
"""Share of a panel's width that the names of groups may take."""

CLOUD, BOX, RAIN = (-0.08, -0.46), 0.06, (0.16, 0.42)
"""Where a group has its density, its box and its points, in rows below its middle."""

MOST = 12
"""Most sessions of arms that are shown beside what the contrast compares: the slopegraph shows them all."""

BOX_HEIGHT = 0.07
STEPS = 200
"""Points at which a density is drawn."""

FEWEST = 3
"""Values that a density takes."""


@figure("raincloud")
def raincloud(inputs: Inputs, recipe: Recipe) -> Figure:
    """Draw a raincloud for each session of an arm, and for what the contrast compares."""
    sessions = [] if inputs.model.outcome in ONE_SESSION else groups_of_sessions(inputs)
    level = f"Mean connectivity {QUANTITIES[PRIMARY]} ({inputs.measure.unit.replace(' ', FIRM)})"
    panels = [(sessions, level, False), (groups_compared(inputs), value_label(inputs), is_difference(inputs))]
    panels = [panel for panel in panels if panel[0]]
    panels = panels[-1:] if len(sessions) > MOST else panels
    narrow = recipe.width < NARROW
    width = recipe.width / (1 if narrow else len(panels))
    heights = [max(recipe.height / (2 if narrow else 1), _least(groups, NAMES * width)) for groups, _, _ in panels]
    made = canvas(replace(recipe, height=sum(heights) if narrow else max(heights)))
    n = len(panels)
    drawn = made.subplots(n, 1, squeeze=False, height_ratios=heights) if narrow else made.subplots(1, n, squeeze=False)
    for axes, (groups, label, zero) in zip(drawn.flat, panels, strict=True):
        if zero:
            axes.axvline(0, color="black", linewidth=0.6, linestyle=(0, (4, 3)), zorder=0)
        clouds(axes, groups, NAMES * width)
        axes.set_xlabel(wrapped(label, 0.7 * width))
    made.supxlabel(wrapped(f"{result_in_words(inputs)} {KEY}", recipe.width - 4), fontsize="medium")
    return made


KEY = (
    "Diamond: mean with its interval. Box: median and quartiles. Cloud: normal kernel, bandwidth of Silverman’s rule, "
    "cut to the range of the data."
)
"""What the parts of a raincloud are."""


def groups_of_sessions(inputs: Inputs) -> list[Group]:
    """Return the primary quantity in each session of each arm, in their order."""
    colours, confidence = arm_colours(inputs), inputs.model.confidence
    mixed = inputs.model.outcome == "sessions"
    found = []
    for arm in sorted(inputs.analysed["arm"].unique()):
        people = list(inputs.analysed.loc[inputs.analysed["arm"] == arm, "participant_id"])
        if mixed:
            own = sessions_of(inputs)
            own = own[own["participant_id"].isin(people)]
            values = {name: own.loc[own["label"] == label, PRIMARY] for label, name in session_names(inputs).items()}
        else:
            values = {
                f"{condition} {phase}".lstrip(): phase_values(inputs, people, condition)[phase]
                for condition in inputs.conditions
                for phase in PHASES
            }
        for session, numbers in values.items():
            array = numbers.to_numpy(dtype=np.float64)
            name = label_of(arm, inputs.model, session)
            found.append(Group(name, array, mean_of(array, confidence), colours[arm]))
    return found


def clouds(axes: Axes, groups: Sequence[Group], names: float) -> None:
    """Draw groups below each other; their names may be some mm wide."""
    values = [group.values[np.isfinite(group.values)] for group in groups]
    densities = [density(own) for own in values]
    highest = max((height.max() for _, height in densities if height.size), default=1.0)
    base, reach = CLOUD
    for row, (group, own, (at, height)) in enumerate(zip(groups, values, densities, strict=True)):
        top = row + base + (reach - base) * height / highest
        axes.fill_between(at, row + base, top, color=group.colour, alpha=0.35, linewidth=0)
        axes.plot(at, top, color=group.colour, linewidth=0.8)
        _box(axes, own, row + BOX, group.colour)
        axes.scatter(own, row + rain(own), s=7, color=group.colour, alpha=0.7, linewidths=0, zorder=3)
        mean, low, high = group.mean
        axes.errorbar(
            [mean], [row + base], xerr=[[mean - low], [high - mean]], color=group.colour, marker="D", markersize=4,
            markeredgecolor="black", markeredgewidth=0.5, linewidth=1.4, capsize=2.2, zorder=4,
        )  # fmt: skip
    labels = [f"{name}\nn = {own.size}" for name, own in zip(_names(groups, names), values, strict=True)]
    axes.set(yticks=range(len(groups)), yticklabels=labels, ylim=(len(groups) - 0.48, -0.52))
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.xaxis.set_major_locator(MaxNLocator(5))


def _names(groups: Sequence[Group], width: float) -> list[str]:
    """Return the names of groups in lines that fit a width (mm)."""
    return [wrapped(group.name, width) for group in groups]


def _least(groups: Sequence[Group], names: float) -> float:
    """Return the least height of a panel (mm), whose names may be some mm wide."""
    lines = max(name.count("\n") + 2 for name in _names(groups, names))
    return FRAME + len(groups) * max(ROW, LINE * zoom() * lines + 1)


def density(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return where the density of values ``(n,)`` is drawn, and its height there; nothing for fewer than three.

    Examples
    --------
    >>> at, height = density(np.array([0.0, 1.0, 2.0, 3.0]))
    >>> at[[0, -1]], int(np.argmax(height)) in (99, 100)
    (array([0., 3.]), True)
    """
    if values.size < FEWEST or np.ptp(values) == 0:
        return np.empty(0), np.empty(0)
    at = np.linspace(values.min(), values.max(), STEPS)
    return at, stats.gaussian_kde(values, "silverman")(at)


def rain(values: np.ndarray) -> np.ndarray:
    """Return where each value stands below the middle of its group ``(n,)``, in rows.

    Values take turns in the order of their size, so that neighbours are apart; nothing is drawn by chance.
    """
    lanes = 5
    order = np.empty(values.size, dtype=int)
    order[np.argsort(values, kind="stable")] = np.arange(values.size)
    low, high = RAIN
    found: np.ndarray = low + (high - low) * (2 * order % lanes) / (lanes - 1)
    return found


def _box(axes: Axes, values: np.ndarray, y: float, colour: str) -> None:
    """Draw the quartiles as a box with the median in it."""
    if not values.size:
        return
    first, median, third = np.quantile(values, (0.25, 0.5, 0.75))
    axes.barh([y], [third - first], left=[first], height=BOX_HEIGHT, facecolor="white", edgecolor=colour, linewidth=0.8)
    axes.plot([median, median], [y - BOX_HEIGHT / 2, y + BOX_HEIGHT / 2], color=colour, linewidth=1.6)
