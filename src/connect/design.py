"""From a formula over participants to the design of a test: one effect of interest and its nuisance columns."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from math import prod

import numpy as np
import pandas as pd
from formulaic import Formula, ModelMatrix, model_matrix
from formulaic.errors import FormulaicError
from scipy.linalg import block_diag

from connect.contrasts import contrast_of, levels_of
from connect.errors import UserError
from connect.estimable import check_columns_differ, check_groups, check_participants, check_sessions
from connect.formulas import BASELINE, MOTION, has_baseline, is_number, motion_of
from connect.settings.model import Model, words_of

COLOURS = r"\x1b\[[\d;]*m|[\u29d8-\u29db]"
"""What formulaic puts around the wrong part of a formula for a terminal."""


@dataclass(frozen=True)
class Design:
    """One contrast in a linear model, split into the effect and the nuisance.

    Parameters
    ----------
    effect
        Columns ``(n, q)`` whose coefficients are the q rows of the contrast (Ridgway's partition; Winkler et al. 2014,
        appendix A). One row is tested by t, several together by F.
    nuisance
        Columns ``(n, k - q)`` that span the rest of the model.
    columns
        Names of the columns of the full model.
    flips
        Whether the null is a symmetric change about zero, so that signs are exchangeable; else participants are.
    arms
        Column of the participants that the contrast compares, or empty.
    blocks
        Label of the block (site, family) of each participant ``(n,)``, or None.
    whole
        Whether blocks move as wholes; else participants move within them.
    """

    effect: np.ndarray
    nuisance: np.ndarray
    columns: tuple[str, ...]
    flips: bool
    arms: str
    blocks: np.ndarray | None = None
    whole: bool = False

    @property
    def n(self) -> int:
        """Number of participants."""
        return len(self.effect)

    @property
    def df(self) -> int:
        """Residual degrees of freedom."""
        return self.n - int(self.effect.shape[1]) - int(self.nuisance.shape[1])


@dataclass(frozen=True)
class Asked:
    """A linear model and a contrast in it.

    Parameters
    ----------
    matrix
        Design matrix ``(n_rows, k)``.
    columns
        Names of its columns ``(k,)``.
    contrast
        Weights ``(q, k)``.
    arms
        Column of the participants that the contrast compares, or empty.
    levels
        The two levels of it that the contrast is the difference of, or none.
    scale
        Standard deviation of the column whose slope the contrast is, or 1.
    """

    matrix: np.ndarray
    columns: tuple[str, ...]
    contrast: np.ndarray
    arms: str
    levels: tuple[str, ...] = ()
    scale: float = 1.0


def design(rows: pd.DataFrame, model: Model, where: object) -> Design:
    """Return the design of a test by rearrangement, from the model that :func:`asked` gives.

    Weightings of conditions that are tested together stand below each other in the rows and have columns of their own;
    then participants move as wholes.
    """
    made = asked(rows, model, where)
    effect, nuisance = partition(made.matrix, made.contrast)
    _check_intercept(effect, model, where)
    together = "part" in rows and rows["part"].max() > 0
    if together and model.within_block:
        todo = "test the conditions one by one, or leave out the block"
        raise UserError(f"{where}, key within_block", "one change for each participant", "several", todo)
    whole = model.whole_block or ("participant_id" if together else "")
    blocks = rows[whole or model.within_block].to_numpy() if whole or model.within_block else None
    return Design(
        effect, nuisance, made.columns, flips=model.contrast == "mean", arms=made.arms, blocks=blocks, whole=bool(whole)
    )


def asked(rows: pd.DataFrame, model: Model, where: object) -> Asked:
    """Return the design matrix and the contrast of a model over its rows.

    For the mean change, covariates are centred, but the change in motion is not: the mean change is the one expected
    of a participant with average covariates who moved as much after as before. Levels, arms and slopes are compared
    over the same covariates, those of all rows, so that the contrast holds in a model with interactions too.

    Parameters
    ----------
    rows
        One row per row of the model, complete in every variable.
    model
        Formula and contrast.
    where
        The model's file, for error messages.

    Raises
    ------
    UserError
        If the formula does not fit the table, a group has one member, columns are collinear, or too few participants or
        sessions are left.
    """
    check_groups(rows, model, where)
    parts = [own for _, own in rows.groupby("part", sort=True)] if "part" in rows else [rows]
    found = [_asked_of_part(part.reset_index(drop=True), model, where) for part in parts]
    if len(found) == 1:
        return found[0]
    matrix = np.zeros((len(rows), sum(one.matrix.shape[1] for one in found)))
    first = 0
    for part, one in zip(parts, found, strict=True):
        matrix[part.index, first : first + one.matrix.shape[1]] = one.matrix
        first += one.matrix.shape[1]
    names = tuple(f"{name}, part {number}" for number, one in enumerate(found) for name in one.columns)
    return Asked(matrix, names, block_diag(*(one.contrast for one in found)), found[0].arms, scale=found[0].scale)


def matrix_of(rows: pd.DataFrame, model: Model, where: object) -> ModelMatrix:
    """Return the design matrix of a model over its rows, with motion and without the value before.

    Raises
    ------
    UserError
        If the formula does not fit the table.
    """
    return _matrix(_formula(model, where), rows, where)


def _asked_of_part(rows: pd.DataFrame, model: Model, where: object) -> Asked:
    matrix = matrix_of(rows, model, where)
    columns = tuple(str(name) for name in matrix.columns)
    values = np.array(matrix, dtype=np.float64)
    if model.outcome == "sessions":
        check_sessions(values, columns, rows["participant_id"].to_numpy(), where)
    else:
        check_participants(values, columns, where)
    check_columns_differ(values, columns, where)
    contrast, arms = contrast_of(model, matrix, rows, where)
    if model.contrast == "mean":
        centred = [name != "Intercept" and MOTION not in name.split(":") for name in columns]
        values[:, centred] -= values[:, centred].mean(axis=0)
    text = model.contrast.strip()
    levels = levels_of(text, rows)
    slopes = [name for name in text.split(" : ") if name in rows and is_number(rows[name]) and name != arms]
    scale = prod(float(rows[name].std()) or 1.0 for name in slopes)
    return Asked(values, columns, contrast, arms, levels if arms else (), scale)


def _formula(model: Model, where: object) -> str:
    """Return the formula with motion, and without the value before, which differs from edge to edge."""
    motion, formula = motion_of(model), model.formula
    if has_baseline(model):
        place = f"{where}, key formula"
        if model.contrast.strip() == "mean" and not re.search(r" - |,", model.condition):
            must = "a difference or a slope in a model with the value before, whose own mean is only estimated"
            raise UserError(f"{where}, key contrast", must, "`mean`", "take `pre` out of the formula")
        terms = [str(term) for term in Formula(formula) if BASELINE in words_of(str(term))]
        if terms != [BASELINE]:
            got = f"the term `{next(term for term in terms if term != BASELINE)}`"
            raise UserError(place, "`pre` as a term of its own", got, "take the interaction out")
        if model.outcome not in ("change", "post"):
            todo = "set `outcome: post`, or take `pre` out of the formula"
            raise UserError(place, "`pre` in a model of `post` or of the change", f"outcome `{model.outcome}`", todo)
        formula += f" - {BASELINE}"
    return formula + (f" + {motion}" if model.motion_covariate and motion not in words_of(formula) else "")


def partition(values: np.ndarray, contrast: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Split a design matrix into the column of a contrast and the nuisance columns.

    Parameters
    ----------
    values
        Design matrix ``(n, k)`` of full rank.
    contrast
        Weights ``(q, k)``, rows of full rank.

    Returns
    -------
    tuple of numpy.ndarray
        Effect ``(n, q)``, whose coefficients in the model [effect, nuisance] equal the contrast of the coefficients
        of the design matrix, and nuisance ``(n, k - q)``.
    """
    weights = np.linalg.pinv(values).T @ contrast.T
    null = np.linalg.svd(contrast)[2][len(contrast) :].T
    return weights @ np.linalg.inv(weights.T @ weights), values @ null


def _matrix(formula: str, people: pd.DataFrame, where: object) -> ModelMatrix:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            matrix = model_matrix(formula, people)
        if not isinstance(matrix, ModelMatrix) or matrix.shape[1] == 0:
            raise ValueError("no columns, or more than one part")
    except (FormulaicError, SyntaxError, ValueError, KeyError, TypeError) as error:
        got = f"{formula}: {' '.join(re.sub(COLOURS, '', str(error)).split())}"
        raise UserError(
            f"{where}, key formula", "a formula over the participants' columns", got, "correct it"
        ) from error
    return matrix


def _check_intercept(effect: np.ndarray, model: Model, where: object) -> None:
    """Without an intercept, participants are exchangeable only if the mean change is 0, which no one asked."""
    if model.contrast != "mean" and np.any(np.abs(effect.mean(axis=0)) > 1e-6 * np.sqrt(np.mean(effect**2, axis=0))):
        todo = "write the formula without `0 +` or `- 1`"
        raise UserError(f"{where}, key formula", "a model with an intercept", model.formula, todo)
