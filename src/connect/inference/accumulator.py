"""What takes rows of permuted statistics, block after block, and ends in a test."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from connect.inference.kernels import mark_missing

TOLERANCE = 1e-6
"""Relative difference in t below which two statistics count as equal: they come in single precision."""

Result = TypeVar("Result")


@dataclass(frozen=True)
class Graph:
    """Parcels ``first`` and ``second (n_edges,)`` that each edge connects, of ``n_parcels`` in all."""

    first: np.ndarray
    second: np.ndarray
    n_parcels: int

    def ends(self, edges: np.ndarray) -> np.ndarray:
        """Return the parcels ``(n_chosen, 2)`` of some edges."""
        return np.stack([self.first[edges], self.second[edges]], axis=1).astype(np.int32)


class Accumulator(ABC, Generic[Result]):
    """Listens to the rows of an engine of permutations; how they are cut into blocks changes nothing.

    An edge that is NaN in the observed row takes no part; one that is NaN later takes no part in that row. Neither has
    a result.
    """

    def __init__(self, n_edges: int) -> None:
        self.n_edges, self.n_moves = n_edges, 0
        self.usable = np.ones(n_edges, dtype=np.bool_)
        self.edges = np.arange(n_edges)

    def add(self, statistic: np.ndarray, /) -> None:
        """Take the signed t ``(n_moves, n_edges)`` of further arrangements, the observed one first of all.

        Raises
        ------
        ValueError
            If the number of edges is another.
        """
        if statistic.ndim != 2 or statistic.shape[1] != self.n_edges:
            raise ValueError(f"statistics must have shape (n_moves, {self.n_edges}), not {statistic.shape}")
        if not len(statistic):
            return
        t = np.ascontiguousarray(statistic, dtype=np.float32)
        mark_missing(t, self.usable)
        if not self.n_moves:
            self.edges = np.flatnonzero(~np.isnan(t[0]))
            self._start(t[0, self.edges])
        self.n_moves += len(t)
        self._take(t if self.edges.size == self.n_edges else np.ascontiguousarray(t[:, self.edges]))

    def result(self) -> Result:
        """Return the test over all rows so far.

        Raises
        ------
        ValueError
            If there are none.
        """
        if not self.n_moves:
            raise ValueError("there are no statistics yet: add the observed ones first")
        return self._result()

    def per_edge(self, values: np.ndarray) -> np.ndarray:
        """Return values of the edges that take part as an array ``(n_edges,)``, NaN where there is no result."""
        full = np.full(self.n_edges, np.nan)
        full[self.edges] = values
        full[~self.usable] = np.nan
        return full

    @abstractmethod
    def _start(self, observed: np.ndarray) -> None:
        """Prepare for the edges that take part, whose observed t is given."""

    @abstractmethod
    def _take(self, t: np.ndarray) -> None:
        """Take rows of the edges that take part."""

    @abstractmethod
    def _result(self) -> Result:
        """Return the test."""


def count_reaching(null: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return how many of ``null (n_moves,)`` are at least as large as each value; it counts down to rounding."""
    reaching: np.ndarray = len(null) - np.searchsorted(np.sort(null), values, side="left")
    return reaching
