"""Standardised effect sizes of change with BCa bootstrap intervals, in many columns at once.

Every effect size is a function of a few sums over participants, which `connect.inference.bootstrap` takes from all
resamples at once. Estimates carry the correction for small samples J. Bounds are those of the uncorrected effect size,
as in `connect.inference.fit`: in simulations they cover the truth as often as bounds times J, or more often.

A column with a missing value gives NaN. So does one in which all change equally, since the mean change then has no
spread, and any effect size whose standard deviation is 0.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numba import njit

from connect.columns import Values
from connect.inference.bootstrap import Bootstrap, Resamples, bca, resamples
from connect.inference.estimates import hedges_correction

BLOCK = 32
"""Columns that are worked on at once."""

ROUNDING = 1e-12
"""Deviations from the mean up to this share of the largest value, and sums of squares up to this share, count as 0."""

Statistics = dict[str, tuple[np.ndarray, np.ndarray]]
"""By name: the statistic in every resample ``(n_columns, 1 + n + n_resamples)`` and what corrects the estimate."""


@dataclass(frozen=True)
class Effect:
    """An effect in each column, with the bounds of its interval: arrays ``(n_columns,)``; NaN where undefined."""

    estimate: np.ndarray
    low: np.ndarray
    high: np.ndarray


def paired_effects(pre: Values, post: Values, settings: Bootstrap) -> dict[str, Effect]:
    """Estimate the mean change of one group, plain and standardised.

    ``mean_change`` is in the unit of the values. ``g_av`` divides it by s_av = sqrt((s_pre^2 + s_post^2) / 2), the root
    mean square of both standard deviations (Cumming 2012, chapter 11), as pingouin and effectsize do. Lakens 2013
    (Frontiers in Psychology 4:863) prints their arithmetic mean; the root mean square is the pooled standard deviation
    of two sessions of equal size, so that g_av can be set beside the g of two groups, and its square is unbiased.
    ``g_rm`` is the mean change over the standard deviation of change, times sqrt(2 (1 - r)) (Morris and DeShon 2002,
    Psychological Methods 7:105; Lakens 2013); where both sessions vary equally it estimates the same as g_av.

    Software disagrees about the degrees of freedom of J: n - 1 in effectsize, 2 (n - 1) in pingouin. Those of s_av lie
    between, as both variances correlate: 2 (n - 1) / (1 + r^2) where they are equal (Cousineau 2020, The Quantitative
    Methods for Psychology 16:418), (n - 1) (s_pre^2 + s_post^2)^2 / (s_pre^4 + s_post^4 + 2 cov^2) in general
    (Satterthwaite). For g_rm they are 2 (n - 1), which leave little bias; two people always have r = 1 or -1, and no g.

    Parameters
    ----------
    pre, post
        Values of both sessions ``(n, n_columns)``, participants in the same order.
    settings
        Resamples, level and seed.

    Returns
    -------
    dict of Effect
        ``mean_change``, ``g_av`` and ``g_rm``; positive where values rise.
    """
    drawn = resamples((len(pre),), settings)

    def statistics(columns: slice) -> Statistics:
        return _paired(_rows(pre, columns), _rows(post, columns), drawn)

    return _effects(statistics, pre.shape[1], drawn, settings.confidence)


def arm_effects(pre: Values, post: Values, arm: np.ndarray, settings: Bootstrap) -> dict[str, Effect]:
    """Estimate the difference of two arms in mean change, plain and standardised.

    ``difference`` is in the unit of the values. ``g_ppc`` divides it by the standard deviation before the intervention,
    pooled over arms: d_ppc2 of Morris 2008 (Organizational Research Methods 11:364), with the exact J(n - 2), of which
    Morris's c_P = 1 - 3 / (4 (n - 2) - 1) is the usual approximation. Participants are drawn within their arm.

    Parameters
    ----------
    pre, post
        Values of both sessions ``(n, n_columns)``, participants in the same order.
    arm
        Whether a participant is in the first arm or in the second ``(n,)``, bool.
    settings
        Resamples, level and seed.

    Returns
    -------
    dict of Effect
        ``difference``, first minus second arm, and ``g_ppc``.
    """
    members, drawn = _two(arm, settings)

    def statistics(columns: slice) -> Statistics:
        before, after = _rows(pre, columns), _rows(post, columns)
        return _two_samples(after - before, before, members, drawn, "g_ppc")

    return _effects(statistics, pre.shape[1], drawn, settings.confidence)


def group_effects(values: Values, group: np.ndarray, settings: Bootstrap) -> dict[str, Effect]:
    """Estimate the difference of two groups in their mean, plain and as Hedges' g.

    Parameters
    ----------
    values
        One value per participant ``(n, n_columns)``.
    group
        Whether a participant is in the first group or in the second ``(n,)``, bool.
    settings
        Resamples, level and seed. Participants are drawn within their group.

    Returns
    -------
    dict of Effect
        ``difference``, first minus second group, and ``g``, over the pooled standard deviation (Hedges 1981).
    """
    members, drawn = _two(group, settings)

    def statistics(columns: slice) -> Statistics:
        rows = _rows(values, columns)
        return _two_samples(rows, rows, members, drawn, "g")

    return _effects(statistics, values.shape[1], drawn, settings.confidence)


def _two(member: np.ndarray, settings: Bootstrap) -> tuple[np.ndarray, Resamples]:
    """Return who is in the first sample as bool, and the resamples of both."""
    first = np.asarray(member, dtype=bool)
    return first, resamples((int(first.sum()), int((~first).sum())), settings)


def _effects(
    statistics: Callable[[slice], Statistics], n_columns: int, drawn: Resamples, confidence: float
) -> dict[str, Effect]:
    """Return estimates and bounds of the statistics, block by block."""
    found: dict[str, np.ndarray] = {}
    for columns in (slice(start, start + BLOCK) for start in range(0, max(n_columns, 1), BLOCK)):
        for name, (values, factor) in statistics(columns).items():
            full = found.setdefault(name, np.full((3, n_columns), np.nan))
            estimate = np.where(np.isfinite(values[:, 0]), values[:, 0] * factor, np.nan)
            full[:, columns] = estimate, *bca(values, drawn.sizes, confidence)
    return {name: Effect(*full) for name, full in found.items()}


def _rows(values: Values, columns: slice) -> np.ndarray:
    """Return columns as rows ``(n_columns, n)``; those with values that are not finite are NaN throughout."""
    rows = np.ascontiguousarray(values[:, columns].T, dtype=np.float64)
    return np.where(np.isfinite(rows).all(axis=1, keepdims=True), rows, np.nan)


def _paired(pre: np.ndarray, post: np.ndarray, drawn: Resamples) -> Statistics:
    """Return the statistics of one group from its values ``(n_columns, n)``."""
    change, size = post - pre, _largest(pre, post)
    x, y, varies = _centred(pre, size), _centred(post, size), _largest(_centred(change, size)) > 0
    unit = np.where(varies, _largest(x, y), np.nan)
    x, y, shift = x / unit, y / unit, change.mean(axis=1, keepdims=True) / unit
    sums = drawn.sums(0, np.stack([x, y, x * x, y * y, np.square(y - x)], axis=1))
    mean, d_av, d_rm = _paired_statistics(sums, drawn.totals[0], shift[:, 0], unit[:, 0])
    xx, yy, xy = np.square(x).sum(axis=1), np.square(y).sum(axis=1), (x * y).sum(axis=1)
    n, df = x.shape[1], (x.shape[1] - 1) * np.square(xx + yy) / (np.square(xx) + np.square(yy) + 2 * np.square(xy))
    j_av, j_rm = hedges_correction(df), hedges_correction(2 * n - 2 if n > 2 else np.nan)
    return {"mean_change": (mean, np.ones(())), "g_av": (d_av, j_av), "g_rm": (d_rm, j_rm)}


def _two_samples(values: np.ndarray, spread: np.ndarray, first: np.ndarray, drawn: Resamples, name: str) -> Statistics:
    """Return the difference in mean of values ``(n_columns, n)``, and over the pooled standard deviation of others."""
    size, level, members = _largest(values, spread), values - values.mean(axis=1, keepdims=True), (first, ~first)
    parts = [level.compress(rows, axis=1) for rows in members]
    d = [_centred(part, size) for part in parts]
    x = [_centred(spread.compress(rows, axis=1), size) for rows in members]
    unit = np.where(_largest(*d) > 0, _largest(*d, *x), np.nan)
    moments = [np.stack([d[i] / unit, x[i] / unit, np.square(x[i] / unit)], axis=1) for i in (0, 1)]
    sums = drawn.sums(0, moments[0]), drawn.sums(1, moments[1])
    shift = (parts[0].mean(axis=1) - parts[1].mean(axis=1)) / unit[:, 0]
    difference, standardised = _two_sample_statistics(sums, drawn.totals, shift, unit[:, 0])
    return {"difference": (difference, np.ones(())), name: (standardised, hedges_correction(len(first) - 2))}


def _largest(*arrays: np.ndarray) -> np.ndarray:
    """Return the largest absolute value of each row ``(n_columns, 1)`` of arrays ``(n_columns, n)``."""
    largest: np.ndarray = np.abs(np.concatenate(arrays, axis=1)).max(axis=1, keepdims=True)
    return largest


def _centred(values: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Return deviations from the mean of each row, 0 where they are rounding of values as large as ``size``."""
    once = values - values.mean(axis=1, keepdims=True)
    centred = once - once.mean(axis=1, keepdims=True)  # the first mean has only the digits of the values
    return np.where(_largest(centred) > ROUNDING * size, centred, 0 * size)


@njit(cache=True, error_model="numpy")
def _paired_statistics(sums: np.ndarray, n: np.ndarray, shift: np.ndarray, unit: np.ndarray) -> np.ndarray:
    """Return mean change, d_av and d_rm ``(3, n_columns, n_resamples)``.

    ``sums`` ``(n_columns, 5, n_resamples)`` are of the deviations x before and y after, their squares and (y - x)^2,
    ``n`` numbers of participants, ``shift`` the mean change; all in ``unit``. With sums of squares about the mean s^2,
    (1 - r) / s_d^2 = (s_d^2 - (s_x - s_y)^2) / (2 s_d^2 s_x s_y), which keeps its digits as r nears 1.
    """
    found = np.empty((3, sums.shape[0], sums.shape[2]))
    for column in range(len(sums)):
        x, y, xx, yy, dd = sums[column, 0], sums[column, 1], sums[column, 2], sums[column, 3], sums[column, 4]
        for i in range(len(n)):
            ss_x, ss_y, ss_d = _about(xx[i], x[i], n[i]), _about(yy[i], y[i], n[i]), _about(dd[i], y[i] - x[i], n[i])
            mean = shift[column] + (y[i] - x[i]) / n[i]
            unlike = max(ss_d - (np.sqrt(ss_x) - np.sqrt(ss_y)) ** 2, 0.0)
            found[0, column, i] = mean * unit[column]
            found[1, column, i] = mean / np.sqrt((ss_x + ss_y) / (2 * (n[i] - 1)))
            found[2, column, i] = mean * np.sqrt((n[i] - 1) * unlike / (ss_d * np.sqrt(ss_x * ss_y)))
    return found


@njit(cache=True, error_model="numpy")
def _two_sample_statistics(
    sums: tuple[np.ndarray, np.ndarray], n: tuple[np.ndarray, ...], shift: np.ndarray, unit: np.ndarray
) -> np.ndarray:
    """Return the difference in mean and d ``(2, n_columns, n_resamples)``; parameters as above, for each sample.

    ``sums`` are of the deviations of the values, and of the deviations and squares behind the standard deviation.
    """
    (first, second), (n_first, n_second) = sums, n
    found = np.empty((2, first.shape[0], first.shape[2]))
    for column in range(len(first)):
        a, b = first[column], second[column]
        for i in range(len(n_first)):
            ss = _about(a[2, i], a[1, i], n_first[i]) + _about(b[2, i], b[1, i], n_second[i])
            difference = shift[column] + (a[0, i] / n_first[i] - b[0, i] / n_second[i])
            found[0, column, i] = difference * unit[column]
            found[1, column, i] = difference / np.sqrt(ss / (n_first[i] + n_second[i] - 2))
    return found


@njit(cache=True)
def _about(squares: float, total: float, n: float) -> float:
    """Return the sum of squares about the mean from that about 0; 0 where the difference is rounding."""
    about = squares - total * total / n
    return about if about > ROUNDING * squares else 0.0
