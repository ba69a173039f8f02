"""Tests of one contrast in many columns at once, by permutation.

The statistic is Student's t of the contrast. Its null distribution comes from the residuals of the reduced model
(Freedman and Lane 1983; Winkler et al. 2014, NeuroImage 92:381): signs are flipped when the question is a mean change,
participants are permuted when it is a difference or a slope. Every participant moves as a whole, so that the
dependence among columns is kept. When there are no more rearrangements than the model asks for, all are enumerated, and
without covariates the p-values are exact; else p = (b + 1) / (m + 1) (Phipson and Smyth 2010). The observed arrangement
is always among them, so no p is 0.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, permutations, product
from math import comb, factorial

import numpy as np
from scipy import special, stats

from connect.design import Design

BLOCK = 64
"""Rearrangements that are worked on at once."""

TOLERANCE = 1e-9
"""Difference below which two partial correlations count as equal: rounding must not break ties."""


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


@dataclass(frozen=True)
class Tested:
    """P-values of each column ``(n_columns,)``, two-sided.

    Parameters
    ----------
    p
        Uncorrected.
    p_fwe
        Corrected for all columns by the largest |t| (Westfall and Young 1993).
    q_fdr
        Benjamini and Hochberg 1995, from ``p``.
    """

    p: np.ndarray
    p_fwe: np.ndarray
    q_fdr: np.ndarray


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
    effect, residuals = _reduced(changes, design)
    estimate, error = _coefficient(effect, residuals, design.df)
    t = estimate / error
    half = stats.t.ppf((1 + confidence) / 2, design.df) * error
    low, high = noncentrality(t, design.df, confidence) / np.linalg.norm(effect)
    g = hedges_correction(design.df) * t / np.linalg.norm(effect)
    return Fit(estimate, estimate - half, estimate + half, t, g, low, high)


def test(changes: np.ndarray, design: Design, n_permutations: int, seed: int) -> Tested:
    """Test the contrast in every column; the correction is over all of them.

    Parameters
    ----------
    changes
        Change of every participant ``(n, n_columns)``; columns with NaN or without variance are not tested.
    design
        The contrast.
    n_permutations
        Number of random rearrangements, unless all are fewer.
    seed
        Seed of the random ones.
    """
    effect, residuals = _reduced(changes, design)
    usable = np.isfinite(_coefficient(effect, residuals, design.df)[1])
    residuals = residuals[:, usable]
    bar = _strength(effect, residuals, design) - TOLERANCE
    exceed, exceed_max = np.zeros(usable.sum()), np.zeros(usable.sum())
    moves = Arrangements(design, n_permutations, seed)
    for block in moves:
        strength = _strength(effect, residuals, design, block)
        exceed += (strength >= bar).sum(axis=0)
        exceed_max += (strength.max(axis=1, initial=0)[:, None] >= bar).sum(axis=0)
    p, p_fwe = (_spread(values / moves.count, usable) for values in (exceed, exceed_max))
    return Tested(p, p_fwe, fdr(p))


class Arrangements:
    """All rearrangements of a design, or a random sample of them that begins with the observed one.

    ``count`` is their number, ``enumerated`` whether they are all there are. Iterating gives blocks: arrays
    ``(n_block, n)`` of signs for sign flips, else of row numbers.
    """

    def __init__(self, design: Design, n_permutations: int, seed: int) -> None:
        self.design, self.seed, self.n_permutations = design, seed, n_permutations
        groups = np.unique(np.round(design.effect / np.abs(design.effect).max(), 9)).size
        self.two_groups = not design.flips and design.nuisance.shape[1] == 1 and groups == 2
        self.possible = self._possible()
        self.enumerated = self.possible <= n_permutations + 1
        self.count = self.possible if self.enumerated else n_permutations + 1

    def __iter__(self) -> Iterator[np.ndarray]:
        rows = self._all() if self.enumerated else self._random()
        block: list[np.ndarray] = []
        for row in rows:
            block.append(row)
            if len(block) == BLOCK:
                yield np.array(block)
                block = []
        if block:
            yield np.array(block)

    def _possible(self) -> int:
        n = self.design.n
        if self.design.flips:
            return 1 << n
        if self.two_groups:
            return comb(n, int((self.design.effect > 0).sum()))
        return factorial(n)

    def _all(self) -> Iterator[np.ndarray]:
        n = self.design.n
        if self.design.flips:
            yield from (np.array(signs) for signs in product((1.0, -1.0), repeat=n))
        elif self.two_groups:
            first = np.flatnonzero(self.design.effect > 0)
            second = np.setdiff1d(np.arange(n), first)
            for chosen in combinations(range(n), len(first)):
                order = np.empty(n, dtype=int)
                order[first], order[second] = chosen, np.setdiff1d(np.arange(n), chosen)
                yield order
        else:
            yield from (np.array(order) for order in permutations(range(n)))

    def _random(self) -> Iterator[np.ndarray]:
        rng = np.random.default_rng(self.seed)
        n = self.design.n
        yield np.ones(n) if self.design.flips else np.arange(n)
        for _ in range(self.n_permutations):
            yield rng.choice((1.0, -1.0), n) if self.design.flips else rng.permutation(n)


def interval(values: np.ndarray, confidence: float) -> tuple[float, float, float]:
    """Return the mean of values ``(n,)`` and the bounds of its t interval."""
    mean = float(values.mean())
    half = float(stats.t.ppf((1 + confidence) / 2, len(values) - 1) * stats.sem(values))
    return mean, mean - half, mean + half


def fdr(p: np.ndarray) -> np.ndarray:
    """Return Benjamini and Hochberg's q-values of the finite p-values."""
    finite = np.isfinite(p)
    return _spread(stats.false_discovery_control(p[finite]), finite) if finite.any() else np.full(p.shape, np.nan)


def hedges_correction(df: int) -> float:
    """Return J(df) = Gamma(df/2) / (sqrt(df/2) Gamma((df-1)/2)), which removes the bias of Cohen's d (Hedges 1981)."""
    return float(np.exp(special.gammaln(df / 2) - special.gammaln((df - 1) / 2)) / np.sqrt(df / 2))


def noncentrality(t: np.ndarray, df: int, confidence: float) -> np.ndarray:
    """Return the bounds ``(2, n_columns)`` of the noncentrality parameter behind observed t-values ``(n_columns,)``."""
    tail = (1 - confidence) / 2
    return np.stack([special.nctdtrinc(float(df), p, t) for p in (1 - tail, tail)])


def _reduced(changes: np.ndarray, design: Design) -> tuple[np.ndarray, np.ndarray]:
    """Return the effect and the changes, both with the nuisance regressed out; residuals of rounding are 0."""
    basis = _basis(design.nuisance)
    residuals = changes - basis @ (basis.T @ changes)
    rounding = np.square(residuals).sum(axis=0) <= 1e-24 * np.square(changes).sum(axis=0)
    return design.effect - basis @ (basis.T @ design.effect), np.where(rounding, 0.0, residuals)


def _basis(nuisance: np.ndarray) -> np.ndarray:
    return np.linalg.qr(nuisance)[0] if nuisance.shape[1] else np.zeros((len(nuisance), 0))


def _coefficient(effect: np.ndarray, residuals: np.ndarray, df: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the coefficient of the effect in each column and its standard error; NaN without variance around it."""
    norm = effect @ effect
    estimate = effect @ residuals / norm
    rss = np.square(residuals - effect[:, None] * estimate).sum(axis=0)
    varies = rss > 1e-12 * np.square(residuals).sum(axis=0)
    return np.where(varies, estimate, np.nan), np.sqrt(np.where(varies, rss, np.nan) / df / norm)


def _strength(effect: np.ndarray, residuals: np.ndarray, design: Design, moves: np.ndarray | None = None) -> np.ndarray:
    """Return |r| ``(n_moves, n_columns)``: partial correlations of the effect with rearranged residuals.

    |t| = sqrt(df) |r| / sqrt(1 - r^2) grows with it, so that both give the same p; r stays precise where t is huge or,
    in an arrangement that the model fits perfectly, infinite.
    """
    lhs = np.concatenate([effect[None] / np.linalg.norm(effect), _basis(design.nuisance).T])
    rows = lhs[None] if moves is None else _rearranged(lhs, moves, flips=design.flips)
    products = np.square(rows @ residuals)
    total = np.square(residuals).sum(axis=0)
    left = total - products[:, 1:].sum(axis=1)
    r2 = np.divide(products[:, 0], left, out=np.ones_like(left), where=left > 1e-12 * total)
    strength: np.ndarray = np.sqrt(np.minimum(r2, 1))
    return strength


def _rearranged(lhs: np.ndarray, moves: np.ndarray, *, flips: bool) -> np.ndarray:
    """Return the left-hand rows ``(n_moves, n_rows, n)`` whose product with the residuals rearranges the residuals."""
    moved = np.empty((len(moves), *lhs.shape))
    if flips:
        moved[:] = lhs * moves[:, None]
        return moved
    np.put_along_axis(moved, np.broadcast_to(moves[:, None], moved.shape), np.broadcast_to(lhs, moved.shape), axis=2)
    return moved


def _spread(values: np.ndarray, where: np.ndarray) -> np.ndarray:
    full = np.full(where.shape, np.nan)
    full[where] = values
    return full
