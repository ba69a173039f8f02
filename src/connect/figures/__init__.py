"""Figures: a registry, what every figure is given, and the style that all share.

A figure is a function registered by name; ``config/figures/<name>.yaml`` names it as its ``kind``. It takes
:class:`Inputs` and the recipe and gives a matplotlib figure, without touching a file. Colours of groups are those of
Okabe and Ito (2008), which readers with any colour vision can tell apart.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from matplotlib import colormaps, rcParams
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import Colormap
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, fontManager
from matplotlib.legend import Legend
from matplotlib.textpath import text_to_path

from connect.columns import Values
from connect.config import suggest
from connect.errors import UserError
from connect.functions import Own
from connect.people import word
from connect.settings.atlas import Atlas
from connect.settings.cohort import Cohort
from connect.settings.figure import Figure as Recipe
from connect.settings.measure import Measure
from connect.settings.model import Model
from connect.words import PHASES as PHASES
from connect.words import SIZES, Contrast, effect_unit, size_column, statistic_name
from connect.words import effect_label as effect_label

ARM_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
ONE_GROUP = "#4D4D4D"
"""Colour of a model without arms: neutral, so that no arm's colour stands for something else."""

DOMAIN_COLOURS = {"emotion": "#E69F00", "cognition": "#009E73"}
BLOCK_COLOUR = "#000000"
"""Colour of the emotion × cognition block."""

VARIANT_COLOURS = {"level": "#0072B2", "change": "#D55E00"}
"""Colours of the two kinds of QC-FC: FD with connectivity, and change in FD with change in connectivity."""

NO_VALUE = "#B3B3B3"

FIRM = "\N{NO-BREAK SPACE}"
MM_PER_POINT = 25.4 / 72

NARROW = 120.0
"""Width (mm) below which panels stand below each other."""

SYMBOL = 11.0
"""Width that the symbol of a legend takes with the room around it (mm)."""

BOLD = 0.86
"""Share of a line that a text may take by its length, if it is bold."""

SMALL = 6.0
"""Size of the smallest letters (points), which journals ask for, where labels have that of the style."""

STYLE: Mapping[str, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 7,
    "axes.titlesize": 7.5,
    "axes.labelsize": 7,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.labelsize": 7,
    "ytick.labelsize": 6.5,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "text.hinting": "none",
    "svg.fonttype": "path",
    "svg.hashsalt": "connect",
    "pdf.fonttype": 42,
}
"""On top of matplotlib's defaults; type 42 fonts are what journals take, and letters without hinting are as wide in
pixels as they are in print."""


@dataclass(frozen=True)
class Inputs:
    """What a figure can show.

    Parameters
    ----------
    atlas, cohort, measure, model
        Choices of the universe and the question.
    conditions
        Conditions of the cohort that the model uses; one empty name without conditions.
    part
        Weight of each in what is modelled, the first if several weightings are tested together.
    parcels
        Parcels table, one row per parcel.
    domain
        Domain of each parcel ``(n_parcels,)``: `emotion`, `cognition` or empty.
    kept
        Every scan, kept or not and why, with mean FD (mm).
    scans
        One row per row of ``connectomes``.
    connectomes
        Upper triangles ``(n_scans, n_edges)`` in units of the measure.
    domain_tests, network_tests, edge_tests, nulls, session_values, people, summary
        What the compare stage found.
    assessments
        What the assess stage found in the primary atlas and measure: a record per denoising strategy in the plan's
        order, the primary one first.
    qcfc
        Each edge of the primary universe, with its distance (mm) and the QC-FC of level and change.
    rates
        How often the tests found something where nothing was, if the plan has a calibration.
    universes
        What the model found in every universe, a summary each, if the figure shows them.
    """

    atlas: Atlas
    cohort: Cohort
    measure: Measure
    model: Model
    conditions: tuple[str, ...]
    part: Mapping[str, float]
    parcels: pd.DataFrame
    domain: np.ndarray
    kept: pd.DataFrame
    scans: pd.DataFrame
    connectomes: Values
    domain_tests: pd.DataFrame
    network_tests: pd.DataFrame
    edge_tests: pd.DataFrame
    nulls: pd.DataFrame
    session_values: pd.DataFrame
    people: pd.DataFrame
    summary: Mapping[str, Any]
    assessments: Sequence[Mapping[str, Any]]
    qcfc: pd.DataFrame
    rates: pd.DataFrame | None = None
    universes: Sequence[Mapping[str, Any]] = ()

    @property
    def arm_column(self) -> str:
        """Participants' column whose levels the contrast compares, or empty; phases and conditions are no arms."""
        named = (self.summary["arm_column"], *(name for name, _, _ in Contrast.of(self.summary).pairs))
        return next((name for name in named if name in self.people), "")

    @property
    def analysed(self) -> pd.DataFrame:
        """One row per analysed participant, with their ``arm`` (empty in a model without arms)."""
        return with_arms(self.people[self.people["analysed"] == "yes"], self.arm_column)


Draw = Callable[[Inputs, Recipe], Figure]
FIGURES: dict[str, Draw] = {}


def figure(name: str) -> Callable[[Draw], Draw]:
    """Register a figure under a name."""

    def register(function: Draw) -> Draw:
        FIGURES[name] = function
        return function

    return register


def registered(name: str) -> Draw:
    """Return the figure of that name; a UserError names the nearest one."""
    if name not in FIGURES:
        must = f"one of: {', '.join(FIGURES)}"
        raise UserError("key kind of the figure", must, name, f"choose a registered figure{suggest(name, FIGURES)}")
    return FIGURES[name]


def style_of(recipe: Recipe) -> dict[str, Any]:
    """Return the style of a figure: the common one in the font and size of the recipe.

    Raises
    ------
    UserError
        If this machine has no such font.
    """
    known = {font.name for font in fontManager.ttflist}
    if recipe.font not in known:
        must = "the name of a font that is installed"
        todo = f"install it, or leave the key out{suggest(recipe.font, known)}"
        raise UserError("key font of the figure", must, recipe.font, todo)
    scale = recipe.font_size / STYLE["font.size"]
    sizes = {key: value * scale for key, value in STYLE.items() if key == "font.size" or key.endswith("labelsize")}
    sizes |= {key: STYLE[key] * scale for key in ("axes.titlesize", "legend.fontsize")}
    return {**STYLE, **sizes, "font.sans-serif": [recipe.font, *STYLE["font.sans-serif"]]}


def own_figure(own: Own, inputs: Any, recipe: Recipe) -> Figure:
    """Return the figure of a function of the user's own; a UserError says what is wrong with it."""
    must = "a matplotlib Figure"
    made = own.call(own.load(), must, f"the figure `{recipe.title}`", inputs, recipe)
    if not isinstance(made, Figure):
        raise UserError(own, must, type(made).__name__, "return what `connect.figures.canvas(recipe)` gave")
    return made


def zoom() -> float:
    """Return how much larger the letters of this figure are than those of the style."""
    return float(rcParams["font.size"]) / float(STYLE["font.size"])


def small() -> float:
    """Return the size of the smallest letters of this figure (points)."""
    return SMALL * max(1.0, zoom())


def canvas(
    recipe: Recipe, rows: int = 1, layout: Literal["constrained", "compressed"] | None = "constrained"
) -> Figure:
    """Return an empty figure of the recipe's width, and of its height for each row of panels."""
    return Figure(figsize=(recipe.width / 25.4, recipe.height * rows / 25.4), layout=layout)


def signed_colours(recipe: Recipe) -> Colormap:
    """Return the recipe's colour map with grey for missing values; a UserError names the nearest one."""
    if recipe.colour_map not in colormaps:
        todo = f"choose one, such as `RdBu_r`{suggest(recipe.colour_map, colormaps)}"
        raise UserError("key colour_map of the figure", "a colour map of matplotlib", recipe.colour_map, todo)
    return colormaps[recipe.colour_map].with_extremes(bad=NO_VALUE)


def wrapped(text: str, width: float, size: float | str | None = None) -> str:
    """Break a text into lines that fit a width (mm; 10 at least), at a size in points or else that of labels.

    Lines break at blanks, behind hyphens and underscores, and inside a word only if it is wider than a line.
    """
    width, bound = max(10.0, width), text.replace(" − ", f"{FIRM}−{FIRM}")
    pieces, lines = re.split(r"([ \n]+|(?<=\w[-_])(?=\w))", bound), [""]
    for blank, piece in zip(["", *pieces[1::2]], pieces[::2], strict=True):
        if not lines[-1] or length_of(lines[-1] + blank + piece, size) <= width:
            lines[-1] += blank + piece
        else:
            lines.append(piece)
        while len(lines[-1]) > 1 and length_of(lines[-1], size) > width:
            last = lines.pop()
            fit = next((n for n in range(len(last) - 1, 1, -1) if length_of(last[:n], size) <= width), 1)
            lines += [last[:fit], last[fit:]]
    return "\n".join(lines)


def headed(text: str, width: float) -> str:
    """Break the title of a panel into lines that fit a width (mm); its own lines stay apart."""
    return "\n".join(wrapped(line, width, rcParams["axes.titlesize"]) for line in text.split("\n"))


def length_of(text: str, size: float | str | None = None) -> float:
    """Return the length of a line of text (mm), at a size in points or else that of labels."""
    letters = FontProperties(size=rcParams["axes.labelsize"] if size is None else size)
    return float(text_to_path.get_text_width_height_descent(text, letters, ismath=False)[0]) * MM_PER_POINT


def legend(holder: Figure | Axes, handles: Sequence[Artist], width: float, most: int = 4, **keys: Any) -> Legend:
    """Draw a legend in as many columns as fit a width (mm), ``most`` of them at most; long labels are broken.

    Other keys are those of matplotlib, such as ``loc``.
    """
    names = [wrapped(str(handle.get_label()), width - SYMBOL) for handle in handles]
    longest = max((length_of(line) for name in names for line in name.split("\n")), default=0.0)
    columns = max(1, min(most, len(names), int((width + SYMBOL / 3) / (longest + SYMBOL))))
    return holder.legend(handles=handles, labels=names, ncols=columns, columnspacing=1.2, **keys)


def with_arms(people: pd.DataFrame, column: str) -> pd.DataFrame:
    """Return a table of participants with their ``arm`` as text: empty without a column, missing where unknown."""
    return people.assign(arm=people[column].map(word) if column in people else "")


def arm_colours(inputs: Inputs) -> dict[str, str]:
    """Return the colour of each arm of the participants table, the same in every figure of a model."""
    column = inputs.arm_column
    names = sorted(with_arms(inputs.people, column)["arm"].dropna().unique()) if column else []
    return {"": ONE_GROUP} | {name: ARM_COLOURS[n % len(ARM_COLOURS)] for n, name in enumerate(names)}


def group_label(arm: str, model: Model) -> str:
    """Return the name of an arm, or of the participants that a model without arms is about."""
    chosen = "; ".join(" or ".join(values) for values in model.where.values())
    return arm or chosen or "all participants"


def label_of(arm: str, model: Model, *parts: str) -> str:
    """Return the name of an arm with its condition or session, which stand alone where all participants are meant."""
    whole = [arm or "; ".join(" or ".join(values) for values in model.where.values()), *parts]
    return ", ".join(filter(None, whole)) or group_label(arm, model)


def effect_axis(inputs: Inputs, length: float) -> str:
    """Return the label of an axis of estimates, with its unit, in lines that fit a length (mm).

    Where several contrasts are tested together there is none, and the axis is one of :data:`connect.words.SIZES`.
    """
    what, size = effect_label(inputs.summary), SIZES.get(size_column(inputs.summary, inputs.edge_tests))
    return wrapped(f"{what}: {size}" if size else f"{what} ({effect_unit(inputs.summary)})", length)


def number(value: float | None, form: str) -> str:
    """Return a number as text, with a true minus sign and none before a 0; ``n/a`` when it is missing."""
    if value is None or np.isnan(value):
        return "n/a"
    text = format(value, form)
    return text.removeprefix("-") if float(text) == 0 else text.replace("-", "−")


def form_of(values: Iterable[float | None]) -> str:
    """Return the number format that gives the largest of some values three significant digits, and all the same."""
    largest = max((abs(value) for value in values if value), default=1.0)
    return f".{max(0, 2 - int(np.floor(np.log10(largest))))}f"


def survivors(inputs: Inputs) -> np.ndarray:
    """Return which edges ``(n_edges,)`` survive the correction for all edges."""
    found: np.ndarray = (inputs.edge_tests["p_fwe"] <= inputs.model.alpha).to_numpy()
    return found


def correction(inputs: Inputs) -> str:
    """Return in words how edges are corrected, and whether the gate is open."""
    text = (
        f"p{FIRM}≤{FIRM}{inputs.model.alpha:g}, corrected for all edges by the largest {statistic_name(inputs.summary)}"
    )
    return text + ("" if inputs.summary["gate"] == "open" else "; exploratory, because the primary test did not pass")
