"""Counting over rearrangements: how often a permuted statistic reaches the observed one, and how large the largest is.

The statistic is R², the share of the variance left by the nuisance that the effect explains: t² and F grow with it.
Products come in single precision; what lies so near a bar that single precision cannot decide is computed again in
double precision. Counts are thus those of double precision, whatever the size of the blocks and the machine.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

PERFECT = 1e-12
"""Share of the variance left by the nuisance below which an arrangement counts as fitted perfectly: R² is 1."""

UNSURE = np.float32(0.01)
"""Share below which single precision does not know R² well enough to tell the largest."""

PATTERN = 5
"""Participants whose sign patterns are tabulated together."""

TOGETHER = 4
"""Groups of participants that are added at once."""

FAST = 1 << 17
"""Numbers of a table that stay in a fast memory: half a megabyte."""

CHUNK = 64
"""Columns of which one is looked for at once: most chunks hold none."""


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
        best[move] = _highest(explained, left, ratio, rows[move], n_effect, tile, best[move])
        for e in range(width if out.size else 0):
            out[move, e] = np.sign(lines[0, e]) * np.sqrt(ratio[e]) if n_effect == 1 else ratio[e]


@njit(cache=True)
def lines_of(signs: np.ndarray) -> np.ndarray:
    """Return which lines of the table of :func:`tally_flips` make up each arrangement ``(n_moves, n_groups)``.

    Rows are taken together in groups of :data:`PATTERN`; bit ``i`` of a line's place within its group says that row
    ``i`` of the group counts positively. The number of groups is a multiple of :data:`TOGETHER`.

    Parameters
    ----------
    signs
        ``(n_moves, n)``.
    """
    n_moves, n = signs.shape
    n_groups = (n + PATTERN * TOGETHER - 1) // (PATTERN * TOGETHER) * TOGETHER
    lines = np.empty((n_moves, n_groups), np.uint32)
    for move in range(n_moves):
        for group in range(n_groups):
            lines[move, group] = group << PATTERN
        for row in range(n):
            lines[move, row // PATTERN] += np.uint32(signs[move, row] > 0) << np.uint32(row % PATTERN)
    return lines


@njit(cache=True)
def tally_flips(
    lines: np.ndarray,
    effect: np.ndarray,
    rows: np.ndarray,
    tile: Target,
    counts: np.ndarray,
    best: np.ndarray,
    out: np.ndarray,
) -> None:
    """Count a block of sign flips without nuisance over a tile of columns, as :func:`tally` does.

    Sums over n rows become sums over n / :data:`PATTERN` lines of a table (method of four Russians: Arlazarov et al.
    1970), which is made for as many columns at a time as stay in a fast memory.

    Parameters
    ----------
    lines
        What :func:`lines_of` gives.
    effect
        The observed row ``(n,)``.
    rows, tile, counts, best, out
        As in :func:`tally`.
    """
    step = max(FAST // (lines.shape[1] << PATTERN) // CHUNK, 1) * CHUNK
    for start in range(0, len(tile.columns), step):
        at = slice(start, min(start + step, len(tile.columns)))
        part = Target(tile.columns[at], tile.bars[at], tile.rough[at], tile.slack[at], tile.error)
        table = _table(part.columns, effect, lines.shape[1])
        _tally_lines(lines, table, rows, part, counts[at], best, out[:, at])


@njit(cache=True)
def _table(columns: np.ndarray, effect: np.ndarray, n_groups: int) -> np.ndarray:
    """Return the sums of all sign patterns of groups of rows ``(n_groups << PATTERN, n_columns)``."""
    width, n = columns.shape
    weighted = np.empty((n, width))
    for e in range(width):
        for row in range(n):
            weighted[row, e] = columns[e, row] * effect[row]
    table = np.empty((n_groups << PATTERN, width), np.float32)
    for group in range(n_groups):
        lines, members = table[group << PATTERN :], weighted[group * PATTERN : (group + 1) * PATTERN]
        lines[0] = 0
        for row in range(len(members)):
            for e in range(width):
                lines[0, e] -= members[row, e]
        for row in range(len(members)):
            for pattern in range(1 << row):
                for e in range(width):
                    lines[pattern | 1 << row, e] = lines[pattern, e] + 2 * members[row, e]
    return table


@njit(cache=True)
def _tally_lines(
    lines: np.ndarray,
    table: np.ndarray,
    rows: np.ndarray,
    tile: Target,
    counts: np.ndarray,
    best: np.ndarray,
    out: np.ndarray,
) -> None:
    width = table.shape[1]
    total, left = np.empty(width, np.float32), np.ones(width, np.float32)
    for move in range(len(lines)):
        _sum_of_lines(lines[move], table, total)
        for e in range(width if out.size else 0):
            out[move, e] = total[e]
        for e in range(width):
            total[e] *= total[e]
        _count(total, left, rows[move], 1, tile, counts)
        best[move] = _highest(total, left, total, rows[move], 1, tile, best[move])


@njit(cache=True)
def _sum_of_lines(lines: np.ndarray, table: np.ndarray, total: np.ndarray) -> None:
    for group in range(0, lines.size, TOGETHER):
        a, b, c, d = table[lines[group]], table[lines[group + 1]], table[lines[group + 2]], table[lines[group + 3]]
        for e in range(total.size if group else 0):
            total[e] += (a[e] + b[e]) + (c[e] + d[e])
        for e in range(0 if group else total.size):
            total[e] = (a[e] + b[e]) + (c[e] + d[e])


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
        near += np.int32(distance < tile.slack[e]) & np.int32(distance > -tile.slack[e])
    for start in range(0, explained.size if near else 0, CHUNK):
        stop, near = min(start + CHUNK, explained.size), np.int32(0)
        for e in range(start, stop):
            near += np.int32(abs(explained[e] - tile.rough[e] * left[e]) < tile.slack[e])
        for e in range(start, stop if near else start):
            if abs(explained[e] - tile.rough[e] * left[e]) < tile.slack[e]:
                counts[e] += exact(rows, n_effect, tile.columns[e]) >= tile.bars[e]


@njit(cache=True)
def _highest(
    explained: np.ndarray,
    left: np.ndarray,
    ratio: np.ndarray,
    rows: np.ndarray,
    n_effect: int,
    tile: Target,
    best: float,
) -> float:
    """Return the largest R² of an arrangement, ``best`` included."""
    top = _largest(ratio)
    if top <= best - 8 * tile.error / UNSURE:
        return best
    bar, slack = np.float32(max(best, float(top))), np.float32(8 * tile.error)
    for start in range(0, explained.size, CHUNK):
        stop, near = min(start + CHUNK, explained.size), np.int32(0)
        for e in range(start, stop):
            near += np.int32(explained[e] - bar * left[e] > -slack)
        for e in range(start, stop if near else start):
            if explained[e] - bar * left[e] > -slack:
                best = max(best, exact(rows, n_effect, tile.columns[e]))
    return best


@njit(cache=True)
def _largest(values: np.ndarray) -> np.float32:
    """Return the largest of values that are 0 or more; as integers, whose order is the same, many are compared at once."""
    bits = values.view(np.int32)
    top = np.zeros(1, np.int32)
    for e in range(bits.size):
        top[0] = max(top[0], bits[e])
    found: np.float32 = top.view(np.float32)[0]
    return found
