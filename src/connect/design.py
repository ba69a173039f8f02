"""From a formula over participants to the design of a test: one effect of interest and its nuisance columns."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from formulaic import ModelMatrix, model_matrix
from formulaic.errors import FormulaicError

from connect.config import suggest
from connect.errors import UserError
from connect.settings.model import Model

MOTION = "fd_change"
"""Column of the change in mean framewise displacement (mm)."""

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


def variables(model: Model) -> tuple[str, ...]:
    """Return the participants' columns that a model needs, besides the change in motion."""
    return tuple(dict.fromkeys(word for word in (*_words(model.formula), *model.where) if word != MOTION))


def groups(people: pd.DataFrame, model: Model) -> tuple[str, ...]:
    """Return the variables of the formula that are groups: text, true or false, or wrapped in ``C()``."""
    wrapped = _words(" ".join(re.findall(r"\bC\s*\(([^()]*)\)", model.formula)))
    names = [name for name in _words(model.formula) if name in people]
    return tuple(dict.fromkeys(name for name in names if name in wrapped or not _is_number(people[name])))


def design(people: pd.DataFrame, model: Model, where: object) -> Design:
    """Return the design of a model over the analysed participants.

    For the mean change, covariates are centred, but the change in motion is not: the mean change is the one expected
    of a participant with average covariates who moved as much after as before. Two arms are compared over the same
    covariates, those of all analysed participants, so that the contrast holds in a model with interactions too.

    Parameters
    ----------
    people
        One row per participant, complete in every variable of the model.
    model
        Formula and contrast.
    where
        The model's file, for error messages.

    Raises
    ------
    UserError
        If the formula does not fit the table, a group has one member, columns are collinear, or too few participants
        are left.
    """
    _check_groups(people, model, where)
    formula = model.formula + (f" + {MOTION}" if model.motion_covariate and MOTION not in _words(model.formula) else "")
    matrix = _matrix(formula, people, where)
    columns = tuple(str(name) for name in matrix.columns)
    values = np.array(matrix, dtype=np.float64)
    _check_rank(values, columns, where)
    contrast, arms = _contrast(model, matrix, people, where)
    if model.contrast == "mean":
        centred = [name != "Intercept" and MOTION not in name.split(":") for name in columns]
        values[:, centred] -= values[:, centred].mean(axis=0)
    effect, nuisance = partition(values, contrast[None])
    _check_intercept(effect, model, where)
    return Design(effect, nuisance, columns, flips=model.contrast == "mean", arms=arms)


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


def _contrast(model: Model, matrix: ModelMatrix, people: pd.DataFrame, where: object) -> tuple[np.ndarray, str]:
    place, text = f"{where}, key contrast", model.contrast
    columns = tuple(str(name) for name in matrix.columns)
    arms = re.fullmatch(r"\s*([\w.]+)\[([^]]+)\]\s*-\s*([\w.]+)\[([^]]+)\]\s*", text)
    if arms and arms[1] == arms[3]:
        _check_factor(arms[1], people, model, place)
        first, second = (_at_level(arms[1], level, matrix, people, place) for level in (arms[2], arms[4]))
        if arms[2] == arms[4]:
            raise UserError(place, f"two levels of `{arms[1]}`", f"{arms[2]} twice", "name the other arm")
        return first - second, arms[1]
    if text == "mean":
        grouped = [name for name in columns if "[T." in name]
        if grouped or "Intercept" not in columns:
            todo = "leave the groups out of the formula, or compare them with `group[a] - group[b]`"
            raise UserError(place, "`mean` in a model with an intercept and without groups", ", ".join(columns), todo)
        return _unit("Intercept", columns), ""
    slopes = [name for name in columns if name != "Intercept"]
    if text in slopes:
        return _unit(text, columns), ""
    must = f"`mean`, `column[a] - column[b]`{', or one of ' if slopes else ''}{', '.join(slopes)}"
    raise UserError(place, must, text, f"correct the contrast{suggest(text, slopes)}")


def _at_level(factor: str, level: str, matrix: ModelMatrix, people: pd.DataFrame, place: str) -> np.ndarray:
    """Return the mean row of the design matrix if every participant were in one level."""
    known = {str(value): value for value in sorted(people[factor].unique())}
    if level not in known:
        must = f"a level of `{factor}` among the analysed participants ({', '.join(known)})"
        raise UserError(place, must, level, f"correct the level{suggest(level, known)}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        moved = matrix.model_spec.get_model_matrix(people.assign(**{factor: known[level]}))
    mean: np.ndarray = np.asarray(moved, dtype=np.float64).mean(axis=0)
    return mean


def _unit(name: str, columns: tuple[str, ...]) -> np.ndarray:
    return np.array([float(column == name) for column in columns])


def _words(formula: str) -> list[str]:
    """Return the names of columns in a formula: words that are neither a function nor a keyword of one."""
    words = re.findall(r"\b[^\W\d][\w.]*\b(?!\s*[(=])", formula)
    return [word for word in words if word not in ("True", "False")]


def _is_number(column: pd.Series[Any]) -> bool:
    return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)


def _check_factor(factor: str, people: pd.DataFrame, model: Model, place: str) -> None:
    known = groups(people, model)
    if factor not in known:
        todo = f"correct the name, or put `{factor}` in the formula{suggest(factor, known)}"
        if factor in _words(model.formula):
            todo = f"write `C({factor})` in the formula if its numbers are groups"
        got = ", ".join(f"`{name}`" for name in known) or "no groups"
        raise UserError(place, f"`{factor}` as a group in the formula", got, todo)


def _check_groups(people: pd.DataFrame, model: Model, where: object) -> None:
    for name in groups(people, model):
        counts = people[name].value_counts().sort_index()
        if len(counts) < 2 or counts.min() < 2:
            got = ", ".join(f"{level}: {count}" for level, count in counts.items()) or "nobody"
            must = f"at least two groups in `{name}` with at least two analysed participants each"
            todo = "leave the group out with `where`, or loosen what excluded its members"
            raise UserError(where, must, got, todo)


def _check_intercept(effect: np.ndarray, model: Model, where: object) -> None:
    """Without an intercept, participants are exchangeable only if the mean change is 0, which no one asked."""
    if model.contrast != "mean" and np.any(np.abs(effect.mean(axis=0)) > 1e-6 * np.sqrt(np.mean(effect**2, axis=0))):
        todo = "write the formula without `0 +` or `- 1`"
        raise UserError(f"{where}, key formula", "a model with an intercept", model.formula, todo)


def _check_rank(values: np.ndarray, columns: tuple[str, ...], where: object) -> None:
    n, k = values.shape
    if n < k + 2:
        must = f"at least {k + 2} participants for {k} columns ({', '.join(columns)})"
        raise UserError(where, must, f"{n} participants", "use fewer covariates, or loosen what excluded participants")
    scaled = values / np.maximum(np.linalg.norm(values, axis=0), np.finfo(float).tiny)
    if np.linalg.matrix_rank(scaled) < k:
        for last in range(1, k + 1):
            if np.linalg.matrix_rank(scaled[:, :last]) < last:
                got = f"`{columns[last - 1]}` is a combination of the columns before it"
                todo = "set `motion_covariate: false`" if columns[last - 1] == MOTION else "take one of them out"
                raise UserError(where, f"columns that differ ({', '.join(columns)})", got, todo)
