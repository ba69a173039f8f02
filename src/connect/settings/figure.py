"""A figure, ``config/figures/<name>.yaml``: the recipe of a picture."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from connect.config import setting
from connect.errors import UserError
from connect.functions import Own, kind_or_function

OF_SCANS = "carpet"
"""The kind of figure that is about a scan."""


@dataclass(frozen=True)
class Figure:
    """What to draw, of what and how large: a registered kind, a function of the user's own, or panels.

    The function takes the inputs and the recipe, as the registered ones do, and returns a matplotlib figure. Panels are
    other figures, put together at their own sizes.
    """

    one_of: ClassVar[tuple[str, ...]] = ("kind", "function", "panels")

    title: str = setting("heading and alternative text in the report")
    caption: str = setting("what the reader sees, for the report")
    kind: str = setting(
        "a registered figure: slopegraph, raincloud, forest, null_distribution, relation, change_matrix, matrix, "
        "glass_brain, chord, flow, motion, denoising, qcfc or calibration; carpet if it is about a scan",
        default="",
    )
    function: Path | None = setting("in place of `kind`: a function of your own, as `file.py:name`", default=None)
    panels: tuple[tuple[str, ...], ...] = setting(
        "in place of `kind`: rows of names of other figures, which become a, b, c ... of one figure in `figures/`",
        default=(),
    )
    about: Literal["model", "relation", "cohort", "scan"] = setting(
        "`model`: drawn for every model of the intervention; `relation`: for every model of the slope of "
        "a phenotype; `cohort`: drawn once, with the primary model, for the quality section; "
        "`scan`: drawn for every scan",
        default="model",
    )
    cohort: str = setting("cohort of `figures/<name>`; without a name the first of the plan", default="")
    model: str = setting("the one model to draw it for; without a name each that it is about", default="")
    scan: str = setting("scan of `figures/<name>` if it is about scans; without a name the first", default="")
    atlas: str = setting("atlas to show; without a name the primary one of the plan, as for the next two", default="")
    strategy: str = setting("denoising strategy to show", default="")
    measure: str = setting("measure to show", default="")
    width: float = setting("width", default=180.0, unit="mm", minimum=40, maximum=400)
    height: float = setting(
        "height of a row of panels; in `calibration`, `denoising` and `forest` the least of a row of numbers, in "
        "`chord` and `glass_brain` that of the figure at most; `flow` is as high as its boxes",
        default=90.0,
        unit="mm",
        minimum=5,
        maximum=400,
    )
    font: str = setting("font family; the default comes with matplotlib, so that it is everywhere the same",
                        default="DejaVu Sans")  # fmt: skip
    font_size: float = setting("size of labels; other text scales with it", default=7.0, unit="pt", minimum=4,
                               maximum=20)  # fmt: skip
    colour_map: str = setting("matplotlib colour map of signed values", default="RdBu_r")
    edges: int = setting("number of strongest edges in a glass brain or a chord diagram", default=60, minimum=1)

    def __post_init__(self) -> None:
        if self.panels:
            self._check_panels()
        elif self.own is None and (self.kind == OF_SCANS) != (self.about == "scan"):
            must = f"`about: scan` of the kind `{OF_SCANS}`, and of no other"
            raise UserError("key about", must, f"`{self.about}` of `{self.kind}`", "correct `about` or `kind`")

    def _check_panels(self) -> None:
        if self.kind or self.function:
            todo = "write one of the two; the panels have kinds in their own files"
            raise UserError("key panels", "`panels`, or a `kind` or `function`", "both", todo)
        if not all(self.panels):
            raise UserError("key panels", "at least one figure in each row", "an empty row", "remove the row")

    @property
    def own(self) -> Own | None:
        """The function of the user's own, if the figure is one."""
        return None if self.panels else kind_or_function(self.kind, self.function)
