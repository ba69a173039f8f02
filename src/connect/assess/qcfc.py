"""QC-FC: how connectivity goes along with head motion over participants, beside what chance gives.

An edge's QC-FC is the Pearson correlation over participants of its connectivity with their mean framewise displacement
(Power et al. 2015, NeuroImage 105:536; Ciric et al. 2017, NeuroImage 154:174; Parkes et al. 2018, NeuroImage 171:415).
Motion is permuted over participants: each moves as a whole, so that the dependence among edges is kept.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from connect.columns import Columns, Values, mapped, per_column, taken
from connect.design import Design
from connect.inference import TOLERANCE, Arrangements

ALPHA = 0.05
"""Level of the uncorrected test of each edge."""

PERMUTATIONS = 1000
SEED = 0
BLOCK, MANY = 64, 256
"""Arrangements that are worked on at once: with an array, and with columns that are made again for each block."""

STATISTICS = ("median_abs_r", "share", "distance")
"""What is read from the correlations of all edges: the median of their size, the share of edges with an uncorrected p
below :data:`ALPHA`, and Spearman's correlation with distance."""


@dataclass(frozen=True)
class QcFc:
    """How connectivity goes along with motion.

    Parameters
    ----------
    r
        Pearson correlation of each edge ``(n_edges,)``; NaN for an edge that somebody lacks or that does not vary.
    observed
        The :data:`STATISTICS` of r ``(3,)``; NaN without edges, for `distance` also where distances do not vary.
    chance
        The same for each arrangement of motion over participants, the observed one included ``(n_arrangements, 3)``.
    """

    r: np.ndarray
    observed: np.ndarray
    chance: np.ndarray

    @property
    def p(self) -> np.ndarray:
        """Share of arrangements with a statistic as far from 0 ``(3,)``; only `distance` can be negative."""
        further = np.abs(self.chance) >= np.abs(self.observed) - TOLERANCE
        return np.where(np.isnan(self.observed), np.nan, further.mean(axis=0))


def qcfc(
    connectivity: Values,
    motion: np.ndarray,
    distance: np.ndarray,
    n_permutations: int = PERMUTATIONS,
    seed: int = SEED,
) -> QcFc:
    """Correlate each edge with motion, and again for permutations of motion over participants.

    Parameters
    ----------
    connectivity
        Edges ``(n, n_edges)`` of the participants; a column with NaN or without variance is not used.
    motion
        FD of each participant ``(n,)``, or its change, mm; at least three participants, and it must vary.
    distance
        Distance of each edge ``(n_edges,)``, mm; edges without one do not count for `distance`.
    n_permutations
        Number of random arrangements besides the observed one, unless all are fewer.
    seed
        Seed of the random ones.
    """
    n, moving = len(motion), standardised(motion)
    use = per_column(connectivity, lambda some: np.isfinite(standardised(some)).all(axis=0))
    edges = mapped(taken(connectivity, use), n, lambda some, _: standardised(some))
    known = np.isfinite(distance[use])
    ranks = standardised(stats.rankdata(distance[use][known]))
    bar = critical_r(n)
    arrangements = Arrangements(
        Design(moving[:, None], np.ones((n, 1)), (), flips=False, arms=""), n_permutations, seed
    )
    chance = []
    for block in arrangements.blocks(MANY if isinstance(edges, Columns) else BLOCK):
        # The inverse of an order moves participants as it does in tests, so that enumerations are complete here too.
        rows = _correlations(moving[np.argsort(block, axis=1)], edges)
        chance += [_statistics(row, bar, known, ranks) for row in rows]
    r = np.full(use.shape, np.nan)
    r[use] = _correlations(moving[None], edges)[0]
    return QcFc(r, np.array(_statistics(r[use], bar, known, ranks)), np.array(chance))


def critical_r(n: int) -> float:
    """Return the |r| over n participants that an uncorrected two-sided p of :data:`ALPHA` belongs to."""
    t = stats.t.ppf(1 - ALPHA / 2, n - 2)
    return float(t / np.sqrt(n - 2 + t**2))


def distances(centres: np.ndarray) -> np.ndarray:
    """Return the Euclidean distance of each edge ``(n_edges,)`` from centres ``(n_parcels, 3)``, in their unit."""
    first, second = np.triu_indices(len(centres), 1)
    length: np.ndarray = np.linalg.norm(centres[first] - centres[second], axis=1)
    return length


def standardised(values: np.ndarray) -> np.ndarray:
    """Return columns ``(n, ...)`` of mean 0 and length 1; NaN for one that does not vary beyond rounding."""
    centred: np.ndarray = values - values.sum(axis=0) / max(len(values), 1)
    length, scale = np.linalg.norm(centred, axis=0), np.linalg.norm(values, axis=0)
    centred /= np.where(length > 1e-12 * scale, length, np.nan)
    return centred


def _correlations(moving: np.ndarray, edges: Values) -> np.ndarray:
    """Return the products of standardised rows and columns, rounded so that equal ones are ties on every machine."""
    correlations: np.ndarray = np.round(per_column(edges, lambda some: moving @ some), 12)
    return correlations


def _statistics(r: np.ndarray, bar: float, known: np.ndarray, ranks: np.ndarray) -> tuple[float, float, float]:
    """Return the :data:`STATISTICS` of correlations ``(n_edges,)``."""
    if not r.size:
        return np.nan, np.nan, np.nan
    size = np.sort(np.abs(r))
    median = (size[(r.size - 1) // 2] + size[r.size // 2]) / 2
    return float(median), 1 - int(np.searchsorted(size, bar)) / r.size, _spearman(r[known], ranks)


def _spearman(values: np.ndarray, ranks: np.ndarray) -> float:
    """Return Spearman's correlation of values with something whose standardised ranks are given.

    Sorting once gives the values' ranks; ``scipy.stats.rankdata`` takes seven times as long.
    """
    if not values.size:
        return np.nan
    order = np.argsort(values)
    ordered = values[order]
    first = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))
    count = np.diff(first, append=values.size)
    places = np.repeat(first + (count - 1) / 2, count)
    variance = (values.size**3 - values.size - int((count**3 - count).sum())) / 12
    return float(places @ ranks[order]) / np.sqrt(variance) if variance else np.nan
