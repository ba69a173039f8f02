"""What a design can detect: the smallest effect it finds with a given probability, and that probability for an effect.

A test that found nothing says little until one knows what it could have found. The effect whose power is asked for must
come from outside the data: power for the observed effect is the p-value in other units (Hoenig and Heisey 2001, Am Stat
55:19, doi:10.1198/000313001300339897). All of it assumes normal residuals.

The threshold is an argument: `critical_t` for one test, or a percentile of the largest |t| of the permutations (the
95th for a family-wise level of 0.05). With the latter, power is that of finding one given edge, not any edge; in a
permutation distribution that true effects elsewhere have widened it is a little too low.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import special
from scipy.optimize import brentq


@dataclass(frozen=True)
class Detectable:
    """The effect that a t test detects with the power asked for.

    Parameters
    ----------
    noncentrality
        Expected t, nearly: the effect in standard errors.
    standardised
        Effect in residual standard deviations; for a mean change those of the change.
    raw
        Effect ``(n_columns,)`` in units of the measure.
    """

    noncentrality: float
    standardised: float
    raw: np.ndarray


def critical_t(df: int, alpha: float) -> float:
    """Return the |t| that a two-sided test at level alpha must exceed."""
    return float(special.stdtrit(df, 1 - alpha / 2))


def critical_f(df_effect: int, df: int, alpha: float) -> float:
    """Return the F that a test at level alpha of a contrast with ``df_effect`` rows must exceed."""
    return float(special.fdtri(df_effect, df, 1 - alpha))


def achieved_power(effect: float | np.ndarray, error: np.ndarray, df: int, critical: float) -> np.ndarray:
    """Return the probability that |t| of a contrast exceeds a threshold if the contrast has a given value.

    t then is noncentral t with noncentrality ``effect / error`` (Cohen 1988, Statistical Power Analysis, 2nd ed.).

    Parameters
    ----------
    effect
        Assumed contrast in units of the measure, one or ``(n_columns,)``; not the observed one.
    error
        Standard error of the contrast ``(n_columns,)``. It is estimated: in truth power is uncertain by as much as it
        is. With 1 / sqrt(x'x) for it, x the effect with the nuisance regressed out, ``effect`` is in residual standard
        deviations.
    df
        Residual degrees of freedom.
    critical
        Threshold of |t|.

    Returns
    -------
    numpy.ndarray
        Power ``(n_columns,)``; NaN without variance.
    """
    error = np.asarray(error, dtype=np.float64)
    varies = error > 0
    noncentrality = np.divide(np.abs(effect), error, out=np.full(varies.shape, np.nan), where=varies)
    return _power_t(noncentrality, df, critical)


def detectable_effect(
    error: np.ndarray, df: int, n_effective: float, critical: float, power: float = 0.8
) -> Detectable:
    """Return the smallest effect that a two-sided t test of a contrast detects with a given probability.

    It solves for the noncentrality d sqrt(x'x) = effect / error of the noncentral t distribution.

    Parameters
    ----------
    error
        Standard error of the contrast ``(n_columns,)``: s / sqrt(x'x), with s the residual standard deviation. It is
        estimated, and ``raw`` is uncertain by as much: with 19 degrees of freedom by a factor from 0.76 to 1.46.
    df
        Residual degrees of freedom.
    n_effective
        x'x of the effect with the nuisance regressed out: n for a mean change, n_a n_b / (n_a + n_b) for two arms.
    critical
        Threshold of |t|; with an infinite one, which few arrangements can give, nothing is detected: NaN.
    power
        Probability of detection, above the level of the test.

    Raises
    ------
    ValueError
        If the power is not between the level of the test and 1.
    """
    noncentrality = _solve(lambda value: float(_power_t(value, df, critical)), power) if critical < np.inf else np.nan
    raw = np.where(np.asarray(error) > 0, noncentrality * np.asarray(error), np.nan)
    return Detectable(noncentrality, noncentrality / float(np.sqrt(n_effective)), raw)


def achieved_power_f(f: float | np.ndarray, n: int, df_effect: int, df: int, critical: float) -> np.ndarray:
    """Return the probability that F of a contrast with several rows exceeds a threshold.

    F then is noncentral F with noncentrality f^2 n, where f^2 is the variance that the effect explains over the
    residual variance (Cohen 1988, chapter 8).

    Parameters
    ----------
    f
        Cohen's f; not the observed one.
    n
        Number of participants.
    df_effect
        Rows of the contrast.
    df
        Residual degrees of freedom.
    critical
        Threshold of F.
    """
    noncentrality = np.square(f) * n
    below = np.asarray(special.ncfdtr(df_effect, df, noncentrality, critical))
    return 1 - _settled(below, critical - 1, noncentrality / df_effect)


def detectable_effect_f(n: int, df_effect: int, df: int, critical: float, power: float = 0.8) -> float:
    """Return the smallest Cohen's f that an F test of a contrast with several rows detects with a given probability.

    Parameters
    ----------
    n
        Number of participants.
    df_effect
        Rows of the contrast.
    df
        Residual degrees of freedom.
    critical
        Threshold of F.
    power
        Probability of detection, above the level of the test.

    Raises
    ------
    ValueError
        If the power is not between the level of the test and 1.
    """
    return _solve(lambda value: float(achieved_power_f(value, n, df_effect, df, critical)), power)


def noncentral_t(t: np.ndarray | float, df: int, noncentrality: np.ndarray | float) -> np.ndarray:
    """Return the probability that noncentral t is at most t; NaN if an argument is NaN."""
    return _settled(np.asarray(special.nctdtr(float(df), noncentrality, t)), t, noncentrality)


def _settled(probability: np.ndarray, value: np.ndarray | float, centre: np.ndarray | float) -> np.ndarray:
    """Return probabilities of lying below a value with 0 or 1 where scipy gives NaN because they differ by < 1e-12."""
    lost = np.isnan(probability) & ~np.isnan(value) & ~np.isnan(centre)
    return np.where(lost, np.greater(value, centre), probability)


def _power_t(noncentrality: np.ndarray | float, df: int, critical: float) -> np.ndarray:
    power: np.ndarray = 1 - noncentral_t(critical, df, noncentrality) + noncentral_t(-critical, df, noncentrality)
    return power


def _solve(power_at: Callable[[float], float], power: float) -> float:
    """Return where a power that rises from the level of the test to 1 reaches a value; NaN if it is not a number."""
    level = power_at(0.0)
    if np.isnan(level):
        return np.nan
    if not level < power < 1:
        raise ValueError(f"power must be between the level of the test, {level:.3g}, and 1, not {power}")
    high = 1.0
    while power_at(high) < power:
        high *= 2
    return float(brentq(lambda value: power_at(value) - power, 0.0, high, xtol=1e-12, rtol=1e-12))
