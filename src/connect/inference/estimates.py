"""Least-squares estimates of one contrast in many columns at once, with intervals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special, stats

from connect.columns import Values
from connect.design import Design
from connect.inference.rows import Space, places, space

HUGE = 1000.0
"""t or F beyond which the noncentral distributions of scipy fail: they do not end, or stop at 10,000."""


@dataclass(frozen=True)
class Fit:
    """The contrast in each column: arrays ``(n_columns,)``; NaN for a column that cannot be tested.

    Parameters
    ----------
    estimate, low, high
        Contrast and its interval; NaN for a contrast of several rows, which is no single number.
    statistic
        Student's t, or F of several rows.
    g, g_low, g_high
        Hedges' g and its interval, or Cohen's f of several rows.
    error
        Standard error of the estimate.
    df
        Residual degrees of freedom.
    """

    estimate: np.ndarray
    low: np.ndarray
    high: np.ndarray
    statistic: np.ndarray
    g: np.ndarray
    g_low: np.ndarray
    g_high: np.ndarray
    error: np.ndarray
    df: np.ndarray


def fit(changes: Values, design: Design, confidence: float) -> Fit:
    """Estimate the contrast in every column by least squares.

    Hedges' g is the contrast over the residual standard deviation, times the correction for small samples J; for a
    mean change it is the change in units of the standard deviation of changes. Its interval comes from the noncentral
    t distribution (Hedges 1981; Cumming and Finch 2001) and is exact without J, which corrects the estimate only.

    Parameters
    ----------
    changes
        Change of every participant ``(n, n_columns)``.
    design
        The contrast.
    confidence
        Level of the intervals.
    """
    found = space(design)
    parts = [_coefficient(found, changes[:, at], design) for at in places(changes.shape[1])]
    estimate, error = np.concatenate([np.empty((2, 0)), *parts], axis=1)
    t = estimate / error
    half = stats.t.ppf((1 + confidence) / 2, design.df) * error
    length = np.linalg.norm(_residual_effect(found, design))
    low, high = noncentrality(t, design.df, confidence) / length
    g = hedges_correction(design.df) * t / length
    df = np.where(np.isnan(t), np.nan, design.df)
    return Fit(estimate, estimate - half, estimate + half, t, g, low, high, error, df)


def fit_together(changes: Values, design: Design, confidence: float) -> Fit:
    """Test the rows of a contrast together by F in every column.

    Cohen's f is the root of explained over unexplained variance, ``f² = q (F - 1) / n``, which like omega squared is
    corrected for what chance explains (Olejnik and Algina 2003, doi:10.1037/1082-989X.8.4.434), and not below 0. Its
    interval comes from the noncentral F distribution with noncentrality ``n f²`` (Steiger 2004,
    doi:10.1037/1082-989X.9.2.164).

    Parameters
    ----------
    changes
        Outcome ``(n, n_columns)``.
    design
        A contrast of several rows.
    confidence
        Level of the intervals.
    """
    found, q, n = space(design), design.effect.shape[1], design.n
    parts = [np.empty(0), *(_f_ratio(found, changes[:, at], design) for at in places(changes.shape[1]))]
    f = np.concatenate(parts)
    blank = np.full(f.shape, np.nan)
    tail = (1 - confidence) / 2
    low, high = (np.sqrt(noncentrality_f(f, q, design.df, p) / n) for p in (1 - tail, tail))
    size, df = np.sqrt(np.maximum(q * (f - 1) / n, 0)), np.where(np.isnan(f), np.nan, design.df)
    return Fit(blank, blank, blank, f, size, low, high, blank, df)


def interval(values: np.ndarray, confidence: float) -> tuple[float, float, float]:
    """Return the mean of values ``(n,)`` and the bounds of its t interval."""
    mean = float(values.mean())
    half = float(stats.t.ppf((1 + confidence) / 2, len(values) - 1) * stats.sem(values))
    return mean, mean - half, mean + half


def hedges_correction(df: float | np.ndarray) -> np.ndarray:
    """Return J = Gamma(df/2) / (sqrt(df/2) Gamma((df-1)/2)), which removes the bias of Cohen's d (Hedges 1981).

    Of each of several degrees of freedom, whole or not; NaN at 1 and below, where d has no mean.
    """
    half = np.where(np.asarray(df) > 1, df, np.nan) / 2
    factor: np.ndarray = np.exp(special.gammaln(half) - special.gammaln(half - 0.5)) / np.sqrt(half)
    return factor


def noncentrality(t: np.ndarray, df: int, confidence: float) -> np.ndarray:
    """Return the bounds ``(2, n_columns)`` of the noncentrality parameter behind observed t-values ``(n_columns,)``.

    Beyond :data:`HUGE` only the denominator of t is uncertain.
    """
    tail = (1 - confidence) / 2
    usual = np.where(np.abs(t) > HUGE, 0.0, t)
    found = np.stack([special.nctdtrinc(float(df), p, usual) for p in (1 - tail, tail)])
    order = np.where(t > 0, 1 - tail, tail), np.where(t > 0, tail, 1 - tail)
    beyond = np.stack([t * np.sqrt(stats.chi2.isf(p, df) / df) for p in order])
    return np.where(np.abs(t) > HUGE, beyond, found)


def noncentrality_f(f: np.ndarray, q: int, df: int, p: float) -> np.ndarray:
    """Return the noncentrality at which F values ``(n_columns,)`` have the cumulative probability p; 0 if none has.

    Beyond :data:`HUGE` only the denominator of F is uncertain.
    """
    central = stats.f.cdf(f, q, df)
    found, usual = np.zeros(f.shape), (central > p) & (f <= HUGE)
    found[usual] = special.ncfdtrinc(q, df, p, f[usual])
    found[f > HUGE] = q * (f[f > HUGE] * stats.chi2.isf(p, df) / df - 1)
    return np.where(np.isnan(f), np.nan, found)


def _f_ratio(found: Space, changes: np.ndarray, design: Design) -> np.ndarray:
    """Return F of each column; NaN without variance around the model."""
    residuals = found.residuals(changes)
    total = np.square(residuals).sum(axis=0)
    explained = np.square(found.effect.T @ residuals).sum(axis=0)
    left = np.where(total - explained > 1e-12 * total, total - explained, np.nan)
    ratio: np.ndarray = explained / left * (design.df / design.effect.shape[1])
    return ratio


def _coefficient(found: Space, changes: np.ndarray, design: Design) -> tuple[np.ndarray, np.ndarray]:
    """Return the coefficient of the effect in each column and its standard error; NaN without variance around it."""
    residuals, effect = found.residuals(changes), _residual_effect(found, design)
    norm = effect @ effect
    estimate = effect @ residuals / norm
    rss = np.square(residuals - effect[:, None] * estimate).sum(axis=0)
    varies = rss > 1e-12 * np.square(residuals).sum(axis=0)
    return np.where(varies, estimate, np.nan), np.sqrt(np.where(varies, rss, np.nan) / design.df / norm)


def _residual_effect(found: Space, design: Design) -> np.ndarray:
    """Return the effect ``(n,)`` of a contrast of one row with the nuisance regressed out."""
    effect: np.ndarray = found.residuals(design.effect)[:, 0]
    return effect
