"""Compiled loops of network-based inference: components of a graph of edges, for one row of statistics after another.

Edges whose statistic is NaN take no part in a row. Infinite statistics, of arrangements that the model fits perfectly,
count as `CAP`.
"""

from __future__ import annotations

import numpy as np
from numba import njit

CAP = 1e4
"""Largest |t|: beyond it float32 can hardly tell a correlation from 1."""

NONE = -1
"""No event or no block; as an index, the last place of an array, which is kept for it."""


@njit(cache=True)
def mark_missing(t: np.ndarray, usable: np.ndarray) -> None:
    """Set ``usable (n_edges,)`` to False where an edge of ``t (n_moves, n_edges)`` has a NaN."""
    for row in range(t.shape[0]):
        for edge in range(t.shape[1]):
            usable[edge] &= t[row, edge] == t[row, edge]


@njit(cache=True)
def block_sums(t: np.ndarray, block: np.ndarray, sums: np.ndarray) -> None:
    """Add ``t (n_moves, n_edges)`` to ``sums (n_moves, n_blocks + 1)``; edges of no block go to the last column."""
    for row in range(t.shape[0]):
        for edge in range(t.shape[1]):
            value = t[row, edge]
            sums[row, block[edge]] += CAP if value > CAP else -CAP if value < -CAP else value


@njit(cache=True)
def largest_components(
    t: np.ndarray, ends: np.ndarray, n_parcels: int, thresholds: np.ndarray, bars: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the sizes of the largest components of each row at each threshold.

    One union-find serves all thresholds: edges join from the highest threshold to the lowest. Decreases live on a
    second set of nodes, so that no component mixes signs.

    Parameters
    ----------
    t
        Statistics ``(n_moves, n_edges)``, float32.
    ends
        Parcels of each edge ``(n_edges, 2)``.
    n_parcels
        Number of parcels.
    thresholds
        Ascending ``(n_thresholds,)``; the excess of an edge is counted from them.
    bars
        What |t| must pass at each threshold ``(n_thresholds,)``, float32.

    Returns
    -------
    tuple of numpy.ndarray
        Largest extent (int32) and largest intensity (float64), ``(n_moves, n_thresholds)`` both.
    """
    extent, intensity = np.zeros((t.shape[0], bars.size), np.int32), np.zeros((t.shape[0], bars.size))
    left = np.empty(t.shape[1] + 1, np.int32)
    forest, total = np.empty((2, 2 * n_parcels), np.int32), np.empty(2 * n_parcels)
    for row in range(t.shape[0]):
        n_left = _passing(t[row], bars[0], left)
        forest[0], forest[1], total[:] = np.arange(2 * n_parcels), 0, 0
        largest = 0
        for level in range(bars.size - 1, -1, -1):
            n_left, grown = _grow(t[row], ends, bars[level], left[:n_left], forest, total)
            largest = max(largest, grown)
            extent[row, level] = largest
            intensity[row, level] = (total - thresholds[level] * forest[1]).max()
    return extent, intensity


@njit(cache=True)
def _passing(t: np.ndarray, bar: float, found: np.ndarray) -> int:
    """Write the edges of a row ``t (n_edges,)`` whose |t| passes the bar to ``found``; return their number."""
    n = 0
    for edge in range(t.size):
        found[n] = edge
        n += abs(t[edge]) > bar
    return n


@njit(cache=True)
def _grow(
    t: np.ndarray, ends: np.ndarray, bar: float, left: np.ndarray, forest: np.ndarray, total: np.ndarray
) -> tuple[int, int]:
    """Join the edges in ``left`` whose |t| passes the bar, and move the others to its front.

    ``forest (2, n_nodes)`` holds parents and, at roots, extents; ``total (n_nodes,)`` holds, at roots, sums of |t|.
    Returns the number of edges still left and the largest extent among the components that grew.
    """
    parent, count = forest[0], forest[1]
    n_left, largest = 0, 0
    for edge in left:
        size = abs(t[edge])
        if size <= bar:
            left[n_left] = edge
            n_left += 1
            continue
        shift = parent.size // 2 if t[edge] < 0 else 0
        root, other = find(parent, ends[edge, 0] + shift), find(parent, ends[edge, 1] + shift)
        if root != other:
            if count[root] < count[other]:
                root, other = other, root
            parent[other] = root
            count[root] += count[other]
            total[root] += total[other]
            count[other], total[other] = 0, 0.0
        count[root] += 1
        total[root] += min(size, CAP)
        largest = max(largest, count[root])
    return n_left, largest


@njit(cache=True)
def find(parent: np.ndarray, node: int) -> int:
    """Return the root of a node and halve the path to it."""
    while parent[node] != node:
        parent[node] = parent[parent[node]]
        node = parent[node]
    return node
