"""Least-squares estimates of one contrast in many columns at once, with intervals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special, stats

from connect.design import Design
from connect.inference.rows import Space, places, space


@dataclass(frozen=True)
class Fit:
    """The contrast in each column: arrays ``(n_columns,)``; NaN for a column that cannot be tested."""

    estimate: np.ndarray
    low: np.ndarray
    high: np.ndarray
    t: np.ndarray
    g: np.ndarray
    g_low: np.ndarray
    g_high: np.ndarray


def fit(changes: np.ndarray, design: Design, confidence: float) -> Fit:
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
    return Fit(estimate, estimate - half, estimate + half, t, g, low, high)


def interval(values: np.ndarray, confidence: float) -> tuple[float, float, float]:
    """Return the mean of values ``(n,)`` and the bounds of its t interval."""
    mean = float(values.mean())
    half = float(stats.t.ppf((1 + confidence) / 2, len(values) - 1) * stats.sem(values))
    return mean, mean - half, mean + half


def hedges_correction(df: int) -> float:
    """Return J(df) = Gamma(df/2) / (sqrt(df/2) Gamma((df-1)/2)), which removes the bias of Cohen's d (Hedges 1981)."""
    return float(np.exp(special.gammaln(df / 2) - special.gammaln((df - 1) / 2)) / np.sqrt(df / 2))


def noncentrality(t: np.ndarray, df: int, confidence: float) -> np.ndarray:
    """Return the bounds ``(2, n_columns)`` of the noncentrality parameter behind observed t-values ``(n_columns,)``."""
    tail = (1 - confidence) / 2
    return np.stack([special.nctdtrinc(float(df), p, t) for p in (1 - tail, tail)])


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
