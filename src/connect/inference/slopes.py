"""Moderation taken apart: the slopes behind an interaction, and the values of the moderator at which arms differ.

A contrast such as ``arm[a] - arm[b] : oxytocin`` says whether two slopes differ. Here stand the slopes themselves
(simple slopes: Aiken and West 1991, Multiple Regression, chapter 2), and the values of oxytocin at which the arms
differ (Johnson and Neyman 1936, Stat Res Mem 1:57; Bauer and Curran 2005, Multivariate Behav Res 40:373,
doi:10.1207/s15327906mbr4003_5). All are contrasts of the same least-squares fit, so that the difference of two simple
slopes is the interaction. As everywhere, covariates and other groups have the values that the rows have.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import special

from connect.columns import Values
from connect.contrasts import PAIR, Target, expected
from connect.design import asked, matrix_of
from connect.errors import UserError
from connect.formulas import groups, has_baseline, is_number
from connect.inference.rows import places
from connect.settings.model import Model


@dataclass(frozen=True)
class Slopes:
    """Slopes of one variable ``(n_slopes, n_columns)``; NaN for a column with NaN or without variance around the model.

    Parameters
    ----------
    variable
        Whose slopes they are, in units of the values per unit of the variable.
    at
        Where: an arm, or a value of the moderator in words ``(n_slopes,)``.
    estimate, error, t, p, low, high
        Slope, standard error, Student's t, its two-sided p-value, bounds of the interval.
    df
        Residual degrees of freedom.
    arms
        Column of the arms in which they are; empty if they are at values of a moderator.
    """

    variable: str
    at: tuple[str, ...]
    estimate: np.ndarray
    error: np.ndarray
    t: np.ndarray
    p: np.ndarray
    low: np.ndarray
    high: np.ndarray
    df: int
    arms: str = ""


@dataclass(frozen=True)
class Region:
    """Where on a moderator an effect is significant: arrays ``(n_columns,)``.

    Parameters
    ----------
    moderator
        Its name.
    low, high
        Bounds in its units, at which |t| is critical; NaN where there are none. They may lie beyond all participants.
    where
        Where it is significant: ``outside`` of the bounds, ``inside``, ``none`` (nowhere); empty for a column that
        cannot be tested.
    share
        Share of the compared participants whose value of the moderator is in the region; NaN if not tested.
    reach
        Their least and their largest value of the moderator.
    """

    moderator: str
    low: np.ndarray
    high: np.ndarray
    where: np.ndarray
    share: np.ndarray
    reach: tuple[float, float]


@dataclass(frozen=True)
class _Interaction:
    """The parts of a contrast: a variable whose slope or difference is moderated, and the moderator.

    ``levels`` are those of the arms that the contrast names, two if it is their difference, or none between two
    numeric variables.
    """

    arms: str
    levels: tuple[str, ...]
    numeric: tuple[str, ...]


def simple_slopes(values: Values, rows: pd.DataFrame, model: Model, where: object) -> Slopes:
    """Return the slopes behind an interaction.

    For ``arm[a] - arm[b] : x`` those of x in both arms, for ``arm : x`` in all; for ``x : y`` those of x at the mean of
    y, and one standard deviation below and above.

    Parameters
    ----------
    values
        Outcome of every row ``(n, n_columns)``.
    rows
        One row per participant, complete in every variable of the model.
    model
        Its contrast is the interaction. Errors are taken to have one variance in all arms, whatever its key `test`.
    where
        The model's file, for error messages.

    Raises
    ------
    UserError
        If the contrast is no such interaction, the model has a row per session or the value before as a covariate, or
        what :func:`connect.design.asked` raises.
    """
    parts, fitted = _interaction(rows, model, where), _Fitted(rows, model, where)
    name = parts.numeric[0]
    if parts.arms:
        at, moves = parts.levels, fitted.levels(parts)
    else:
        other, spread = parts.numeric[1], float(rows[parts.numeric[1]].std())
        at = (f"mean - 1 SD of {other}", f"mean of {other}", f"mean + 1 SD of {other}")
        moves = [(other, float(rows[other].mean()) + by * spread, False) for by in (-1, 0, 1)]
    weights = np.array([fitted.slope(name, move) for move in moves])
    estimate, variance = fitted.estimates(values, weights)
    error = np.sqrt(np.diagonal(fitted.covariance(weights))[:, None] * variance)
    t = estimate / error
    half = special.stdtrit(fitted.df, (1 + model.confidence) / 2) * error
    p = 2 * special.stdtr(fitted.df, -np.abs(t))
    return Slopes(name, at, estimate, error, t, p, estimate - half, estimate + half, fitted.df, parts.arms)


def johnson_neyman(values: Values, rows: pd.DataFrame, model: Model, where: object) -> Region:
    """Return at which values of the moderator the difference of two arms, or a slope, is significant at ``alpha``.

    For ``arm[a] - arm[b] : x`` the difference of arms at values of x, for ``x : y`` the slope of x at values of y. With
    the effect ``a + b m`` at m, the bounds solve ``(a + b m)² = c² var(a + b m)``, c the critical t. If the interaction
    is significant the region lies outside of the bounds, else inside or nowhere. It holds for each m by itself: over
    all m together, and over edges, errors are more frequent than ``alpha``.

    Parameters are those of :func:`simple_slopes`, as is what raises; a factor of more than two arms needs two of them
    in the contrast.
    """
    parts, fitted = _interaction(rows, model, where), _Fitted(rows, model, where)
    if parts.arms and len(parts.levels) != 2:
        todo = f"write `{parts.arms}[a] - {parts.arms}[b] : {parts.numeric[0]}`"
        raise UserError(f"{where}, key contrast", "two arms", ", ".join(parts.levels), todo)
    moderator = parts.numeric[-1]
    chosen = rows[parts.arms].astype(str).isin(parts.levels) if parts.arms else pd.Series(True, index=rows.index)
    shown = rows.loc[chosen, moderator].to_numpy(dtype=np.float64)
    middle, step = float(shown.mean()), float(shown.std()) or 1.0
    start, end = (fitted.effect(parts, (moderator, middle + by * step, False)) for by in (0, 1))
    weights = np.array([start, end - start])
    estimate, variance = fitted.estimates(values, weights)
    low, high, kind = _roots(estimate, variance * fitted.covariance(weights)[:, :, None], fitted.critical(model.alpha))
    low, high = middle + step * low, middle + step * high
    inside = (shown[:, None] >= low) & (shown[:, None] <= high)
    share = np.where(kind == "outside", (~inside).mean(axis=0), np.where(kind == "inside", inside.mean(axis=0), 0.0))
    share = np.where(kind == "", np.nan, share)
    return Region(moderator, low, high, kind, share, (float(shown.min()), float(shown.max())))


class _Fitted:
    """A model over its rows, of which contrasts are estimated."""

    def __init__(self, rows: pd.DataFrame, model: Model, where: object) -> None:
        self.rows, self.matrix = rows, matrix_of(rows, model, where)
        values = asked(rows, model, where).matrix
        self.basis, self.inverse = np.linalg.qr(values)[0], np.linalg.pinv(values)
        self.df = len(values) - values.shape[1]

    def expected(self, *targets: Target) -> np.ndarray:
        """Return the mean row of the design matrix ``(k,)`` if columns had other values in all rows."""
        return expected(targets, self.matrix, self.rows)

    def slope(self, name: str, at: Target) -> np.ndarray:
        """Return the weights ``(k,)`` of the slope of a column where another has a value."""
        step = float(self.rows[name].std()) or 1.0
        difference: np.ndarray = self.expected(at, (name, step, True)) - self.expected(at, (name, 0.0, True))
        return difference / step

    def effect(self, parts: _Interaction, at: Target) -> np.ndarray:
        """Return the weights ``(k,)`` of the difference of arms, or of the slope, at a value of the moderator."""
        if not parts.arms:
            return self.slope(parts.numeric[0], at)
        first, second = (self.expected(level, at) for level in self.levels(parts))
        difference: np.ndarray = first - second
        return difference

    def levels(self, parts: _Interaction) -> list[Target]:
        """Return the levels of the arms, as they stand in the rows."""
        known = {str(level): level for level in self.rows[parts.arms].unique()}
        return [(parts.arms, known[level], False) for level in parts.levels]

    def estimates(self, values: Values, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return contrasts ``(q, n_columns)`` and the residual variance ``(n_columns,)``; NaN without variance."""
        found = [np.empty((len(weights) + 1, 0))]
        for at in places(values.shape[1]):
            tile = np.asarray(values[:, at], dtype=np.float64)
            rss = np.square(tile - self.basis @ (self.basis.T @ tile)).sum(axis=0)
            total = np.square(tile - tile.mean(axis=0)).sum(axis=0)
            varies = (rss > 1e-12 * total) & (total > 1e-24 * np.square(tile).sum(axis=0))
            variance = np.where(varies, rss, np.nan) / self.df
            estimate = np.where(np.isnan(variance), np.nan, weights @ self.inverse @ tile)
            found.append(np.vstack([estimate, variance]))
        every = np.concatenate(found, axis=1)
        return every[:-1], every[-1]

    def covariance(self, weights: np.ndarray) -> np.ndarray:
        """Return the covariance of contrasts ``(q, q)`` for a residual variance of 1."""
        loads = weights @ self.inverse
        covariance: np.ndarray = loads @ loads.T
        return covariance

    def critical(self, alpha: float) -> float:
        """Return the |t| that is significant."""
        return float(special.stdtrit(self.df, 1 - alpha / 2))


def _interaction(rows: pd.DataFrame, model: Model, where: object) -> _Interaction:
    """Return the parts of a contrast that is an interaction with a numeric variable."""
    if model.outcome == "sessions" or has_baseline(model) or ("part" in rows and rows["part"].max() > 0):
        must = "a model of one value for each participant, without the value before"
        raise UserError(f"{where}, key outcome", must, f"{model.outcome}, {model.formula}", "ask for no simple slopes")
    arms, numeric = "", []
    levels: tuple[str, ...] = ()
    for text in (part.strip() for part in model.contrast.split(" : ")):
        pair = PAIR.fullmatch(text)
        if pair or text in groups(rows, model):
            arms = f"{arms} {pair[1] if pair else text}".strip()
            levels = (pair[2], pair[4]) if pair else tuple(sorted(map(str, rows[text].unique())))
        elif text in rows and is_number(rows[text]):
            numeric.append(text)
    if len(numeric) + (arms in rows) != 2 or not numeric or len(model.contrast.split(" : ")) != 2:
        must = "an interaction of arms and a numeric column, or of two, such as `arm[a] - arm[b] : age`"
        raise UserError(f"{where}, key contrast", must, model.contrast, "ask for no simple slopes")
    return _Interaction(arms, levels, tuple(numeric))


def _roots(effect: np.ndarray, covariance: np.ndarray, critical: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return where ``(a + b m)²`` is ``c²`` times its variance, and whether it is more inside or outside.

    Parameters
    ----------
    effect
        a and b ``(2, n_columns)``.
    covariance
        Theirs ``(2, 2, n_columns)``.
    critical
        c.
    """
    constant, linear, square = (
        effect[i] * effect[j] - critical**2 * covariance[i, j] for i, j in ((0, 0), (0, 1), (1, 1))
    )
    discriminant = linear**2 - square * constant
    with np.errstate(invalid="ignore", divide="ignore"):
        # Of the two forms of a root, the one that does not subtract like numbers.
        stable = -(linear + np.where(linear < 0, -1, 1) * np.sqrt(discriminant))
        roots = np.sort(np.stack([stable / square, constant / stable]), axis=0)
    kind = np.select([np.isnan(discriminant), discriminant < 0, square > 0], ["", "none", "outside"], "inside")
    low, high = np.where(discriminant >= 0, roots, np.nan)
    return low, high, kind
