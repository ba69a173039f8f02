"""From the words of a contrast to its weights: what the design matrix expects if columns had other values."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from itertools import product
from math import prod
from typing import Any

import numpy as np
import pandas as pd
from formulaic import ModelMatrix

from connect.config import suggest
from connect.errors import UserError
from connect.formulas import groups, is_number, motion_of
from connect.settings.model import Model, words_of

PAIR = re.compile(r"([\w.]+)\[([^]]+)\]\s*-\s*([\w.]+)\[([^]]+)\]")
"""A difference of two levels in a contrast."""


def contrast_of(model: Model, matrix: ModelMatrix, rows: pd.DataFrame, where: object) -> tuple[np.ndarray, str]:
    """Return the weights ``(q, k)`` of the contrast, and the column whose levels it compares, if it does."""
    place, text = f"{where}, key contrast", model.contrast.strip()
    columns = tuple(str(name) for name in matrix.columns)
    if text == "mean":
        grouped = [name for name in columns if "[T." in name]
        if grouped or "Intercept" not in columns:
            todo = "leave the groups out of the formula, or compare them with `group[a] - group[b]`"
            raise UserError(place, "`mean` in a model with an intercept and without groups", ", ".join(columns), todo)
        return _unit("Intercept", columns)[None], ""
    if text in columns and text not in rows and text != "Intercept":
        named = (name for name in groups(rows, model) if name in words_of(text))
        return _unit(text, columns)[None], next(named, "")
    steps = [_steps(part.strip(), rows, model, columns, place) for part in text.split(" : ")]
    found = []
    for chosen in product(*steps):
        changes = [(prod(weight for weight, _ in moves), [to for _, to in moves]) for moves in product(*chosen)]
        found.append(sum(weight * expected(targets, matrix, rows) for weight, targets in changes))
    contrast = np.array(found)
    if np.linalg.matrix_rank(contrast) < len(contrast):
        got = f"`{text}`, which the formula `{model.formula}` does not tell apart"
        raise UserError(place, "a contrast that the formula can show", got, "put its interaction in the formula")
    arms = [name for name in groups(rows, model) if re.search(rf"\b{re.escape(name)}\b", text)]
    return contrast, arms[0] if arms else ""


Target = tuple[str, Any, bool]
"""A column, the value that it is given, and whether that is added to what stands there."""


def _steps(
    text: str, rows: pd.DataFrame, model: Model, columns: tuple[str, ...], place: str
) -> list[list[tuple[float, Target]]]:
    """Return the rows of a part of a contrast: weighted values of one column each."""
    pair = PAIR.fullmatch(text)
    known = groups(rows, model)
    if pair and pair[1] == pair[3]:
        _check_factor(pair[1], rows, model, place)
        if pair[2] == pair[4]:
            raise UserError(place, f"two levels of `{pair[1]}`", f"{pair[2]} twice", "name the other arm")
        first, second = (_level(pair[1], name, rows, place) for name in (pair[2], pair[4]))
        return [[(1.0, first), (-1.0, second)]]
    if text in known:
        levels = sorted(rows[text].unique())
        return [[(1.0, (text, level, False)), (-1.0, (text, levels[0], False))] for level in levels[1:]]
    if text in rows and text in words_of(model.formula + f" {motion_of(model)}") and is_number(rows[text]):
        if any(text in words_of(inside) for inside in re.findall(r"\bbs\s*\(([^()]*)\)", model.formula)):
            raise UserError(place, "a column with one slope", f"`{text}`, a spline", "write it without `bs()`")
        step = float(rows[text].std()) or 1.0
        return [[(1 / step, (text, step, True)), (-1 / step, (text, 0.0, True))]]
    slopes = [name for name in columns if name != "Intercept"]
    listed = f"`mean`, `column[a] - column[b]`{', or one of ' if slopes else ''}{', '.join([*known, *slopes])}"
    near = suggest(text, [*known, *slopes])
    raise UserError(place, listed, text, f"correct the contrast{near}")


def expected(targets: Sequence[Target], matrix: ModelMatrix, rows: pd.DataFrame) -> np.ndarray:
    """Return the mean row of the design matrix ``(k,)`` if columns had other values in all rows.

    Parameters
    ----------
    targets
        Columns, the value that each is given, and whether that is added to what stands there.
    matrix
        The design matrix.
    rows
        Rows from which it was made.
    """
    moved = rows.assign(**{name: rows[name] + value if added else value for name, value, added in targets})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        made = matrix.model_spec.get_model_matrix(moved)
    mean: np.ndarray = np.asarray(made, dtype=np.float64).mean(axis=0)
    return mean


def _level(factor: str, level: str, rows: pd.DataFrame, place: str) -> Target:
    known = {str(value): value for value in sorted(rows[factor].unique())}
    if level not in known:
        must = f"a level of `{factor}` among the analysed participants ({', '.join(known)})"
        raise UserError(place, must, level, f"correct the level{suggest(level, known)}")
    return factor, known[level], False


def levels_of(text: str, rows: pd.DataFrame) -> tuple[str, ...]:
    """Return the two levels that a contrast is the difference of, or none."""
    pair = PAIR.fullmatch(text)
    if pair:
        return pair[2], pair[4]
    found = sorted(rows[text].unique()) if text in rows else []
    return (str(found[1]), str(found[0])) if len(found) == 2 else ()


def _unit(name: str, columns: tuple[str, ...]) -> np.ndarray:
    return np.array([float(column == name) for column in columns])


def _check_factor(factor: str, people: pd.DataFrame, model: Model, place: str) -> None:
    known = groups(people, model)
    if factor not in known:
        todo = f"correct the name, or put `{factor}` in the formula{suggest(factor, known)}"
        if factor in words_of(model.formula):
            todo = f"write `C({factor})` in the formula if its numbers are groups"
        got = ", ".join(f"`{name}`" for name in known) or "no groups"
        raise UserError(place, f"`{factor}` as a group in the formula", got, todo)
