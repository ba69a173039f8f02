"""Analysis of covariance with a covariate that every column has of its own, such as its value before.

By the theorem of Frisch, Waugh and Lovell the own covariate, with the shared nuisance regressed out, is one more column
of the nuisance. The effect then differs from column to column, and so does what rearranged residuals are compared with.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit
from scipy import stats

from connect.design import Design
from connect.inference.arrangements import Arrangements
from connect.inference.estimates import Fit, hedges_correction, noncentrality
from connect.inference.permutation import TOLERANCE, Listener, Tested, tested
from connect.inference.rows import Space, places, rearranged, relabelled, space

MOVES = 128
"""Rearrangements that are worked on at once."""

LEAST = 1e-12
"""Share of a sum of squares below which it is rounding."""


@dataclass(frozen=True)
class _Tile:
    """Columns with the shared nuisance and their own covariate regressed out.

    Parameters
    ----------
    residuals
        Outcome ``(n, n_tile)``, each column of length 1.
    own
        Own covariate with the shared nuisance regressed out ``(n, n_tile)``, of length 1.
    overlap
        Product of the effect's basis with ``own`` ``(n_tile,)``.
    length
        Length of the residuals before they were divided by it ``(n_tile,)``; NaN for a column that cannot be used.
    """

    residuals: np.ndarray
    own: np.ndarray
    overlap: np.ndarray
    length: np.ndarray

    def strength(self, products: np.ndarray, own: np.ndarray) -> np.ndarray:
        """Return partial correlations ``(n_moves, n_tile)``.

        Parameters
        ----------
        products
            Of the effect's row, then the nuisance's, with rearranged residuals ``(n_moves, n_rows, n_tile)``.
        own
            Of the own covariate with them ``(n_moves, n_tile)``.
        """
        effect = (products[:, 0] - self.overlap * own) / np.sqrt(1 - np.square(self.overlap))
        left = 1 - np.square(products[:, 1:]).sum(axis=1) - np.square(own)
        return _ratio(effect, left)


def fit_ancova(values: np.ndarray, before: np.ndarray, design: Design, confidence: float) -> Fit:
    """Estimate a contrast of one row in every column, adjusted for the column's own covariate.

    Parameters
    ----------
    values
        Outcome ``(n, n_columns)``.
    before
        Own covariate of each column ``(n, n_columns)``.
    design
        The contrast and the shared nuisance.
    confidence
        Level of the intervals.
    """
    found, df = space(design), design.df - 1
    length = np.linalg.norm(found.residuals(design.effect))
    parts = [np.empty((2, 0))]
    for at in places(values.shape[1]):
        tile = _tile(found, values[:, at], before[:, at])
        r = tile.strength(found.effect.T[None] @ tile.residuals, np.zeros((1, tile.length.size)))[0]
        t = r * np.sqrt(df / (1 - np.square(r)))
        error = tile.length * np.sqrt((1 - np.square(r)) / df / (1 - np.square(tile.overlap))) / length
        parts.append(np.stack([t, error]))
    t, error = np.concatenate(parts, axis=1)
    estimate, half = t * error, stats.t.ppf((1 + confidence) / 2, df) * error
    bounds = noncentrality(t, df, confidence) / length
    g = hedges_correction(df) * t / length
    return Fit(estimate, estimate - half, estimate + half, t, g, bounds[0], bounds[1], error, np.full(t.shape, df))


def ancova_test(
    values: np.ndarray,
    before: np.ndarray,
    design: Design,
    n_permutations: int,
    seed: int,
    *,
    labels: bool = False,
    listeners: Sequence[Listener] = (),
) -> Tested:
    """Test a contrast of one row in every column, adjusted for the column's own covariate.

    Parameters are those of :func:`connect.inference.permutation_test`, and ``before`` the own covariates
    ``(n, n_columns)``.
    """
    found = space(design)
    tiles = [_tile(found, values[:, at], before[:, at]) for at in places(values.shape[1])]
    use = np.concatenate([np.empty(0, bool), *(np.isfinite(tile.length) for tile in tiles)])
    moves = Arrangements(design, n_permutations, seed)
    counts, maxima, bars = np.zeros(len(use)), [], np.empty(0)
    for block in moves.blocks(MOVES):
        r = np.concatenate([_moved(found, design, tile, block, labels=labels) for tile in tiles], axis=1)
        size = np.abs(r)
        bars = bars if bars.size else size[0] - TOLERANCE
        counts += (size >= bars).sum(axis=0)
        maxima.append(size[:, use].max(axis=1, initial=0))
        for listener in listeners:
            listener.add((r * np.sqrt((design.df - 1) / np.maximum(1 - np.square(r), LEAST)))[:, use])
    return tested(counts[use], np.square(np.concatenate(maxima)), np.square(bars[use]), use, 1, design.df - 1)


def _moved(found: Space, design: Design, tile: _Tile, block: np.ndarray, *, labels: bool) -> np.ndarray:
    """Return the partial correlations of a block of arrangements ``(n_moves, n_tile)``."""
    if labels:
        rows = relabelled(found, design, block)[:, 0]
        return _ratio(rows @ tile.residuals, 1 - np.square(rows @ tile.own))
    products = rearranged(found, block, flips=design.flips) @ tile.residuals
    if design.flips:
        return tile.strength(products, block @ (tile.own * tile.residuals))
    return tile.strength(products, _crossed(tile.own, tile.residuals, block))


def _tile(found: Space, values: np.ndarray, before: np.ndarray) -> _Tile:
    """Regress the shared nuisance and the own covariate out of columns; what cannot be tested has NaN everywhere."""
    complete = np.isfinite(values).all(axis=0) & np.isfinite(before).all(axis=0)
    own = found.residuals(np.where(complete, before, 0.0))
    own /= _length(own, before)
    residuals = found.residuals(np.where(complete, values, 0.0))
    around = residuals - own * (own * residuals).sum(axis=0)
    length = _length(around, residuals)
    around /= length
    overlap = found.effect[:, 0] @ own
    perfect = 1 - np.square(found.effect[:, 0] @ around) / (1 - np.square(overlap)) < LEAST
    usable = complete & ~perfect & (1 - np.square(overlap) > LEAST) & np.isfinite(length)
    blank = np.where(usable, 1.0, np.nan)
    return _Tile(around * blank, own * blank, overlap * blank, length * blank)


def _length(columns: np.ndarray, before: np.ndarray) -> np.ndarray:
    """Return the length of columns, NaN where they are rounding beside what they were before."""
    length = np.linalg.norm(columns, axis=0)
    rounding = length <= np.sqrt(LEAST) * np.linalg.norm(np.where(np.isfinite(before), before, 0.0), axis=0)
    return np.where(rounding, np.nan, length)


def _ratio(effect: np.ndarray, left: np.ndarray) -> np.ndarray:
    """Return the partial correlation; of size 1 where nothing is left."""
    share = np.divide(np.abs(effect), np.sqrt(np.maximum(left, 0)), out=np.ones_like(effect), where=left > LEAST)
    signed: np.ndarray = np.copysign(np.where(np.isnan(effect), np.nan, np.minimum(share, 1)), effect)
    return signed


@njit(cache=True)
def _crossed(own: np.ndarray, residuals: np.ndarray, orders: np.ndarray) -> np.ndarray:
    """Return the products of each column's own covariate with its rearranged residuals ``(n_moves, n_tile)``."""
    n_moves, n = orders.shape
    width = own.shape[1]
    found = np.zeros((n_moves, width))
    for move in range(n_moves):
        for i in range(n):
            left, right = own[i], residuals[orders[move, i]]
            for e in range(width):
                found[move, e] += left[e] * right[e]
    return found
