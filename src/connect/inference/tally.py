"""Counting over rearrangements: how often a permuted statistic reaches the observed one, and how large the largest is.

The statistic is R², the share of the variance left by the nuisance that the effect explains: t² and F grow with it.
Products come in single precision; what lies so near a bar that single precision cannot decide is computed again in
double precision. Counts are thus those of double precision, whatever the size of the blocks.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

PERFECT = 1e-12
"""Share of the variance left by the nuisance below which an arrangement counts as fitted perfectly: R² is 1."""

UNSURE = np.float32(0.01)
"""Share below which single precision does not know R² well enough to tell the largest."""


class Target(NamedTuple):
    """A tile of columns and what their permuted statistics are compared with.

    Parameters
    ----------
    columns
        Residuals ``(n_columns, n)``, each of length 1.
    bars
        R² that counts ``(n_columns,)``.
    rough
        The same in single precision.
    slack
        How far explained - bar * left may be off in single precision ``(n_columns,)``.
    error
        Bound of the error of products in single precision.
    """

    columns: np.ndarray
    bars: np.ndarray
    rough: np.ndarray
    slack: np.ndarray
    error: float


def target(columns: np.ndarray, bars: np.ndarray) -> Target:
    """Return a tile of residuals ``(n_columns, n)`` with the R² to reach ``(n_columns,)``.

    A sum of n products is off by some eps sqrt(n) (Higham and Mary 2019, doi:10.1137/18M1226312), its square by twice
    its size times that; the bound is more than twice as wide, and four times where two squares are compared.
    """
    error = 1.5e-7 * np.sqrt(columns.shape[1])
    slack = 4 * error * (np.sqrt(bars) + error)
    return Target(columns, bars, bars.astype(np.float32), slack.astype(np.float32), error)


@njit(cache=True)
def exact(rows: np.ndarray, n_effect: int, column: np.ndarray) -> float:
    """Return R² in double precision.

    Parameters
    ----------
    rows
        Orthonormal rows ``(n_rows, n)``: those of the effect, then those of the nuisance.
    n_effect
        How many rows are the effect's.
    column
        Residuals ``(n,)`` of length 1.
    """
    explained, left = 0.0, 1.0
    for row in range(rows.shape[0]):
        product = 0.0
        for i in range(column.size):
            product += rows[row, i] * column[i]
        if row < n_effect:
            explained += product * product
        else:
            left -= product * product
    return min(explained / left, 1.0) if left > PERFECT else 1.0


@njit(cache=True)
def tally(
    products: np.ndarray,
    rows: np.ndarray,
    n_effect: int,
    tile: Target,
    counts: np.ndarray,
    best: np.ndarray,
    out: np.ndarray,
) -> None:
    """Count a block of arrangements over a tile of columns.

    Parameters
    ----------
    products
        Rows times columns in single precision ``(n_moves * n_rows, n_columns)``.
    rows
        Orthonormal rows of each arrangement ``(n_moves, n_rows, n)``: effect, then nuisance.
    n_effect
        How many rows are the effect's.
    tile
        The columns.
    counts
        Changed: how many arrangements reach the bar ``(n_columns,)``.
    best
        Changed: largest R² of each arrangement ``(n_moves,)``.
    out
        Changed unless empty: partial correlation, or R² for an effect of several rows ``(n_moves, n_columns)``.
    """
    n_moves, n_rows = rows.shape[:2]
    width = products.shape[1]
    explained, left, ratio = np.empty(width, np.float32), np.empty(width, np.float32), np.empty(width, np.float32)
    for move in range(n_moves):
        lines = products[move * n_rows : (move + 1) * n_rows]
        _sums_of_squares(lines[:n_effect], explained)
        _sums_of_squares(lines[n_effect:], left)
        for e in range(width):
            left[e] = 1 - left[e]
        _count(explained, left, rows[move], n_effect, tile, counts)
        if _divide(explained, left, ratio):
            for e in range(width):
                if left[e] <= UNSURE:
                    again = exact(rows[move], n_effect, tile.columns[e])
                    ratio[e], best[move] = again, max(best[move], again)
        best[move] = highest(explained, left, ratio, rows[move], n_effect, tile, best[move])
        for e in range(width if out.size else 0):
            out[move, e] = np.sign(lines[0, e]) * np.sqrt(ratio[e]) if n_effect == 1 else ratio[e]


@njit(cache=True)
def highest(
    explained: np.ndarray,
    left: np.ndarray,
    ratio: np.ndarray,
    rows: np.ndarray,
    n_effect: int,
    tile: Target,
    best: float,
) -> float:
    """Return the largest R² of an arrangement, ``best`` included.

    Parameters
    ----------
    explained, left
        What the effect explains, and what it might ``(n_columns,)``.
    ratio
        R² in single precision ``(n_columns,)``.
    rows
        Orthonormal rows of the arrangement ``(n_rows, n)``.
    n_effect, tile
        As in :func:`tally`.
    best
        The largest so far.
    """
    top, place = _largest(ratio)
    if top <= best - 8 * tile.error / UNSURE:
        return best
    bar, slack, near = np.float32(max(best, float(top))), np.float32(8 * tile.error), np.int32(0)
    for e in range(explained.size):
        near += np.int32(explained[e] - bar * left[e] > -slack)
    if near == 1 and explained[place] - bar * left[place] > -slack:
        return max(best, exact(rows, n_effect, tile.columns[place]))
    for e in range(explained.size):
        if explained[e] - bar * left[e] > -slack:
            best = max(best, exact(rows, n_effect, tile.columns[e]))
    return best


@njit(cache=True)
def _sums_of_squares(lines: np.ndarray, total: np.ndarray) -> None:
    total[:] = 0
    for row in range(len(lines)):
        line = lines[row]
        for e in range(total.size):
            total[e] += line[e] * line[e]


@njit(cache=True)
def _divide(explained: np.ndarray, left: np.ndarray, ratio: np.ndarray) -> np.int32:
    """Fill in R², 0 where single precision does not know it, and return how often that is."""
    unsure = np.int32(0)
    for e in range(ratio.size):
        known = left[e] > UNSURE
        unsure += np.int32(not known)
        ratio[e] = min(explained[e] / left[e], np.float32(1)) if known else np.float32(0)
    return unsure


@njit(cache=True)
def _count(
    explained: np.ndarray, left: np.ndarray, rows: np.ndarray, n_effect: int, tile: Target, counts: np.ndarray
) -> None:
    """Add to ``counts`` where R² = explained / left reaches its bar."""
    near = np.int32(0)
    for e in range(explained.size):
        distance = explained[e] - tile.rough[e] * left[e]
        counts[e] += distance >= tile.slack[e]
        near += np.int32(abs(distance) < tile.slack[e])
    if near:
        _settle(explained, left, rows, n_effect, tile, counts)


@njit(cache=True)
def _settle(
    explained: np.ndarray, left: np.ndarray, rows: np.ndarray, n_effect: int, tile: Target, counts: np.ndarray
) -> None:
    """Add to ``counts`` where R² is so near its bar that double precision must decide."""
    for e in range(explained.size):
        if abs(explained[e] - tile.rough[e] * left[e]) < tile.slack[e]:
            counts[e] += exact(rows, n_effect, tile.columns[e]) >= tile.bars[e]


@njit(cache=True)
def _largest(values: np.ndarray) -> tuple[np.float32, np.int64]:
    """Return the largest of values that are 0 or more, and its place.

    Their bits as integers are in the same order, and with the place behind them many are compared at a time.
    """
    bits, top = values.view(np.int32), np.int64(0)
    for e in range(bits.size):
        top = max(top, np.int64(bits[e]) << 32 | e)
    return np.int32(top >> 32).view(np.float32), top & 0xFFFFFFFF
