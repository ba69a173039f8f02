"""Network-based statistics: the size of connected components of edges above a threshold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from connect.inference.accumulator import TOLERANCE, Accumulator, Graph, count_reaching
from connect.inference.kernels import CAP, NONE, largest_components

SIZES = ("extent", "intensity")
"""How large a component is: its number of edges, or the sum of their excess over the threshold (in units of t)."""


@dataclass(frozen=True)
class Components:
    """Observed components, in the order of thresholds and signs.

    Parameters
    ----------
    threshold, sign, extent, intensity
        Of each component ``(n_components,)``.
    parcels
        Which parcels a component has ``(n_components, n_parcels)``.
    p_threshold
        Corrected for all edges, as if the threshold and the size had been the only ones ``(n_components, n_sizes)``.
    p_fwe
        Corrected for all edges, thresholds and sizes ``(n_components,)``.
    label
        Component of each edge at each threshold ``(n_thresholds, n_edges)``; -1 for none.
    p_edge
        Smallest ``p_fwe`` of an edge's components ``(n_edges,)``; 1 for none, NaN if not tested. It speaks for the
        component, not for the edge.
    largest
        Largest size in each arrangement ``(n_moves, n_thresholds, n_sizes)``, the observed one first.
    """

    threshold: np.ndarray
    sign: np.ndarray
    extent: np.ndarray
    intensity: np.ndarray
    parcels: np.ndarray
    p_threshold: np.ndarray
    p_fwe: np.ndarray
    label: np.ndarray
    p_edge: np.ndarray
    largest: np.ndarray


class NBS(Accumulator[Components]):
    """Network-based statistic (Zalesky, Fornito and Bullmore 2010, NeuroImage 53:1197).

    Edges with t > h and edges with t < -h form components separately; the test is two-sided as the maximum is over
    both signs. The p of a component is the share of arrangements whose largest component is at least as large.

    A threshold chosen after the fact invalidates that p. Over several thresholds, and sizes if asked, every largest
    size is turned into its p among all arrangements at the same threshold; the smallest such p of an arrangement is
    the statistic that is compared (single-step minP: Westfall and Young 1993; Pesarin 2001, Tippett's combination).

    Parameters
    ----------
    graph
        What the edges connect.
    thresholds
        Of |t|, above 0 and below 10,000. An edge at a threshold is not above it, rounding included.
    sizes
        One or both of `SIZES`, chosen beforehand.

    Raises
    ------
    ValueError
        If a threshold or size is none, or there are none.
    """

    def __init__(self, graph: Graph, thresholds: Sequence[float], sizes: Sequence[str] = ("extent",)) -> None:
        super().__init__(len(graph.first))
        self.graph, self.thresholds = graph, np.unique(np.asarray(thresholds, dtype=np.float64))
        self.bars = (self.thresholds * (1 + TOLERANCE)).astype(np.float32)
        self.sizes = tuple(dict.fromkeys(sizes))
        if not self.thresholds.size or not np.all((self.thresholds > 0) & (self.thresholds < CAP)):
            raise ValueError(f"thresholds must lie between 0 and {CAP:g}, not {list(thresholds)}")
        if not self.sizes or not set(self.sizes) <= set(SIZES):
            raise ValueError(f"sizes must be among {SIZES}, not {tuple(sizes)}")
        self._extents: list[np.ndarray] = []
        self._intensities: list[np.ndarray] = []

    def _start(self, observed: np.ndarray) -> None:
        self._ends = self.graph.ends(self.edges)
        self._positive = self.per_edge(observed) > 0
        self._observed = np.minimum(np.abs(self.per_edge(observed)), CAP)

    def _take(self, t: np.ndarray) -> None:
        extent, intensity = largest_components(t, self._ends, self.graph.n_parcels, self.thresholds, self.bars)
        self._extents.append(extent)
        self._intensities.append(intensity)

    def _result(self) -> Components:
        found = list(self._components())
        level, sign = (np.array([piece[part] for piece in found], dtype=int) for part in (0, 1))
        parcels = np.array([piece[3] for piece in found], dtype=bool).reshape(-1, self.graph.n_parcels)
        label = np.full((len(self.thresholds), self.n_edges), NONE)
        both = np.zeros((len(found), len(SIZES)))
        for at, (height, _, edges, _) in enumerate(found):
            label[height, edges] = at
            both[at] = edges.size, (self._observed[edges] - self.thresholds[height]).sum()
        null = np.stack([np.concatenate(self._extents), np.concatenate(self._intensities)], axis=2)
        slack = TOLERANCE * (null[:, :, 1] + self.thresholds * null[:, :, 0])
        reaching = null + np.stack([np.zeros(slack.shape), slack], axis=2)
        asked = [SIZES.index(size) for size in self.sizes]
        p_threshold, p_fwe = _corrected(null[:, :, asked], reaching[:, :, asked], level, both[:, asked])
        p_edge = np.append(p_fwe, 1.0)[label].min(axis=0)
        return Components(
            self.thresholds[level], sign, both[:, 0].astype(int), both[:, 1], parcels,
            p_threshold, p_fwe, label, self.per_edge(p_edge[self.edges]), null[:, :, asked],
        )  # fmt: skip

    def _components(self) -> Iterator[tuple[int, int, np.ndarray, np.ndarray]]:
        """Give threshold, sign, edges and parcels ``(n_parcels,)`` of every observed component."""
        n = self.graph.n_parcels
        for level, bar in enumerate(self.bars):
            for sign in (1, -1):
                edges = np.flatnonzero((self._observed > bar) & (self._positive == (sign > 0)) & self.usable)
                first, second = self.graph.ends(edges).T
                matrix = sparse.coo_array((np.ones(edges.size), (first, second)), shape=(n, n))
                piece = connected_components(matrix, directed=False)[1]
                for each in np.unique(piece[first]):
                    yield level, sign, edges[piece[first] == each], piece == each


def _corrected(
    null: np.ndarray, reaching: np.ndarray, level: np.ndarray, sizes: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the p of components within their threshold and over all thresholds and sizes.

    Parameters
    ----------
    null, reaching
        Largest sizes, and what they may be but for rounding ``(n_moves, n_thresholds, n_sizes)``.
    level, sizes
        Threshold ``(n_components,)`` and sizes ``(n_components, n_sizes)`` of the components.
    """
    ranks, own = np.empty(null.shape, dtype=int), np.empty(sizes.shape, dtype=int)
    for at in range(null.shape[1]):
        for kind in range(null.shape[2]):
            ranks[:, at, kind] = count_reaching(reaching[:, at, kind], null[:, at, kind])
            own[level == at, kind] = count_reaching(reaching[:, at, kind], sizes[level == at, kind])
    smallest = np.sort(ranks.min(axis=(1, 2)))
    best = own.min(axis=1)
    tried = np.searchsorted(smallest, best, side="right")
    return own / len(null), np.maximum(tried, best) / len(null)
