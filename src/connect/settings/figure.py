"""A figure, ``config/figures/<name>.yaml``: the recipe of a picture."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from connect.config import setting
from connect.functions import Own, kind_or_function


@dataclass(frozen=True)
class Figure:
    """What to draw and how large: a registered kind, or a function of the user's own.

    The function takes the inputs and the recipe, as the registered ones do, and returns a matplotlib figure.
    """

    one_of: ClassVar[tuple[str, ...]] = ("kind", "function")

    title: str = setting("heading and alternative text in the report")
    caption: str = setting("what the reader sees, for the report")
    kind: str = setting(
        "a registered figure: slopegraph, raincloud, forest, relation, change_matrix, matrix, glass_brain, chord, "
        "flow, motion, denoising, qcfc or calibration",
        default="",
    )
    function: Path | None = setting("in place of `kind`: a function of your own, as `file.py:name`", default=None)
    about: Literal["model", "relation", "cohort"] = setting(
        "`model`: drawn for every model of the intervention; `relation`: for every model of the slope of "
        "a phenotype; `cohort`: drawn once, with the primary model, for the quality section",
        default="model",
    )
    width: float = setting("width", default=180.0, unit="mm", minimum=40, maximum=400)
    height: float = setting(
        "height of a row of panels; in `calibration`, `denoising` and `forest` the least of a row of numbers, in "
        "`chord` and `glass_brain` that of the figure at most; `flow` is as high as its boxes",
        default=90.0,
        unit="mm",
        minimum=5,
        maximum=400,
    )
    colour_map: str = setting("matplotlib colour map of signed values", default="RdBu_r")
    edges: int = setting("number of strongest edges in a glass brain or a chord diagram", default=60, minimum=1)

    def __post_init__(self) -> None:
        _ = self.own

    @property
    def own(self) -> Own | None:
        """The function of the user's own, if the figure is one."""
        return kind_or_function(self.kind, self.function)
