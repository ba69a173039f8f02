"""Random-intercept linear mixed models in many columns at once, by restricted maximum likelihood (REML).

The model is ``y = X b + u[participant] + e`` with variances ``ratio * s2`` of the participants' intercepts u and ``s2``
of the residuals e, so that ``V = s2 (I + ratio Z Z')``. :mod:`connect.inference.reml` finds the ratio of each column.

Degrees of freedom are Satterthwaite's (Giesbrecht and Burns 1985, Biometrics 41:477; Fai and Cornelius 1996,
J Stat Comput Simul 54:363), as in lmerTest (Kuznetsova et al. 2017, J Stat Softw 82(13)), whose derivatives are
numerical; here they are closed forms. At the boundary, where the intercepts' variance is 0, lmerTest in effect takes it
as known: tests are those of ordinary least squares with nu degrees of freedom. So they are here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import special

from connect.inference.reml import Rotation, ratio_of, rotate, squares_of


@dataclass(frozen=True)
class Mixed:
    """One contrast in each column: arrays ``(n_columns,)``; NaN, and no boundary, for a column that cannot be fitted.

    Parameters
    ----------
    estimate, se, df, t, p
        Contrast of the fixed effects, its standard error, Satterthwaite's degrees of freedom, two-sided t test.
    low, high
        Bounds of the t interval.
    variance_between, variance_within
        Variance of the participants' intercepts and of the residuals, in squared units of the values.
    icc
        Share of the variance that is between participants, ``between / (between + within)``.
    boundary
        Whether the variance between participants is estimated as 0.
    """

    estimate: np.ndarray
    se: np.ndarray
    df: np.ndarray
    t: np.ndarray
    p: np.ndarray
    low: np.ndarray
    high: np.ndarray
    variance_between: np.ndarray
    variance_within: np.ndarray
    icc: np.ndarray
    boundary: np.ndarray

    @property
    def ratio(self) -> np.ndarray:
        """Variance between participants over the variance within."""
        ratio: np.ndarray = self.variance_between / self.variance_within
        return ratio


@dataclass(frozen=True)
class MixedF:
    """Joint test of several contrasts in each column: arrays ``(n_columns,)``; NaN for a column that cannot be fitted.

    ``df_num`` is the rank of the contrasts.
    """

    statistic: np.ndarray
    df_num: np.ndarray
    df_den: np.ndarray
    p: np.ndarray


def fit_mixed(
    values: np.ndarray, fixed: np.ndarray, participants: np.ndarray, contrast: np.ndarray, confidence: float
) -> Mixed:
    """Fit every column and test one contrast of its fixed effects by t.

    Parameters
    ----------
    values
        One row per session ``(n_rows, n_columns)``; missing sessions are absent, participants may have only one.
    fixed
        Design matrix of the fixed effects ``(n_rows, k)``, of full rank.
    participants
        Label of the participant of each row ``(n_rows,)``.
    contrast
        Weights ``(k,)``.
    confidence
        Level of the intervals.

    Raises
    ------
    ValueError
        If shapes do not fit, the design or a contrast is degenerate, or the design cannot tell the variance between
        participants from that within.
    """
    rotation = rotate(fixed, participants, np.reshape(contrast, (1, -1)))
    found = np.full((5, values.shape[1]), np.nan)
    for columns, state in _solve(values, rotation):
        variance = state.covariance[:, :, 0]
        df = _satterthwaite(variance, state.slope[:, :, 0], state, rotation)
        se = np.sqrt(state.within * variance[:, 0])
        found[:, columns] = state.estimate[:, 0], se, df[:, 0], state.ratio, state.within
    estimate, se, df, ratio, within = found
    t, half = estimate / se, se * special.stdtrit(df, (1 + confidence) / 2)
    p = 2 * special.stdtr(df, -np.abs(t))
    between, icc = ratio * within, ratio / (1 + ratio)
    return Mixed(estimate, se, df, t, p, estimate - half, estimate + half, between, within, icc, ratio == 0)


def orthonormal(contrasts: np.ndarray, fixed: np.ndarray) -> np.ndarray:
    """Return contrasts ``(rank, k)`` of the same hypothesis with uncorrelated least-squares estimates of variance 1.

    Which level is the reference, and thus the names of levels, then changes no degrees of freedom of a joint test.
    """
    turned, lengths, _ = np.linalg.svd(contrasts @ np.linalg.pinv(fixed), full_matrices=False)
    rank = int(np.linalg.matrix_rank(contrasts))
    found: np.ndarray = (turned[:, :rank] / lengths[:rank]).T @ contrasts
    return found


def f_test_mixed(values: np.ndarray, fixed: np.ndarray, participants: np.ndarray, contrasts: np.ndarray) -> MixedF:
    """Fit every column and test several contrasts of its fixed effects jointly by F.

    The denominator's degrees of freedom come from those of the principal components of the contrasts (Fai and
    Cornelius 1996), as in lmerTest's ``contestMD``. Other rows that span the same hypothesis leave F as it is; they can
    change the degrees of freedom a little.

    Parameters
    ----------
    values, fixed, participants
        As of :func:`fit_mixed`, which also says what raises.
    contrasts
        Weights ``(q, k)``; rows may depend on each other.
    """
    rotation, rank = rotate(fixed, participants, contrasts), int(np.linalg.matrix_rank(contrasts))
    found = np.full((2, values.shape[1]), np.nan)
    for columns, state in _solve(values, rotation):
        roots, axes = np.linalg.eigh(state.covariance)
        roots, axes = roots[:, -rank:], axes[:, :, -rank:]
        projected = np.einsum("cqr,cq->cr", axes, state.estimate)
        slopes = np.einsum("cqr,cqs,csr->cr", axes, state.slope, axes)
        df = _satterthwaite(roots, slopes, state, rotation)
        found[:, columns] = np.mean(np.square(projected) / roots, axis=1) / state.within, _denominator(df)
    statistic, df_den = found
    return MixedF(
        statistic, np.where(np.isnan(statistic), np.nan, rank), df_den, special.fdtrc(rank, df_den, statistic)
    )


def variance_ratio(values: np.ndarray, fixed: np.ndarray, participants: np.ndarray) -> np.ndarray:
    """Return the variance between participants over that within ``(n_columns,)``; NaN for a column without a fit.

    Parameters are those of :func:`fit_mixed`; ``fixed`` may have no columns. Without the effect in the model, it hardly
    changes when signs of participants are flipped, so that a test by flips is fair at this ratio. That of the full
    model is small where the effect is large by chance, and then t is too large in the observed arrangement alone.
    """
    rotation = rotate(fixed, participants, np.empty((0, fixed.shape[1])))
    found = np.full(values.shape[1], np.nan)
    for columns, _, squares in squares_of(values, rotation):
        found[columns] = ratio_of(squares, rotation)
    return found


def whiten(rows: np.ndarray, participants: np.ndarray, ratio: float | np.ndarray) -> np.ndarray:
    """Return rows multiplied by ``(I + ratio Z Z')^(-1/2)``, whose errors are independent with equal variances.

    Ordinary least squares on whitened values and a whitened design gives the generalised least squares estimate, and,
    at the ratio of :func:`fit_mixed`, its standard error and t as well. Each participant's mean shrinks by
    ``1 / sqrt(1 + sessions * ratio)``; deviations from it stay.

    Parameters
    ----------
    rows
        Values or design matrix ``(n_rows, n_columns)``.
    participants
        Label of the participant of each row ``(n_rows,)``.
    ratio
        Variance between participants over the variance within: one for all columns, or one for each ``(n_columns,)``.
    """
    labels, sessions = np.unique(participants, return_inverse=True, return_counts=True)[1:]
    order = np.argsort(labels, kind="stable")
    sums = np.add.reduceat(np.asarray(rows, dtype=np.float64)[order], np.cumsum(sessions) - sessions, axis=0)
    removed = (1 - 1 / np.sqrt(1 + sessions[:, None] * ratio)) / sessions[:, None]
    whitened: np.ndarray = rows - (removed * sums)[labels]
    return whitened


@dataclass(frozen=True)
class _State:
    """Fits of n columns; ``covariance`` ``(n, q, q)`` is over s2, and ``slope`` is its derivative by the ratio.

    ``curvature`` and ``coupling`` ``(n,)`` are the deviance's derivatives by the ratio twice, and by ratio and log s2.
    """

    ratio: np.ndarray
    within: np.ndarray
    estimate: np.ndarray
    covariance: np.ndarray
    slope: np.ndarray
    curvature: np.ndarray
    coupling: np.ndarray


def _solve(values: np.ndarray, rotation: Rotation) -> Iterator[tuple[np.ndarray, _State]]:
    """Yield the numbers of the columns that can be fitted, and their fits, block by block."""
    for columns, rows, squares in squares_of(values, rotation):
        yield columns, _state(squares, rotation.weights.T @ rows, rotation)


def _state(squares: np.ndarray, linear: np.ndarray, rotation: Rotation) -> _State:
    """Fit columns from their sums of squares ``(n_groups, n)`` and linear functions ``((1 + n_groups) q, n)``."""
    roots, q = rotation.roots[:, None], len(rotation.plain)
    ratio = ratio_of(squares, rotation)
    inverse = 1 / (1 + ratio * roots)
    within = (squares * inverse).sum(axis=0) / rotation.nu
    linear = linear.reshape(len(roots) + 1, q, len(ratio))
    estimate = linear[0] - np.einsum("gn,gqn->qn", ratio * inverse, linear[1:])
    loads = rotation.loads.reshape(-1, q * q)
    covariance = rotation.plain + ratio[:, None, None] * rotation.outside
    covariance += ((ratio * inverse).T @ loads).reshape(-1, q, q)
    slope = rotation.outside + (np.square(inverse).T @ loads).reshape(-1, q, q)
    coupling = (squares * roots * inverse**2).sum(axis=0) / within
    curvature = 2 * (squares * roots**2 * inverse**3).sum(axis=0) / within
    curvature -= rotation.counts @ np.square(roots * inverse)
    return _State(ratio, within, estimate.T, covariance, slope, curvature, coupling)


def _satterthwaite(variance: np.ndarray, slope: np.ndarray, state: _State, rotation: Rotation) -> np.ndarray:
    """Return the degrees of freedom of contrasts with variances and slopes ``(n, r)``, as ``covariance`` has them.

    ``df = 2 var^2 / (g' A g)`` with A twice the inverse of the deviance's second derivatives, here by the ratio and
    log s2 (df are the same in every parametrisation, as the first derivatives are 0), and g the gradient of var.
    """
    nu, curvature, coupling = float(rotation.nu), state.curvature[:, None], state.coupling[:, None]
    determinant = nu * curvature - coupling**2
    spread = nu * slope**2 - 2 * coupling * slope * variance + curvature * variance**2
    inside = np.broadcast_to(state.ratio[:, None] > 0, variance.shape)
    df: np.ndarray = np.divide(variance**2 * determinant, spread, out=np.full(variance.shape, nu), where=inside)
    return df


def _denominator(df: np.ndarray) -> np.ndarray:
    """Return the F test's denominator ``(n,)`` from the degrees of freedom ``(n, r)`` of independent t tests."""
    if df.shape[1] == 1:
        return df[:, 0]
    few = np.any(df <= 2, axis=1)
    safe = np.where(few[:, None], 4.0, df)
    mean = (safe / (safe - 2)).sum(axis=1)
    pooled: np.ndarray = np.where(few, 2.0, 2 * mean / (mean - df.shape[1]))
    return pooled
