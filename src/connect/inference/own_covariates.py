"""Columns with a covariate that each has of its own, such as its value before, and what they show when rearranged.

By the theorem of Frisch, Waugh and Lovell the own covariate, with the shared nuisance regressed out, is one more column
of the nuisance. The effect then differs from column to column, and so does what rearranged residuals are compared with.

Let a be the products of an orthonormal basis E of the effect with rearranged residuals of length 1, b that of the own
covariate o of length 1, c those of the nuisance, and v = E'o. The effect with the own covariate regressed out is
E - o v', whose products are w = a - v b. The share of the variance that it explains is therefore

    R² = (w'w + (v'w)² / (1 - v'v)) / (1 - b² - c'c)        t² = df R² / (1 - R²), or q times that for F of q rows
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numba import njit

from connect.columns import Values
from connect.inference.rows import Space

TILE = 256
"""Columns that are worked on at once: their residuals and own covariates stay in the processor's cache."""

LEAST = 1e-12
"""Share of a sum of squares below which it is rounding."""


@dataclass(frozen=True)
class Tile:
    """Columns that can be tested, with the shared nuisance and their own covariate regressed out.

    Parameters
    ----------
    columns
        Their places ``(n_tile,)`` among all.
    residuals
        Outcome ``(n, n_tile)``, each column of length 1.
    own
        Own covariate with the shared nuisance regressed out ``(n, n_tile)``, of length 1.
    overlap
        Products of the effect's basis with ``own`` ``(q, n_tile)``.
    length
        Length of the residuals before they were divided by it ``(n_tile,)``.
    products
        Products of the effect's basis with the residuals ``(q, n_tile)``.
    """

    columns: np.ndarray
    residuals: np.ndarray
    own: np.ndarray
    overlap: np.ndarray
    length: np.ndarray
    products: np.ndarray

    @property
    def free(self) -> np.ndarray:
        """Share of the effect that the own covariate leaves ``(n_tile,)``."""
        free: np.ndarray = 1 - np.square(self.overlap).sum(axis=0)
        return free

    @property
    def explained(self) -> np.ndarray:
        """Observed R² ``(n_tile,)``."""
        along = (self.overlap * self.products).sum(axis=0)
        share = np.square(self.products).sum(axis=0) + np.square(along) / np.maximum(self.free, LEAST)
        found: np.ndarray = np.minimum(share, 1)
        return found


@dataclass(frozen=True)
class Moves:
    """A block of arrangements, and their rows ``(n_moves, n_rows, n)``: the effect's, then the nuisance's."""

    rows: np.ndarray
    block: np.ndarray
    labels: bool
    flips: bool

    def tally(self, tile: Tile, bars: np.ndarray, best: np.ndarray, heard: np.ndarray) -> np.ndarray:
        """Return how many arrangements reach the bars ``(n_tile,)``; ``best`` grows, ``heard`` is filled if any."""
        n_moves, n_rows, n = self.rows.shape
        shape = (n_moves, n_rows, tile.length.size)
        products, overlap = (self.rows.reshape(-1, n) @ tile.residuals).reshape(shape), tile.overlap[None]
        if self.labels:
            overlap, crossed = (self.rows.reshape(-1, n) @ tile.own).reshape(shape), np.zeros((1, shape[2]))
        elif self.flips:
            crossed = self.block @ (tile.own * tile.residuals)
        else:
            crossed = _crossed(tile.own, tile.residuals, self.block)
        counts, out = np.zeros(shape[2]), np.empty((len(heard), shape[2]), np.float32)
        _tally(products, overlap, crossed, bars, counts, best, out)
        if out.size:
            heard[:, tile.columns] = out
        return counts


def tiles(found: Space, values: Values, before: Values) -> Iterator[Tile]:
    """Give the columns of an outcome and their own covariates, both ``(n, n_columns)``, tile by tile."""
    return (_tile(found, values, before, start) for start in range(0, values.shape[1], TILE))


def _tile(found: Space, values: Values, before: Values, start: int) -> Tile:
    """Regress the shared nuisance and the own covariate out of columns, and leave out what cannot be tested."""
    pair = [np.asarray(each[:, start : start + TILE], dtype=np.float64) for each in (values, before)]
    complete = np.isfinite(pair).all(axis=(0, 1))
    outcome, own = (found.residuals(np.where(complete, each, 0.0)) for each in pair)
    own, size = _unit(own)
    around = outcome - own * (own * outcome).sum(axis=0)
    left = np.square(around).sum(axis=0) > LEAST * np.square(outcome).sum(axis=0)
    residuals, length = _unit(around)
    full = Tile(np.arange(len(size)) + start, residuals, own, found.effect.T @ own, length, found.effect.T @ residuals)
    use = complete & (size > 0) & left & (full.free > LEAST) & (1 - full.explained > LEAST)
    return Tile(*(np.ascontiguousarray(each[..., use]) for each in vars(full).values()))


def _unit(columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return columns of length 1, or of 0, and what their length was."""
    length = np.linalg.norm(columns, axis=0)
    return np.divide(columns, length, out=np.zeros_like(columns), where=length > 0), length


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


@njit(cache=True)
def _tally(
    products: np.ndarray,
    overlaps: np.ndarray,
    crossed: np.ndarray,
    bars: np.ndarray,
    counts: np.ndarray,
    best: np.ndarray,
    out: np.ndarray,
) -> None:
    """Count a block of arrangements over a tile of columns, by the formula at the head of this module.

    An arrangement that leaves no variance, or nothing of the effect, counts as fitted perfectly.

    Parameters
    ----------
    products
        Of the effect's rows, then the nuisance's, with the residuals ``(n_moves, n_rows, n_tile)``.
    overlaps
        Of the effect's rows with the own covariate ``(n_moves, q, n_tile)``; the first dimension is 1 if all share it.
    crossed
        Of the own covariate with rearranged residuals ``(n_moves, n_tile)``; the first dimension is 1 if all share it.
    bars
        R² that counts ``(n_tile,)``.
    counts
        Changed: how many arrangements reach the bar ``(n_tile,)``.
    best
        Changed: largest R² of each arrangement ``(n_moves,)``.
    out
        Changed unless empty: partial correlation, or R² for an effect of several rows ``(n_moves, n_tile)``.
    """
    n_moves, n_rows, width = products.shape
    q = overlaps.shape[1]
    explained, along, free, left = np.empty(width), np.empty(width), np.empty(width), np.empty(width)
    for move in range(n_moves):
        overlap, cross = overlaps[move % len(overlaps)], crossed[move % len(crossed)]
        explained[:], along[:], free[:] = 0, 0, 1
        for e in range(width):
            left[e] = 1 - cross[e] * cross[e]
        for row in range(n_rows):
            line = products[move, row]
            if row < q:
                for e in range(width):
                    v = overlap[row, e]
                    w = line[e] - v * cross[e]
                    explained[e] += w * w
                    along[e] += v * w
                    free[e] -= v * v
            else:
                for e in range(width):
                    left[e] -= line[e] * line[e]
        for e in range(width):
            usual = (free[e] > LEAST) & (left[e] > LEAST)
            share = (explained[e] + along[e] * along[e] / free[e]) / left[e] if usual else 1.0
            explained[e] = min(share, 1.0)
            counts[e] += explained[e] >= bars[e]
        best[move] = max(best[move], explained.max()) if width else best[move]
        for e in range(width if out.size else 0):
            sign = np.sign(products[move, 0, e] - overlap[0, e] * cross[e])
            out[move, e] = sign * np.sqrt(explained[e]) if q == 1 else explained[e]
