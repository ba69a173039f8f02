"""A model, ``config/models/<name>.yaml``: the question, as formula, contrast and test."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from connect.config import setting
from connect.errors import UserError

ALLOWED_CALLS = ("C", "bs")


@dataclass(frozen=True)
class Model:
    """A linear model of the change of each participant.

    The change is post minus pre. In a within-participant design (sessions with conditions), ``condition: drug`` takes
    the change under one condition and ``condition: drug - placebo`` the difference of two changes.
    """

    question: str = setting("the question in a sentence, for the report")
    formula: str = setting("right-hand side in R's notation over participants' columns, such as `~ group + age`")
    contrast: str = setting("`mean` (of the change), `group[a] - group[b]` (two arms), or a numeric column (its slope)")
    condition: str = setting("`a` or `a - b`, names of conditions of the cohort", default="")
    where: Mapping[str, tuple[str, ...]] = setting("participants' column: values to keep", default={})
    motion_covariate: bool = setting("add the change in mean framewise displacement as a covariate", default=True)
    permutations: int = setting("permutations; fewer possible ones are all enumerated", default=5000, minimum=99)
    confidence: float = setting("level of the intervals", default=0.95, minimum=0.5, maximum=0.999)
    alpha: float = setting("level of the tests", default=0.05, minimum=0.0001, maximum=0.5)
    seed: int = setting("seed of the permutations", default=1, minimum=0)

    def __post_init__(self) -> None:
        if not self.formula.lstrip().startswith("~"):
            must = "a right-hand side that starts with `~`"
            raise UserError("key formula", must, self.formula, "write `~ 1` or `~ group + age`")
        calls = set(re.findall(r"([A-Za-z_][\w.]*)\s*\(", self.formula)) - set(ALLOWED_CALLS)
        if calls or re.search(r"[{}\[\]`'\"]|(?<!\w)\.(?!\w)", self.formula):
            must = "names, numbers, operators, C() and bs()"
            raise UserError("key formula", must, self.formula, "compute other columns in the participants table")
