"""Counting over sign flips without nuisance, where the products of :mod:`connect.inference.tally` are sums.

With n participants every sum of signed residuals is one of n / 5 sums of sign patterns of five of them, which are
tabulated (method of four Russians: Arlazarov et al. 1970).
"""

from __future__ import annotations

import numpy as np
from numba import njit

from connect.inference.tally import Target, exact, highest

PATTERN = 5
"""Participants whose sign patterns are tabulated together."""

TOGETHER = 12
"""Groups of participants that are added at once: all, of up to 60."""

FAST, NARROW = 1 << 17, 64
"""Numbers of a table that fit a core's own cache, half a megabyte; least columns of a table."""


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
    1970), which is made for as many columns at a time as a cache holds.

    Parameters
    ----------
    lines
        What :func:`lines_of` gives.
    effect
        The observed row ``(n,)``.
    rows, tile, counts, best, out
        As in :func:`tally`.
    """
    n_columns, widest = len(tile.columns), max(FAST // (lines.shape[1] << PATTERN), NARROW)
    n_parts = (n_columns + widest - 1) // widest
    for number in range(n_parts):
        at = slice(number * n_columns // n_parts, (number + 1) * n_columns // n_parts)
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
    """Count a block of sign flips over the columns of a table."""
    width = table.shape[1]
    total, left = np.empty(width, np.float32), np.ones(width, np.float32)
    low, high = np.sqrt(np.maximum(tile.rough - tile.slack, np.float32(0))), np.sqrt(tile.rough + tile.slack)
    for move in range(len(lines)):
        _sum_of_lines(lines[move], table, total)
        for e in range(width if out.size else 0):
            out[move, e] = total[e]
        bar = np.sqrt(max(best[move] - 8 * tile.error, 0.0))
        near, above = _count_sure(total, low, high, np.float32(bar), counts)
        if near:
            _settle(total, low, high, rows[move], tile, counts)
        if above:
            for e in range(width):
                total[e] *= total[e]
            best[move] = highest(total, left, total, rows[move], 1, tile, best[move])


@njit(cache=True)
def _sum_of_lines(lines: np.ndarray, table: np.ndarray, total: np.ndarray) -> None:
    for at in range(0, lines.size, TOGETHER):
        a, b, c, d = table[lines[at]], table[lines[at + 1]], table[lines[at + 2]], table[lines[at + 3]]
        f, g, h, i = table[lines[at + 4]], table[lines[at + 5]], table[lines[at + 6]], table[lines[at + 7]]
        j, k, m, n = table[lines[at + 8]], table[lines[at + 9]], table[lines[at + 10]], table[lines[at + 11]]
        for e in range(0 if at else total.size):
            first, second = (a[e] + b[e]) + (c[e] + d[e]), (f[e] + g[e]) + (h[e] + i[e])
            total[e] = (first + second) + ((j[e] + k[e]) + (m[e] + n[e]))
        for e in range(total.size if at else 0):
            first, second = (a[e] + b[e]) + (c[e] + d[e]), (f[e] + g[e]) + (h[e] + i[e])
            total[e] = ((total[e] + first) + second) + ((j[e] + k[e]) + (m[e] + n[e]))


@njit(cache=True)
def _count_sure(
    total: np.ndarray, low: np.ndarray, high: np.ndarray, bar: np.float32, counts: np.ndarray
) -> tuple[np.int32, np.int32]:
    """Add to ``counts`` where a size reaches ``high``; return how many only reach ``low``, and how many ``bar``."""
    near, above = np.int32(0), np.int32(0)
    for e in range(total.size):
        size = abs(total[e])
        counts[e] += size >= high[e]
        near += np.int32(size >= low[e]) & np.int32(size < high[e])
        above += np.int32(size >= bar)
    return near, above


@njit(cache=True)
def _settle(
    total: np.ndarray, low: np.ndarray, high: np.ndarray, rows: np.ndarray, tile: Target, counts: np.ndarray
) -> None:
    """Add to ``counts`` where only double precision can tell."""
    for e in range(total.size):
        if low[e] <= abs(total[e]) < high[e]:
            counts[e] += exact(rows, 1, tile.columns[e]) >= tile.bars[e]
