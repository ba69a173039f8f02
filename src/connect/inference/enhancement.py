"""Compiled loops of threshold-free network-based statistics: an exact integral over all thresholds.

Between two successive values of |t| no component changes, so that the integral is a finite sum. Edges join a
union-find in descending order of |t|, as in Kruskal's algorithm, and every join remembers the next one of its
component: O(n_edges) after the sort.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from connect.inference.kernels import CAP, NONE, find

LOW = (1 << 31) - 1
"""Mask of 31 bits: the magnitude of a float32, or the index of an edge."""

INFINITE = 0x7F800000
"""Bits of an infinite float32; those of NaN are greater."""


@njit(cache=True)
def threshold_free(
    t: np.ndarray,
    ends: np.ndarray,
    n_parcels: int,
    enhancement: tuple[np.ndarray, float],
    bar: np.ndarray,
    exceed: np.ndarray,
) -> np.ndarray:
    """Return the largest threshold-free score of each row ``(n_moves,)``.

    Counts the rows in which an edge's score reaches ``bar (n_edges,)`` in ``exceed (n_edges,)``. For the other
    arguments see `enhance`, whose ``t`` is a row of this one.
    """
    score, largest = np.empty(t.shape[1]), np.zeros(t.shape[0])
    work = workspace(t.shape[1])
    for row in range(t.shape[0]):
        enhance(t[row], ends, n_parcels, enhancement, score, work)
        for edge in range(score.size):
            largest[row] = max(largest[row], score[edge])
        for edge in range(score.size):
            exceed[edge] += score[edge] >= bar[edge]
    return largest


@njit(cache=True)
def workspace(n_edges: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the arrays that `enhance` works in, which cost more to allocate than to fill."""
    return np.empty((2, n_edges), np.int64), np.empty((2, n_edges), np.int32), np.empty((2, n_edges + 1))


@njit(cache=True)
def enhance(
    t: np.ndarray,
    ends: np.ndarray,
    n_parcels: int,
    enhancement: tuple[np.ndarray, float],
    score: np.ndarray,
    work: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    """Compute the threshold-free score of every edge in a row.

    Parameters
    ----------
    t
        Statistics ``(n_edges,)``, float32.
    ends
        Parcels of each edge ``(n_edges, 2)``.
    n_parcels
        Number of parcels.
    enhancement
        extent^E for the extents 0 to n_edges, and H + 1.
    score
        Output ``(n_edges,)``: integral from 0 to |t| of extent(h)^E h^H dh, in the graph of the edge's own sign.
    work
        Arrays of `workspace`.
    """
    n, n_positive = _by_strength(t.view(np.int32), work[0][0], work[0][1])
    items = work[0][1]
    score[:] = 0
    _enhance_sign(items[:n_positive], ends, n_parcels, enhancement, score, work)
    _enhance_sign(items[n_positive:n], ends, n_parcels, enhancement, score, work)


@njit(cache=True)
def _enhance_sign(
    items: np.ndarray,
    ends: np.ndarray,
    n_parcels: int,
    enhancement: tuple[np.ndarray, float],
    score: np.ndarray,
    work: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    """Integrate over the edges of one sign, ``items`` in descending order of |t|.

    The component of an edge keeps its extent between two joins. From the last join to the first, the integral up to a
    join is that up to the next join of its component and the piece between: only positive terms are ever added.
    """
    extents, power = enhancement
    after, size, chain, height = work[1][0], work[1][1], work[2][0], work[2][1]
    joins = _join(items, ends, n_parcels, after, size)
    total, below = 0.0, 0.0
    for event in range(items.size - 1, joins - 1, -1):
        level = _integral(items[event], power)
        total += extents[event + 1] * (level - below)
        below = level
        score[items[event] & LOW] = total
    chain[NONE], height[NONE] = total, below
    for event in range(joins - 1, -1, -1):
        then = after[event]
        height[event] = _integral(items[event], power)
        chain[event] = chain[then] + extents[size[event]] * (height[event] - height[then])
        score[items[event] & LOW] = chain[event]


@njit(cache=True)
def _join(items: np.ndarray, ends: np.ndarray, n_parcels: int, after: np.ndarray, size: np.ndarray) -> int:
    """Join edges in their order until the graph is in one piece; return how many that took.

    ``size`` becomes the extent of the component that an edge joined, ``after`` the next edge that joined the same
    component. The edges beyond all join the one component left, so that they need no union-find.
    """
    parent, count, last = np.arange(n_parcels), np.zeros(n_parcels, np.int32), np.full(n_parcels, NONE, np.int32)
    pieces = _touched(items, ends, n_parcels)
    event = 0
    while event < items.size and pieces > 1:
        edge = items[event] & LOW
        root, other = find(parent, ends[edge, 0]), find(parent, ends[edge, 1])
        if root != other:
            if count[root] < count[other]:
                root, other = other, root
            parent[other] = root
            count[root] += count[other]
            pieces -= 1
            if last[other] != NONE:
                after[last[other]] = event
        if last[root] != NONE:
            after[last[root]] = event
        count[root] += 1
        last[root], after[event], size[event] = event, NONE, count[root]
        event += 1
    return event


@njit(cache=True)
def _touched(items: np.ndarray, ends: np.ndarray, n_parcels: int) -> int:
    """Return the number of parcels that have an edge."""
    seen = np.zeros(n_parcels, np.bool_)
    n = 0
    for item in items:
        for parcel in ends[item & LOW]:
            n += not seen[parcel]
            seen[parcel] = True
        if n == n_parcels:
            break
    return n


@njit(cache=True)
def _by_strength(bits: np.ndarray, spare: np.ndarray, items: np.ndarray) -> tuple[int, int]:
    """Sort edges by descending |t|, the positive before the negative; leave out those of 0 and NaN.

    A radix sort of the bits of float32: the order of magnitudes is that of their bits. Each of ``items`` becomes a key
    of 32 bits above the 31 bits of the edge. Returns the number of items and of the positive among them.
    """
    low, middle, high = np.zeros(2048, np.int32), np.zeros(2048, np.int32), np.zeros(1024, np.int32)
    n, n_negative = 0, 0
    for edge in range(bits.size):
        size, negative = bits[edge] & LOW, int(bits[edge] < 0)
        key = (LOW - size) | (negative << 31)
        spare[n] = (key << 31) | edge
        counts = int(size > 0) & int(size <= INFINITE)
        low[key & 2047] += counts
        middle[(key >> 11) & 2047] += counts
        high[key >> 22] += counts
        n += counts
        n_negative += counts & negative
    _deal(spare[:n], items, low, 31)
    _deal(items[:n], spare, middle, 42)
    _deal(spare[:n], items, high, 53)
    return n, n - n_negative


@njit(cache=True)
def _deal(source: np.ndarray, target: np.ndarray, place: np.ndarray, shift: int) -> None:
    """Copy items in order of one digit; ``place`` comes with how often each digit occurs."""
    total = 0
    for digit in range(place.size):
        place[digit], total = total, total + place[digit]
    for item in source:
        digit = (item >> shift) & (place.size - 1)
        target[place[digit]] = item
        place[digit] += 1


@njit(cache=True)
def _integral(item: int, power: float) -> float:
    """Return the integral of h^(power - 1) from 0 to the |t| of an item.

    Powers in steps of a quarter, as are usual, are products and square roots: quick, and the same on every machine.
    """
    size = min(float(np.int32(LOW - ((item >> 31) & LOW)).view(np.float32)), CAP)
    whole = int(power)
    quarters = 4 * (power - whole)
    if quarters != int(quarters):
        return math.pow(size, power) / power
    value = 1 / power
    for _ in range(whole):
        value *= size
    if quarters >= 2:
        value *= math.sqrt(size)
    if quarters % 2:
        value *= math.sqrt(math.sqrt(size))
    return value
