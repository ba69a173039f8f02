"""Reliability over sessions between which nothing was done: intraclass correlation, error, minimal detectable change.

The sessions must have no intervention between them: those of a waiting arm, two baselines, or runs of one session.
Between sessions around an intervention, what the intervention does differently from one participant to another counts
as error of measurement, and what it does to all as a difference between sessions.

All follow from a two-way analysis of variance, participants x sessions, one value in each cell. Two forms differ in
what they do with a change that all participants share. Agreement, ICC(2,1) or ICC(A,1), takes sessions as random and
counts it as error: it says how well a value would be found again on another day. Consistency, ICC(3,1) or ICC(C,1),
leaves it out: it fits a study with a control arm, which shares the change (Shrout and Fleiss 1979, Psychol Bull 86:420,
doi:10.1037/0033-2909.86.2.420; McGraw and Wong 1996, Psychol Methods 1:30, doi:10.1037/1082-989X.1.1.30).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numba import njit
from scipy import special
from scipy.interpolate import PPoly, make_interp_spline

Form = Literal["agreement", "consistency"]

ROUNDING = 1e-24
"""Share of a sum of squares below which another is rounding and counts as 0."""

N_KNOTS = 100
"""Knots of the interpolated F quantile."""


@dataclass(frozen=True)
class MeanSquares:
    """Mean squares of participants, sessions and error in each column ``(n_columns,)``; NaN without variance.

    ``n`` is the number of participants, ``k`` that of sessions.
    """

    participants: np.ndarray
    sessions: np.ndarray
    error: np.ndarray
    n: int
    k: int

    @property
    def df_error(self) -> int:
        """Degrees of freedom of the error."""
        return (self.n - 1) * (self.k - 1)


@dataclass(frozen=True)
class Bounded:
    """An estimate and the bounds of its confidence interval: arrays ``(n_columns,)``; NaN without variance."""

    estimate: np.ndarray
    low: np.ndarray
    high: np.ndarray


def mean_squares(values: np.ndarray) -> MeanSquares:
    """Split the variance of every column into participants, sessions and error.

    Parameters
    ----------
    values
        Values ``(n, k, n_columns)`` of n participants in k sessions, at least two of each. A column with NaN, or in
        which neither participants differ nor sessions within them, is NaN.

    Raises
    ------
    ValueError
        If there are fewer than two participants or two sessions.
    """
    n, k, _ = values.shape
    if min(n, k) < 2:
        raise ValueError(f"at least two participants and two sessions are needed, not {n} and {k}")
    squares = _sums_of_squares(values)
    squares[:, ~(squares[0] + squares[2] > 0)] = np.nan
    participants, sessions, error = squares / np.array([[n - 1], [k - 1], [(n - 1) * (k - 1)]])
    return MeanSquares(participants, sessions, error, n, k)


def icc(squares: MeanSquares, form: Form, confidence: float) -> Bounded:
    """Return the intraclass correlation of single sessions, ICC(2,1) for agreement, ICC(3,1) for consistency.

    With mean squares R of participants, C of sessions, E of error::

        ICC(2,1) = (R - E) / (R + (k - 1) E + k (C - E) / n)        ICC(3,1) = (R - E) / (R + (k - 1) E)

    It can be negative. Bounds are those of McGraw and Wong (1996, table 7), exact for consistency. For agreement they
    rest on Satterthwaite's degrees of freedom v in each column, between k - 1 and n (k - 1), over which the F quantile
    is interpolated (relative error below 1e-9). Where the ICC is negative, v is that of an ICC of 0. Other software
    puts the negative value in: v can then fall to 0, and the interval misses its own estimate. Where sessions differ as
    much as the error varies, bounds of agreement from two sessions cover less than they say: 0.83 in place of 0.95 with
    n = 60 and an ICC of 0.6. Sessions that agree without any error (a copied file?) have ICC 1 with bounds 1.

    ICC depends on how much the participants differ: the same measure has a smaller one in a more homogeneous cohort.

    Parameters
    ----------
    squares
        From `mean_squares`.
    form
        ``agreement`` or ``consistency``.
    confidence
        Level of the interval.
    """
    n, k = squares.n, squares.k
    between, error = squares.participants, squares.error
    if form == "consistency":
        rest = (k - 1) * error
        f = [np.full(between.shape, special.fdtri(float(squares.df_error), n - 1.0, p)) for p in _tails(confidence)]
        estimate = _ratio(between - error, between + rest)
    else:
        rest = (k * squares.sessions + (k * n - k - n) * error) / n
        estimate = _ratio(between - error, between + rest)
        f = _f_quantiles(_satterthwaite(squares, np.maximum(estimate, 0)), n, k, confidence)
    low, high = (_ratio(bound * between - error, bound * between + rest) for bound in f)
    return Bounded(estimate, low, high)


def measurement_error(squares: MeanSquares, form: Form, confidence: float) -> Bounded:
    """Return the standard error of measurement (SEM) of one session, in units of the measure.

    For consistency it is the root of the error mean square E; for agreement the variance between sessions is added:
    SEM^2 = E + max(C - E, 0) / n (de Vet et al. 2006, J Clin Epidemiol 59:1033, doi:10.1016/j.jclinepi.2005.10.015).

    The interval for consistency comes from the chi-square distribution of E and is exact. For agreement the variance
    is a sum of two mean squares and the interval that of Graybill and Wang (1980, J Am Stat Assoc 75:869). With two
    sessions the difference between sessions has one degree of freedom: the upper bound then is honest and of little
    use.

    Parameters
    ----------
    squares
        From `mean_squares`.
    form
        ``agreement`` or ``consistency``.
    confidence
        Level of the interval.
    """
    n, k = squares.n, squares.k
    parts = [squares.error]
    df = [squares.df_error]
    if form == "agreement":
        parts, df = [squares.sessions / n, squares.error * (n - 1) / n], [k - 1, squares.df_error]
    below, above = _graybill_wang(parts, df, confidence)
    variance = np.sum(parts, axis=0)
    estimate = np.maximum(variance, squares.error)
    return Bounded(np.sqrt(estimate), np.sqrt(np.maximum(variance - below, 0)), np.sqrt(variance + above))


def minimal_detectable_change(sem: Bounded, level: float = 0.95) -> Bounded:
    """Return the smallest change of one participant that is more than error of measurement, in units of the measure.

    MDC = z sqrt(2) SEM, with z the normal quantile of ``level``, two-sided: without a true change, |post - pre| of a
    participant is below it with this probability (de Vet et al. 2006; Weir 2005, J Strength Cond Res 19:231,
    doi:10.1519/15184.1). For consistency and two sessions it is half the width of Bland and Altman's limits. It is
    about one participant and one edge: a mean over n participants has an error smaller by sqrt(n), and among 1,000
    edges without any change some 50 pass MDC95.

    Parameters
    ----------
    sem
        From `measurement_error`, with its interval.
    level
        Probability that a participant without change stays below it.
    """
    factor = np.sqrt(2) * special.ndtri((1 + level) / 2)
    return Bounded(factor * sem.estimate, factor * sem.low, factor * sem.high)


def _ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """Return above / below; NaN where below is 0."""
    ratio: np.ndarray = np.divide(above, below, out=np.full(below.shape, np.nan), where=below > 0)
    return ratio


def _tails(confidence: float) -> tuple[float, float]:
    return (1 - confidence) / 2, (1 + confidence) / 2


@njit(cache=True)
def _sums_of_squares(values: np.ndarray) -> np.ndarray:
    """Return sums of squares ``(3, n_columns)`` of participants, sessions and error; those of rounding are 0."""
    n, k, n_columns = values.shape
    sums = np.zeros((3, n_columns))
    cells, rows, sessions = np.empty((n, k)), np.empty(n), np.empty(k)
    for column in range(n_columns):
        # The first value takes a large offset off exactly.
        first, size = np.float64(values[0, 0, column]), 0.0
        rows[:], sessions[:] = 0.0, 0.0
        for i in range(n):
            for j in range(k):
                cells[i, j] = values[i, j, column] - first
                rows[i] += cells[i, j] / k
                sessions[j] += cells[i, j] / n
                size += np.float64(values[i, j, column]) ** 2
        mean = rows.mean()
        for i in range(n):
            sums[0, column] += k * (rows[i] - mean) ** 2
            for j in range(k):
                sums[2, column] += (cells[i, j] - rows[i] - sessions[j] + mean) ** 2
        for j in range(k):
            sums[1, column] += n * (sessions[j] - mean) ** 2
        floor = ROUNDING * max(size, sums[:, column].sum())
        for source in range(3):
            if sums[source, column] <= floor:
                sums[source, column] = 0.0
    return sums


def _satterthwaite(squares: MeanSquares, rho: np.ndarray) -> np.ndarray:
    """Return McGraw and Wong's degrees of freedom v ``(n_columns,)`` at an ICC(2,1) of rho (all times n (1 - rho))."""
    n, k = squares.n, squares.k
    sessions = k * rho * squares.sessions
    error = (n * (1 + (k - 1) * rho) - k * rho) * squares.error
    parts = np.square(sessions) / (k - 1) + np.square(error) / squares.df_error
    # Without error and without a difference between sessions, v does not matter: both bounds are 1.
    return np.where(parts == 0, k - 1, _ratio(np.square(sessions + error), parts))


def _f_quantiles(v: np.ndarray, n: int, k: int, confidence: float) -> list[np.ndarray]:
    """Return both quantiles ``(n_columns,)`` of F(v, n - 1), interpolated over ln v."""
    knots = np.linspace(np.log(k - 1), np.log(n * (k - 1)), N_KNOTS)
    quantiles = []
    for p in _tails(confidence):
        spline = make_interp_spline(knots, np.log(special.fdtri(np.exp(knots), n - 1.0, p)), k=7)
        # As a piecewise polynomial it is evaluated three times faster.
        quantiles.append(np.exp(PPoly.from_spline((spline.t, spline.c, spline.k))(np.log(v))))
    return quantiles


def _graybill_wang(parts: list[np.ndarray], df: list[int], confidence: float) -> tuple[np.ndarray, np.ndarray]:
    """Return how far the bounds of a sum of mean squares lie below and above it: arrays ``(n_columns,)``."""
    tail, rest = _tails(confidence)
    below = [part * (1 - d / special.chdtri(d, tail)) for part, d in zip(parts, df, strict=True)]
    above = [part * (d / special.chdtri(d, rest) - 1) for part, d in zip(parts, df, strict=True)]
    return np.sqrt(np.square(below).sum(axis=0)), np.sqrt(np.square(above).sum(axis=0))
