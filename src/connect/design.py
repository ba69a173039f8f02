"""From a formula over participants to the design of a test: one effect of interest and its nuisance columns."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd
from formulaic import model_matrix
from formulaic.errors import FormulaicError

from connect.config import suggest
from connect.errors import UserError
from connect.settings.model import Model

MOTION = "fd_change"
"""Column of the change in mean framewise displacement (mm)."""


@dataclass(frozen=True)
class Design:
    """One contrast in a linear model, split into the effect and the nuisance.

    Parameters
    ----------
    effect
        Column ``(n,)`` whose coefficient is the contrast (Ridgway's partition; Winkler et al. 2014, appendix A).
    nuisance
        Columns ``(n, k - 1)`` that span the rest of the model.
    columns
        Names of the columns of the full model.
    flips
        Whether the null is a symmetric change about zero, so that signs are exchangeable; else participants are.
    arms
        Column of the participants that the contrast compares, or empty.
    """

    effect: np.ndarray
    nuisance: np.ndarray
    columns: tuple[str, ...]
    flips: bool
    arms: str

    @property
    def n(self) -> int:
        """Number of participants."""
        return len(self.effect)

    @property
    def df(self) -> int:
        """Residual degrees of freedom."""
        return self.n - 1 - int(self.nuisance.shape[1])


def variables(model: Model) -> tuple[str, ...]:
    """Return the participants' columns that a model needs, besides the change in motion."""
    words = re.findall(r"[A-Za-z_][\w.]*", model.formula) + list(model.where)
    return tuple(dict.fromkeys(word for word in words if word not in ("C", "bs", MOTION)))


def design(people: pd.DataFrame, model: Model, where: object) -> Design:
    """Return the design of a model over the analysed participants.

    For the mean change, covariates are centred, but the change in motion is not: the mean change is the one expected
    of a participant with average covariates who moved as much after as before.

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
    formula = model.formula + (f" + {MOTION}" if model.motion_covariate and MOTION not in model.formula else "")
    frame = people.copy()
    if model.contrast == "mean":
        for name in variables(model):
            if name in frame and pd.api.types.is_numeric_dtype(frame[name]):
                frame[name] = frame[name] - frame[name].mean()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            matrix = model_matrix(formula, frame)
    except (FormulaicError, ValueError, KeyError, TypeError) as error:
        got = f"{formula}: {' '.join(str(error).split())}"
        raise UserError(
            f"{where}, key formula", "a formula over the participants' columns", got, "correct it"
        ) from error
    columns = tuple(str(name) for name in matrix.columns)
    values = np.asarray(matrix, dtype=np.float64)
    _check_rank(values, columns, where)
    contrast, arms = _contrast(model.contrast, columns, people, where)
    effect, nuisance = partition(values, contrast)
    return Design(effect, nuisance, columns, flips=model.contrast == "mean", arms=arms)


def partition(values: np.ndarray, contrast: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Split a design matrix into the column of a contrast and the nuisance columns.

    Parameters
    ----------
    values
        Design matrix ``(n, k)`` of full rank.
    contrast
        Weights ``(k,)``.

    Returns
    -------
    tuple of numpy.ndarray
        Effect ``(n,)``, whose coefficient in the model [effect, nuisance] equals the contrast of the coefficients of
        the design matrix, and nuisance ``(n, k - 1)``.
    """
    inverse = np.linalg.inv(values.T @ values)
    effect = values @ inverse @ contrast / (contrast @ inverse @ contrast)
    null = np.linalg.svd(contrast[None])[2][1:].T
    return effect, values @ null


def _contrast(text: str, columns: tuple[str, ...], people: pd.DataFrame, where: object) -> tuple[np.ndarray, str]:
    place = f"{where}, key contrast"
    arms = re.fullmatch(r"\s*(\w+)\[([^]]+)\]\s*-\s*(\w+)\[([^]]+)\]\s*", text)
    if arms and arms[1] == arms[3]:
        return _level(arms[1], arms[2], columns, people, place) - _level(
            arms[1], arms[4], columns, people, place
        ), arms[1]
    if text == "mean":
        grouped = [name for name in columns if "[T." in name]
        if grouped or "Intercept" not in columns:
            todo = "leave the groups out of the formula, or compare them with `group[a] - group[b]`"
            raise UserError(place, "`mean` in a model with an intercept and without groups", ", ".join(columns), todo)
        return _unit("Intercept", columns), ""
    if text in columns and text != "Intercept":
        return _unit(text, columns), ""
    must = f"`mean`, `column[a] - column[b]`, or one of {', '.join(columns)}"
    raise UserError(place, must, text, f"correct the contrast{suggest(text, columns)}")


def _level(factor: str, level: str, columns: tuple[str, ...], people: pd.DataFrame, place: str) -> np.ndarray:
    known = sorted(map(str, people[factor].unique())) if factor in people else []
    if level not in known:
        must = f"a level of `{factor}` among the analysed participants ({', '.join(known)})"
        raise UserError(place, must, level, f"correct the level{suggest(level, known)}")
    name = next((column for column in columns if column in (f"{factor}[T.{level}]", f"C({factor})[T.{level}]")), None)
    if name is None and not any(column.startswith((f"{factor}[", f"C({factor})[")) for column in columns):
        raise UserError(place, f"`{factor}` in the formula", ", ".join(columns), f"add `+ {factor}` to the formula")
    return np.zeros(len(columns)) if name is None else _unit(name, columns)


def _unit(name: str, columns: tuple[str, ...]) -> np.ndarray:
    return np.array([float(column == name) for column in columns])


def _check_groups(people: pd.DataFrame, model: Model, where: object) -> None:
    for name in variables(model):
        if name in people and not pd.api.types.is_numeric_dtype(people[name]) and name in model.formula:
            counts = people[name].value_counts().sort_index()
            if len(counts) < 2 or counts.min() < 2:
                got = ", ".join(f"{level}: {count}" for level, count in counts.items()) or "nobody"
                must = f"at least two groups in `{name}` with at least two analysed participants each"
                raise UserError(
                    where, must, got, "leave the group out with `where`, or loosen what excluded its members"
                )


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
                raise UserError(where, f"columns that differ ({', '.join(columns)})", got, "take one of them out")
