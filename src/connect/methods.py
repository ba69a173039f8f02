"""Ways to test, and which of them fits a design.

A mean change is tested by sign flips, all sessions by a mixed model. Where the formula has arms, they may vary
differently unless the model says otherwise; all else takes variances to be equal.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from connect.design import Asked
from connect.errors import TooFew, UserError
from connect.formulas import groups, has_baseline
from connect.settings.model import Model

METHODS = {
    "flips": "sign flips",
    "unequal": "permutations of participants between arms of unequal variance",
    "residuals": "permutations of participants",
    "labels": "permutations of labels",
    "mixed": "sign flips of participants in a mixed model",
    "repeated": "sign flips of participants around their own level",
}
"""Ways to test, in words."""

SMALL_ARM = {False: 6, True: 10}
"""Participants below which an arm of unequal variance asks for caution, without and with covariates: family-wise errors
reached 0.066 with 5 and, with four covariates, 0.076 with 8 participants where ratios differed over edges."""

SMALLEST_ARM = 4
"""Participants below which the variance of an arm cannot be told from that of the others."""

LEAST_DF = 2.0
"""Residual degrees of freedom of an arm below which covariates leave nothing to tell its variance from."""


def method_of(model: Model, made: Asked, rows: pd.DataFrame, where: object) -> str:
    """Return how a model is tested, a key of :data:`METHODS`.

    Raises
    ------
    UserError
        If the model asks for a test that its design does not allow, or arms are too small to tell their variance.
    """
    if model.outcome == "sessions":
        return "mixed"
    if model.contrast == "mean":
        return "flips"
    if made.arms and model.whole_block and _mixed(rows, model.whole_block, made.arms):
        must = f"a `{model.whole_block}` that is in one arm, since its members move together"
        todo = f"set `within_block: {model.whole_block}`, which exchanges its members"
        raise UserError(f"{where}, key whole_block", must, f"members of each in several of `{made.arms}`", todo)
    column = arm_column(model, made, rows)
    possible = bool(column) and not has_baseline(model) and ("part" not in rows or rows["part"].max() == 0)
    if model.test == "auto" and possible and not made.arms:
        return "unequal" if _known_well(model, made, rows) else "residuals"
    if model.test == "auto":
        return _with_enough(made, rows, where, column) if possible else "residuals"
    if model.test == "unequal" and not possible:
        must = "groups in the formula, no value before and one value of each participant, for arms of unequal variance"
        got = f"formula `{model.formula}`, contrast `{model.contrast}`"
        raise UserError(f"{where}, key test", must, got, "set `test: residuals`")
    return _with_enough(made, rows, where, column) if model.test == "unequal" else model.test


def _mixed(rows: pd.DataFrame, block: str, column: str) -> bool:
    """Whether every block has members in several arms, so that moving blocks as wholes changes nothing."""
    return bool(rows.groupby(block)[column].agg(lambda own: len(set(own)) > 1).all())


def arm_column(model: Model, made: Asked, rows: pd.DataFrame) -> str:
    """Return the column of the arms that a contrast compares; else of the only groups in the formula; else nothing."""
    known = groups(rows, model)
    return made.arms or (known[0] if len(known) == 1 else "")


def labels_of(rows: pd.DataFrame, column: str) -> np.ndarray:
    """Return the group of each row ``(n_rows,)``."""
    return rows[column].astype(str).to_numpy()


def _degrees_of_freedom(made: Asked, rows: pd.DataFrame, column: str) -> pd.Series[float]:
    """Return the residual degrees of freedom of each group."""
    leverage = np.square(np.linalg.qr(made.matrix)[0]).sum(axis=1)
    return pd.Series(1 - leverage).groupby(labels_of(rows, column)).sum()


def _known_well(model: Model, made: Asked, rows: pd.DataFrame) -> bool:
    """Whether groups that a contrast does not compare are large enough to tell their variance without caution."""
    column = arm_column(model, made, rows)
    enough = rows.groupby(column)["participant_id"].nunique().min() >= SMALL_ARM[True]
    return bool(enough and _degrees_of_freedom(made, rows, column).min() >= LEAST_DF)


def _with_enough(made: Asked, rows: pd.DataFrame, where: object, column: str) -> str:
    """Return the method for unequal variances; fewer than 4 participants do not tell the variance of their arm."""
    counts = rows.groupby(column)["participant_id"].nunique()
    few = counts[counts < SMALLEST_ARM]
    if len(few):
        got = ", ".join(f"{count} in {arm}" for arm, count in few.items())
        todo = "take the arm out with `where`, or set `test: residuals` if its variance must be that of the others"
        raise TooFew(f"{where}, key test", f"at least {SMALLEST_ARM} participants in every arm", got, todo)
    left = _degrees_of_freedom(made, rows, column)
    if left.min() < LEAST_DF:
        got = ", ".join(f"{df:.1f} in {arm}" for arm, df in left[left < LEAST_DF].items())
        must = f"at least {LEAST_DF:.0f} residual degrees of freedom in every arm"
        raise TooFew(f"{where}, key test", must, got, "use fewer covariates, or set `test: residuals`")
    return "unequal"
