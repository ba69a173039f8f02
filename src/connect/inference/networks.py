"""Inference on networks of edges, from rows of permuted statistics.

There are three ways to pool the evidence of edges: `NBS` sizes the connected components above a threshold, `TFNBS` is
its form without a threshold, and `CNBS` averages within blocks that are known beforehand. All listen to the same rows
of statistics, so that one pass over the permutations serves them all. The first row is the observed one and counts
among them, so that no p is 0. All tests are two-sided.

Statistics that differ by no more than rounding in single precision count as equal: the mirrored arrangement of sign
flips has the same sizes as the observed one and must count against it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from connect.inference.accumulator import TOLERANCE, Accumulator, Graph, count_reaching
from connect.inference.components import NBS, SIZES, Components
from connect.inference.enhancement import enhance, threshold_free, workspace
from connect.inference.kernels import NONE, block_sums
from connect.inference.permutation import fdr

__all__ = ["CNBS", "NBS", "SIZES", "TFNBS", "Accumulator", "BlockTests", "Components", "Graph", "Scores"]


@dataclass(frozen=True)
class Scores:
    """Threshold-free scores of edges: arrays ``(n_edges,)``, NaN where an edge is not tested.

    Parameters
    ----------
    score
        With the sign of t.
    p
        Uncorrected.
    p_fwe
        Corrected for all edges by the largest score.
    largest
        Largest score of each arrangement ``(n_moves,)``, the observed one first.
    """

    score: np.ndarray
    p: np.ndarray
    p_fwe: np.ndarray
    largest: np.ndarray


@dataclass(frozen=True)
class BlockTests:
    """Statistics of blocks of edges: arrays ``(n_blocks,)``, NaN where a block is not tested.

    Parameters
    ----------
    n_edges
        Edges that are averaged.
    t
        Their mean t.
    z
        The same in units of its root mean square over all arrangements.
    p
        Uncorrected.
    p_fwe
        Corrected for all blocks by the largest |z|.
    q_fdr
        Benjamini and Hochberg 1995, from ``p``.
    largest
        Largest |z| of each arrangement ``(n_moves,)``, the observed one first.
    """

    n_edges: np.ndarray
    t: np.ndarray
    z: np.ndarray
    p: np.ndarray
    p_fwe: np.ndarray
    q_fdr: np.ndarray
    largest: np.ndarray


class TFNBS(Accumulator[Scores]):
    """Threshold-free network-based statistic (Vinokur et al. 2015, ISMRM 2846; Baggio et al. 2018, HBM 39:2289).

    The score of an edge is the integral from 0 to its |t| of extent(h)^E h^H dh, where the extent is the number of
    edges of its component at threshold h, as in threshold-free cluster enhancement (Smith and Nichols 2009, NeuroImage
    44:83). Increases and decreases form separate graphs. The integral is exact; programs that sum over steps of h
    approximate it, mostly without the factor dh. The defaults are those of MRtrix3's connectomestats, found by
    simulation (Vinokur et al. 2015); GRETNA has E = 0.5 and H = 2.25. Which edges pass depends much on both powers, as
    MRtrix3's own pages warn: choose them beforehand.

    Parameters
    ----------
    graph
        What the edges connect.
    extent_power
        E, 0 or more; with 0 the scores are in the order of |t|.
    height_power
        H, 0 or more; quickest in steps of a quarter.

    Raises
    ------
    ValueError
        If a power is negative.
    """

    def __init__(self, graph: Graph, extent_power: float = 0.4, height_power: float = 3.0) -> None:
        super().__init__(len(graph.first))
        if not (extent_power >= 0 and height_power >= 0):
            raise ValueError(f"powers must be 0 or more, not {extent_power} and {height_power}")
        self.graph = graph
        self._enhancement = np.arange(self.n_edges + 1.0) ** extent_power, height_power + 1.0
        self._largest: list[np.ndarray] = []

    def _start(self, observed: np.ndarray) -> None:
        n = observed.size
        self._signs, self._ends = np.sign(observed), self.graph.ends(self.edges)
        self._score, self._exceed = np.empty(n), np.zeros(n, np.int32)
        enhance(observed, self._ends, self.graph.n_parcels, self._enhancement, self._score, workspace(n))
        self._bars = self._score * (1 - TOLERANCE * self._enhancement[1])

    def _take(self, t: np.ndarray) -> None:
        n = self.graph.n_parcels
        self._largest.append(threshold_free(t, self._ends, n, self._enhancement, self._bars, self._exceed))

    def _result(self) -> Scores:
        largest = np.concatenate(self._largest)
        p, p_fwe = self._exceed / self.n_moves, count_reaching(largest, self._bars) / self.n_moves
        return Scores(self.per_edge(self._score * self._signs), self.per_edge(p), self.per_edge(p_fwe), largest)


class CNBS(Accumulator[BlockTests]):
    """Constrained network-based statistic (Noble and Scheinost 2020, MICCAI; Noble et al. 2022, PNAS 119).

    The statistic of a block, such as all edges between two networks, is the mean t of its edges. Its p comes from its
    own permutation distribution. Noble and Scheinost correct these p over blocks by Bonferroni or the false discovery
    rate; here, the familywise correction is by the largest statistic, which is exact and knows the dependence. The
    largest mean would mostly be that of the smallest block, whose mean varies most, and the largest sum that of the
    largest block; so each mean is divided by its root mean square over all arrangements. These include the observed
    one, on equal terms, which keeps the test exact. (The smallest p over blocks is as fair, but its ties cost power:
    with m arrangements and b blocks, the corrected p can hardly be below b / m.)

    Parameters
    ----------
    block
        Block of each edge ``(n_edges,)``, from 0; -1 for none.
    """

    def __init__(self, block: np.ndarray) -> None:
        super().__init__(len(block))
        self.block = np.asarray(block, dtype=np.int32)
        self.n_blocks = int(self.block.max(initial=NONE)) + 1
        self._sums: list[np.ndarray] = []

    def _start(self, observed: np.ndarray) -> None:  # noqa: ARG002 - all rows are treated alike
        self._chosen = self.block[self.edges]
        self._sizes = np.bincount(self._chosen[self._chosen != NONE], minlength=self.n_blocks)

    def _take(self, t: np.ndarray) -> None:
        sums = np.zeros((len(t), self.n_blocks + 1))
        block_sums(t, self._chosen, sums)
        self._sums.append(sums[:, :-1])

    def _result(self) -> BlockTests:
        means = np.concatenate(self._sums) / np.where(self._sizes, self._sizes, np.nan)
        spread = np.sqrt(np.square(means).mean(axis=0))
        z = means / np.where(spread > 0, spread, np.nan)
        size = np.abs(z)
        bars = size[0] - TOLERANCE * np.maximum(size[0], 1)
        tested = np.isfinite(bars)
        p, p_fwe = np.full(self.n_blocks, np.nan), np.full(self.n_blocks, np.nan)
        largest = size[:, tested].max(axis=1, initial=0)
        p[tested] = (size[:, tested] >= bars[tested]).mean(axis=0)
        p_fwe[tested] = count_reaching(largest, bars[tested]) / self.n_moves
        return BlockTests(self._sizes, np.where(tested, means[0], np.nan), z[0], p, p_fwe, fdr(p), largest)
