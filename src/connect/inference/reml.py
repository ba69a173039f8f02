"""Residual maximum likelihood (REML) of random-intercept models, in many columns at once: a rotation and a search.

The model is that of :mod:`connect.inference.mixed`. All columns share its X and Z. An orthonormal basis K of what X
leaves over, turned so that ``K' Z Z' K`` is diagonal with elements d, therefore makes the residual contrasts
``w = K' y`` independent with variances ``s2 (1 + ratio d)`` in every column at once, and the REML criterion of a
column is a sum of few terms (Patterson and Thompson 1971, Biometrika 58:545, for the criterion; Kang et al. 2008,
Genetics 178:1709, for the rotation):

    deviance = nu log s2 + sum log(1 + ratio d) + sum w^2 / (1 + ratio d) / s2        nu = rows - columns of X

Its minimum is found among values of the ratio that all columns share and refined in each column by Newton's method to
rounding.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numba import njit
from scipy.linalg import solve_triangular

BLOCK = 2048
"""Columns that are worked on at once."""

GRID = np.concatenate([[0.0], np.geomspace(1e-4, 1e4, 49)])
"""Variance ratios at which the criterion is compared before it is refined around the best one."""

LARGEST = 1e26
"""Bound of the variance ratio; above it the residuals are rounding and the column is not fitted."""

ROUNDING = 1e-24
"""Share of a column's sum of squares below which the sum of squares within participants is rounding."""

SAME = 1e-10
"""Difference, relative to the most sessions of a participant, below which two eigenvalues count as equal."""


@dataclass(frozen=True)
class Rotation:
    """What all columns share. Residual contrasts are grouped by their eigenvalue d, ascending from 0.

    Parameters
    ----------
    basis, starts
        Residual contrasts ``(n_rows, nu)``, and the first of each group ``(n_groups,)``.
    roots, counts
        Eigenvalue and number of residual contrasts of each group ``(n_groups,)``.
    weights
        Contrasts by ordinary least squares, then what each group corrects: ``(n_rows, (1 + n_groups) q)``.
    plain, outside, loads
        ``L C L' / s2 = plain + ratio * outside + sum of ratio / (1 + ratio d) * loads`` over groups, without any
        negative term: shapes ``(q, q)``, ``(q, q)`` and ``(n_groups, q, q)``.
    """

    basis: np.ndarray
    starts: np.ndarray
    roots: np.ndarray
    counts: np.ndarray
    weights: np.ndarray
    plain: np.ndarray
    outside: np.ndarray
    loads: np.ndarray

    @property
    def nu(self) -> int:
        """Residual degrees of freedom of ordinary least squares."""
        return int(self.basis.shape[1])


def rotate(fixed: np.ndarray, participants: np.ndarray, contrasts: np.ndarray) -> Rotation:
    """Return what all columns share of a design ``(n_rows, k)`` and contrasts ``(q, k)`` of its coefficients.

    Parameters are those of :func:`connect.inference.mixed.fit_mixed`, which also says what raises.
    """
    _check(fixed, contrasts)
    k = fixed.shape[1]
    members = (np.unique(participants)[:, None] == participants).astype(np.float64)
    q, r = np.linalg.qr(fixed, mode="complete")
    ols = q[:, :k] @ solve_triangular(r[:k], contrasts.T, trans="T")
    inside = members @ q[:, k:]
    each, axes = np.linalg.eigh(inside.T @ inside)
    same = SAME * members.sum(axis=1).max()
    starts = np.flatnonzero(np.diff(each, prepend=-np.inf) > same)
    counts = np.diff(starts, append=len(each))
    if len(starts) < 2 or each[0] > same:
        raise ValueError("the design cannot tell the variance between participants from that within")
    roots = np.append(0.0, (np.add.reduceat(each, starts) / counts)[1:])
    basis, inside = q[:, k:] @ axes, inside @ axes
    pull = inside.T @ (members @ ols) * (np.arange(len(each)) >= counts[0])[:, None]
    scaled = pull / np.repeat(np.append(1.0, roots[1:]), counts)[:, None]
    outside = members @ ols - inside @ scaled
    groups = np.split(np.arange(len(each)), starts[1:])
    weights = np.hstack([ols, *(basis[:, group] @ pull[group] for group in groups)])
    loads = np.stack([pull[group].T @ scaled[group] for group in groups])
    return Rotation(basis, starts, roots, counts, weights, ols.T @ ols, outside.T @ outside, loads)


def _check(fixed: np.ndarray, contrasts: np.ndarray) -> None:
    norms = np.linalg.norm(fixed, axis=0)
    usable = (np.isfinite(norms) & (norms > 0)).all()
    if not usable or (norms.size and np.linalg.matrix_rank(fixed / norms) < norms.size):
        raise ValueError("the design matrix of the fixed effects must be finite and of full rank")
    if fixed.shape[0] == fixed.shape[1] or (len(contrasts) and not np.any(contrasts)):
        raise ValueError("there must be more rows than fixed effects, and weights that are not all 0")


def squares_of(values: np.ndarray, rotation: Rotation) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yield the numbers of the columns that can be fitted, their rows, and their sums of squares, block by block."""
    for start in range(0, values.shape[1], BLOCK):
        rows = np.asarray(values[:, start : start + BLOCK], dtype=np.float64)
        rows = np.where(np.isfinite(rows).all(axis=0), rows, 0.0)
        squares = np.add.reduceat(np.square(rotation.basis.T @ rows), rotation.starts, axis=0)
        usable = squares[0] > ROUNDING * np.square(rows).sum(axis=0)
        yield start + np.flatnonzero(usable), rows[:, usable], squares[:, usable]


def ratio_of(squares: np.ndarray, rotation: Rotation) -> np.ndarray:
    """Return the variance ratio ``(n,)`` at the lowest deviance."""
    inverse = 1 / (1 + GRID[:, None] * rotation.roots)
    deviance = rotation.nu * np.log(inverse @ squares) - (np.log(inverse) @ rotation.counts)[:, None]
    best = deviance.argmin(axis=0)
    limits = np.concatenate([[0.0], GRID, [LARGEST]])
    ratio: np.ndarray = _refine(
        np.ascontiguousarray(squares.T), rotation.roots, rotation.counts, GRID[best], limits[best], limits[best + 2]
    )
    return ratio


@njit(cache=True)
def _refine(
    squares: np.ndarray, roots: np.ndarray, counts: np.ndarray, start: np.ndarray, low: np.ndarray, high: np.ndarray
) -> np.ndarray:
    """Return the zero ``(n,)`` of the deviance's derivative between two bounds, or 0 if it rises from 0.

    Newton's method on the ratio; a step that leaves the bounds, which close in, becomes a bisection. ``squares`` are
    ``(n, n_groups)``, the start and the bounds ``(n,)``.
    """
    found = np.zeros(len(squares))
    nu = counts.sum()
    for column in range(len(squares)):
        ratio, below, above = start[column], low[column], high[column]
        for _ in range(200):
            total = first = second = trace = trace2 = 0.0
            for group in range(len(roots)):
                inverse = 1 / (1 + ratio * roots[group])
                scaled, term = roots[group] * inverse, squares[column, group] * inverse
                total, first, second = total + term, first + term * scaled, second + term * scaled * scaled
                trace, trace2 = trace + counts[group] * scaled, trace2 + counts[group] * scaled * scaled
            first, second = first / total, second / total
            gradient, curvature = trace - nu * first, nu * (2 * second - first * first) - trace2
            if ratio == 0 and gradient >= 0:
                break
            below, above = (below, ratio) if gradient > 0 else (ratio, above)
            step = ratio - gradient / curvature if curvature > 0 else -1.0
            if not below <= step <= above:
                step = np.sqrt(below * above) if below > 0 else above / 2
            change, ratio = abs(step - ratio), step
            if change <= 1e-10 * ratio:
                break
        found[column] = ratio
    return found
