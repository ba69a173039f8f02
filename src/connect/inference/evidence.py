"""Evidence for an effect and for its absence, from the statistics of a contrast that `fit` gives for each column.

The Bayes factor compares "there is no effect" with "the effect has a Cauchy prior"; the equivalence test asks whether
the effect is smaller than the smallest one of interest. Both answer what a p-value above alpha does not.
"""

from __future__ import annotations

import numpy as np
from scipy import special
from scipy.interpolate import PPoly

from connect.inference.power import noncentral_t

MEDIUM = np.sqrt(2) / 2
"""Scale of the Cauchy prior on the standardised effect: half of it lies within +-0.71 standard deviations."""

PIECE = 0.25
"""Width in asinh |t| of the pieces on which the logarithm of the Bayes factor is a polynomial."""

N_NODES = 12
"""Chebyshev nodes in a piece."""

STEP = 0.25
"""Step in log g of the trapezoidal rule, whose error falls as exp(-pi^2 / STEP)."""


def log10_bayes_factor(t: np.ndarray, df: int, n_effective: float, scale: float = MEDIUM) -> np.ndarray:
    """Return log10 of the JZS Bayes factor BF10 of a contrast in each column.

    The null is that the contrast is 0; under the alternative, delta (the contrast in residual standard deviations) is
    Cauchy with the given scale; the other coefficients and the standard deviation have Jeffreys priors in both. With N
    for ``n_effective`` and v for ``df`` (Rouder et al. 2009, Psychon Bull Rev 16:225, doi:10.3758/PBR.16.2.225)::

        BF10 = integral of (1 + N g)^(-1/2) (1 + t^2 / ((1 + N g) v))^(-(v + 1) / 2) p(g) dg over g > 0
               / (1 + t^2 / v)^(-(v + 1) / 2)

    with p(g) the inverse gamma density of shape 1/2 and scale ``scale``^2 / 2. 1 is BF10 = 10, -1 is BF10 = 1/10. All
    columns share one function of |t|; it is integrated at Chebyshev nodes and interpolated, with a relative error of
    the Bayes factor below 1e-9. The nodes are fixed, so that no column depends on the others.

    It answers to the prior: a wider one favours the null. Show it for more than one scale before leaning on it.

    Parameters
    ----------
    t
        t of the contrast ``(n_columns,)``; NaN gives NaN, an infinite t infinite evidence.
    df
        Residual degrees of freedom.
    n_effective
        What makes t = delta_hat sqrt(N): n for a mean change, n_a n_b / (n_a + n_b) for two arms, in general x'x of
        the effect with the nuisance regressed out. For a slope, x'x depends on the unit of the covariate, and with it
        what the prior means: divide it by the variance of the covariate, so that delta is for one standard deviation.
    scale
        Scale of the Cauchy prior in residual standard deviations.

    Returns
    -------
    numpy.ndarray
        log10 of BF10 ``(n_columns,)``.
    """
    size = np.arcsinh(np.abs(np.asarray(t, dtype=np.float64)))
    finite = np.isfinite(size)
    n_pieces = int(size.max(where=finite, initial=0) // PIECE) + 1
    curve = np.stack([_piece(index, df, n_effective, scale) for index in range(n_pieces)], axis=1)
    interpolate = PPoly(curve / np.log(10), PIECE * np.arange(n_pieces + 1))
    # The curve is even, and t infinite is beyond its last piece.
    return np.where(finite, interpolate(np.where(finite, size, 0.0)), size)


def equivalence(estimate: np.ndarray, error: np.ndarray, df: int, bound: float | np.ndarray) -> np.ndarray:
    """Return the p-value of two one-sided tests of |contrast| < bound in raw units, in each column.

    p = max(P(T >= (estimate + bound) / error), P(T <= (estimate - bound) / error)), with T Student's t (Schuirmann
    1987, J Pharmacokinet Biopharm 15:657, doi:10.1007/BF01068419; Lakens 2017, Soc Psychol Personal Sci 8:355,
    doi:10.1177/1948550617697177). p <= alpha if and only if the interval at confidence 1 - 2 alpha lies within the
    bounds. The bound must not come from the data; it is taken as known. With few participants the test often has no
    power at all: p can only fall below alpha if ``bound`` > t(1 - alpha, df) * ``error``.

    Parameters
    ----------
    estimate
        Contrast ``(n_columns,)`` in units of the measure.
    error
        Its standard error ``(n_columns,)``.
    df
        Residual degrees of freedom.
    bound
        Smallest effect of interest, positive, in units of the measure: one, or one for each column ``(n_columns,)``.

    Returns
    -------
    numpy.ndarray
        p ``(n_columns,)``; NaN without variance.
    """
    varies = error > 0
    # The larger of the two is the one on the side of the estimate.
    t = np.divide(np.abs(estimate) - bound, error, out=np.full(varies.shape, np.nan), where=varies)
    p: np.ndarray = special.stdtr(float(df), t)
    return p


def standardised_equivalence(t: np.ndarray, df: int, n_effective: float, bound: float) -> np.ndarray:
    """Return the p-value of two one-sided tests of |delta| < bound in residual standard deviations, in each column.

    The standard deviation that the bound is a multiple of is estimated from the same residuals as t. Hence t is
    compared with the noncentral t distribution at the bounds, +-``bound`` sqrt(``n_effective``): p is the larger of
    P(T >= t) at the lower one and P(T <= t) at the upper one. The level is at most alpha, and p <= alpha if and only if
    the interval of the standardised effect from the noncentral t distribution (that of Hedges' g in `fit`) at
    confidence 1 - 2 alpha lies within the bounds (Wellek 2010, Testing Statistical Hypotheses of Equivalence and
    Noninferiority, 2nd ed., has one test of both bounds, a little more powerful at small n).

    Common software calls `equivalence` with ``bound`` times the estimated standard deviation as if that were known.
    Its level is not alpha: 0.039 in place of 0.05 for a mean change with n = 20 and a bound of 0.5, but 0.074 with
    n = 100 and a bound of 1.

    Parameters
    ----------
    t
        t of the contrast ``(n_columns,)``.
    df
        Residual degrees of freedom.
    n_effective
        x'x of the effect with the nuisance regressed out: n for a mean change, n_a n_b / (n_a + n_b) for two arms.
    bound
        Smallest effect of interest, positive, in residual standard deviations; for a mean change those of the change.

    Returns
    -------
    numpy.ndarray
        p ``(n_columns,)``.
    """
    return noncentral_t(np.abs(t), df, bound * np.sqrt(n_effective))


def _piece(index: int, df: int, n_effective: float, scale: float) -> np.ndarray:
    """Return coefficients ``(N_NODES,)`` of ln BF10, highest power first, in asinh |t| from the start of a piece."""
    at = (1 - np.cos((np.arange(N_NODES) + 0.5) * np.pi / N_NODES)) / 2
    values = _log_bayes_factor(np.sinh(PIECE * (index + at)), df, n_effective, scale)
    coefficients: np.ndarray = np.linalg.solve(np.vander(at), values) / PIECE ** np.arange(N_NODES - 1, -1, -1)
    return coefficients


def _log_bayes_factor(t: np.ndarray, df: int, n_effective: float, scale: float) -> np.ndarray:
    """Return ln BF10 ``(n,)`` of t ``(n,)``: an integral over log g, where the integrand falls off on both sides.

    With y = ln(1 + t^2 / v) and s = ln(1 + N g), the ratio of the powers is (e^-s (1 + e^(s - y) - e^-y)) to the power
    -(v + 1) / 2, in which nothing overflows.
    """
    y = 2 * np.log(np.hypot(1, t / np.sqrt(df)))[:, None]
    prior = 2 * np.log(scale)
    # 38 in log g is 17 digits in the tail, which falls as 1 / g from where prior and likelihood have let g go.
    last = max(prior, -np.log(n_effective), np.log(df / n_effective) + y.max()) + 38
    log_g = np.arange(prior - 8, last, STEP)
    shrunk = np.logaddexp(0, np.log(n_effective) + log_g)
    density = scale / np.sqrt(2 * np.pi) * np.exp(-log_g / 2 - np.exp(prior - log_g) / 2)
    power = (df + 1) / 2 * (shrunk - np.log1p(np.exp(shrunk - y) - np.exp(-y))) - shrunk / 2
    peak = power.max(axis=1, keepdims=True)
    integral: np.ndarray = peak[:, 0] + np.log(STEP * (np.exp(power - peak) * density).sum(axis=1))
    return integral
