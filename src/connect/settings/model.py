"""A model, ``config/models/<name>.yaml``: the question, as formula, contrast and test."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from connect.config import setting
from connect.errors import UserError
from connect.settings.phenotype import variable

ALLOWED_CALLS = ("C", "bs")

OUTCOMES = {
    "change": "change",
    "rate": "change per week",
    "pre": "connectivity before",
    "post": "connectivity after",
    "sessions": "connectivity",
}
"""What models are about, in words."""

RANKED = ("spearman", "percentage-bend")
"""Correlations of transformed values, of which a slope has no unit."""

MOMENTS = ("change", "rate", "pre", "post")
"""What a model can take of a measure of the person: post minus pre, that per week, and the value of one session."""


def words_of(formula: str) -> list[str]:
    """Return the names of columns in a formula: words that are neither a function nor a keyword of one."""
    words = re.findall(r"\b[^\W\d][\w.]*\b(?!\s*[(=])", formula)
    return [word for word in words if word not in ("True", "False")]


@dataclass(frozen=True)
class Components:
    """How edges are joined to components (network-based statistic)."""

    p: tuple[float, ...] = setting(
        "uncorrected two-sided p below which edges form components; several are corrected for having been tried",
        default=(0.01, 0.005, 0.001),
    )  # fmt: skip
    size: Literal["extent", "intensity"] = setting(
        "size of a component: its number of edges, or the sum of what they exceed the threshold by", default="extent"
    )

    def __post_init__(self) -> None:
        if not self.p or any(not 0 < p < 0.5 for p in self.p) or len(set(self.p)) < len(self.p):
            must = "different p-values between 0 and 0.5"
            raise UserError("key components.p", must, ", ".join(map(str, self.p)) or "none", "write `[0.01, 0.001]`")


@dataclass(frozen=True)
class Model:
    """A linear model of one outcome for each participant, or a mixed model of all sessions.

    The change is post minus pre. In a within-participant design (sessions with conditions), ``condition: drug`` takes
    the change under one condition, ``condition: drug - placebo`` the difference of two changes, ``drug + placebo``
    their mean, and ``a, b, c`` tests all differences among the changes together.
    """

    question: str = setting("the question in a sentence, for the report")
    formula: str = setting("right-hand side in R's notation over participants' columns, such as `~ group + age`")
    contrast: str = setting(
        "`mean`; `group[a] - group[b]` (two arms); `group` (any difference among arms, F); a numeric column (its "
        "slope); or two of these joined by ` : ` (an interaction)"
    )
    outcome: Literal["change", "rate", "pre", "post", "sessions"] = setting(
        "`change` (post minus pre), `rate` (change per week), `pre` or `post` (one session), "
        "or `sessions` (every session, in a mixed model)",
        default="change",
    )  # fmt: skip
    condition: str = setting("`a`, `a - b`, `a + b` or `a, b, c`: conditions of the cohort", default="")
    phenotypes: tuple[str, ...] = setting(
        "measures of the person (files in config/phenotypes) of which the formula names `<name>_change`, `<name>_rate` "
        "(per week), `<name>_pre` or `<name>_post`, in a model of all sessions `<name>` too; hyphens of a name are `_`",
        default=(),
    )
    correlation: Literal["pearson", "spearman", "percentage-bend", "repeated"] = setting(
        "where the contrast is the slope of a column: on values as they are, on ranks, or on values bent towards the "
        "middle, so that outliers count less (Wilcox 1994); `repeated` in a model of all sessions: within participants "
        "(Bakdash and Marusich 2017)",
        default="pearson",
    )
    where: Mapping[str, tuple[str, ...]] = setting("participants' column: values to keep", default={})
    motion_covariate: bool = setting(
        "add motion as a covariate: the change in mean framewise displacement, or that of the session", default=True
    )
    test: Literal["auto", "unequal", "residuals", "labels"] = setting(
        "what is permuted where arms or slopes are compared: residuals in units of their arm's spread (`unequal`), "
        "residuals as they are (`residuals`, Freedman-Lane), or the labels of arms that were assigned at random "
        "(`labels`); `auto` is `unequal` wherever the formula has arms whose variance can be told and no value before, "
        "else `residuals`",
        default="auto",
    )  # fmt: skip
    within_block: str = setting("participants' column (such as a site) inside which they are exchanged", default="")
    whole_block: str = setting("participants' column (such as a family) whose members move together", default="")
    smallest_effect: float | None = setting(
        "smallest effect of interest in units of the estimate, for the test of equivalence", default=None
    )
    components: Components = setting("network-based statistic of the edges", default=Components())
    permutations: int = setting("permutations; fewer possible ones are all enumerated", default=5000, minimum=99)
    resamples: int = setting("bootstrap resamples of the effect sizes", default=2000, minimum=200)
    confidence: float = setting("level of the intervals", default=0.95, minimum=0.5, maximum=0.999)
    alpha: float = setting("level of the tests", default=0.05, minimum=0.0001, maximum=0.5)
    seed: int = setting("seed of the permutations and resamples", default=1, minimum=0)

    def __post_init__(self) -> None:
        if not self.formula.lstrip().startswith("~"):
            must = "a right-hand side that starts with `~`"
            raise UserError("key formula", must, self.formula, "write `~ 1` or `~ group + age`")
        calls = set(re.findall(r"([A-Za-z_][\w.]*)\s*\(", self.formula)) - set(ALLOWED_CALLS)
        if calls or re.search(r"[{}\[\]`'\"]|(?<!\w)\.(?!\w)", self.formula):
            must = "names, numbers, operators, C() and bs()"
            raise UserError("key formula", must, self.formula, "compute other columns in the participants table")
        if self.within_block and self.whole_block:
            got = f"`{self.within_block}` and `{self.whole_block}`"
            raise UserError("key whole_block", "one kind of blocks", got, "take out one of the two")
        if self.smallest_effect is not None and self.smallest_effect <= 0:
            raise UserError("key smallest_effect", "a number above 0", self.smallest_effect, "write its size")
        self._check_signs()
        self._check_phenotypes()

    @property
    def measured(self) -> Mapping[str, tuple[str, str]]:
        """The columns of phenotypes that the formula may name: phenotype and moment, `session` for that of each."""
        moments = {f"{variable(name)}_{moment}": (name, moment) for name in self.phenotypes for moment in MOMENTS}
        each = {variable(name): (name, "session") for name in self.phenotypes} if self.outcome == "sessions" else {}
        return {**each, **moments}

    @property
    def relation(self) -> str:
        """The column of a phenotype whose slope the contrast is; empty in a model of the intervention alone."""
        columns = re.sub(r"\[[^]]*\]", "", self.contrast)
        return next((word for word in words_of(columns) if word in self.measured), "")

    def _check_phenotypes(self) -> None:
        named = words_of(self.formula)
        for name in self.phenotypes:
            columns = [column for column, (of, _) in self.measured.items() if of == name]
            if not set(columns) & set(named):
                must = f"phenotypes that the formula names ({', '.join(f'`{column}`' for column in columns)})"
                raise UserError("key phenotypes", must, f"{name} and `{self.formula}`", "name it, or take it out")
        rates = [column for column, (_, moment) in self.measured.items() if moment == "rate" and column in named]
        if rates and self.outcome not in ("change", "rate"):
            todo = "set `outcome: change` or `rate`, or name another moment"
            raise UserError("key formula", "`_rate` in a model of a change or a rate", f"`{rates[0]}`", todo)
        if self.correlation == "repeated" and self.outcome != "sessions":
            todo = "set `outcome: sessions`, or choose another correlation"
            raise UserError("key correlation", "`repeated` in a model of all sessions", self.outcome, todo)
        if self.correlation in RANKED:
            alone = re.fullmatch(r"[^\W\d][\w.]*", self.contrast.strip()) and self.contrast.strip() != "mean"
            if self.outcome == "sessions" or not alone:
                must = f"`{self.correlation}` where the contrast is one column and each participant has one row"
                got = f"contrast `{self.contrast}`, outcome `{self.outcome}`"
                raise UserError("key correlation", must, got, "take `correlation` out")

    def _check_signs(self) -> None:
        """Refuse what says how participants are permuted where their signs are flipped instead."""
        sessions = self.outcome == "sessions"
        if self.within_block and (sessions or self.contrast.strip() == "mean"):
            what = "a model of all sessions" if sessions else "the contrast `mean`"
            must = f"no block to stay in for {what}, which exchanges nobody but flips the signs of each"
            todo = f"put `{self.within_block}` into the formula, or set `whole_block` if its members belong together"
            raise UserError("key within_block", must, self.within_block, todo)
        if self.test != "auto" and (sessions or self.contrast.strip() == "mean"):
            what = "a model of all sessions" if sessions else "the contrast `mean`"
            must = f"`auto` for {what}, tested by flipping the signs of whole participants"
            raise UserError("key test", must, self.test, "take `test` out")
