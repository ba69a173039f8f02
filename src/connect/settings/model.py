"""A model, ``config/models/<name>.yaml``: the question, as formula, contrast and test."""

from __future__ import annotations

from dataclasses import dataclass

from connect.config import setting
from connect.errors import UserError


@dataclass(frozen=True)
class Model:
    """A linear model of the change of each participant.

    The change is post minus pre. In a within-participant design (sessions with conditions), ``condition: drug`` takes
    the change under one condition and ``condition: drug - placebo`` the difference of two changes.
    """

    question: str = setting("the question in a sentence, for the report")
    formula: str = setting(
        "right-hand side in R's notation over columns of the participants table, such as `~ group + age`"
    )
    contrast: str = setting(
        "`mean` for the mean change, `group[a] - group[b]` for two arms, or the name of a numeric column"
    )
    condition: str = setting("`a` or `a - b`, names of conditions of the cohort", default="")
    where: str = setting("which participants, as a pandas query such as `group == 'cbt'`; empty for all", default="")
    motion_covariate: bool = setting("add the change in mean framewise displacement (mm) as a covariate", default=True)
    permutations: int = setting(
        "number of permutations; all are enumerated when there are no more", default=5000, minimum=99
    )
    bootstraps: int = setting("resamples behind intervals of standardised effects", default=2000, minimum=200)
    confidence: float = setting("level of the intervals", default=0.95, minimum=0.5, maximum=0.999)
    seed: int = setting("seed of permutations and resamples", default=1, minimum=0)

    def __post_init__(self) -> None:
        if not self.formula.lstrip().startswith("~"):
            raise UserError(
                "key formula", "a right-hand side that starts with `~`", self.formula, "write `~ 1` or `~ group + age`"
            )
