"""Parcels as weights of voxels: what sums a volume over them, and what makes a series of the sums.

Values are given over the voxels in the brain mask, in blocks ``(n_volumes, n_voxels)`` as the file stores them;
``data`` ``(n_voxels,)`` says which voxels have data.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np

DENSE = 0.2
"""Share of weights other than zero above which a product with a dense matrix is faster than with a sparse one."""


class Weights(Protocol):
    """The parcels of an atlas on the grid of a scan."""

    @property
    def n_voxels(self) -> np.ndarray:
        """Number of voxels of each parcel on the grid, in the mask or not, ``(n_parcels,)``."""

    def sums(self, block: np.ndarray) -> np.ndarray:
        """Return the weighted sums of some volumes, ``(n_volumes, n_parcels)``, float64."""

    def series(self, sums: np.ndarray, data: np.ndarray) -> np.ndarray:
        """Turn sums over the voxels with data into parcel series ``(n_volumes, n_parcels)``; NaN without data."""

    def coverage(self, data: np.ndarray) -> np.ndarray:
        """Return the share of each parcel that has data, 0 to 1, ``(n_parcels,)``."""

    def means(self, values: np.ndarray) -> np.ndarray:
        """Return the mean of a map of voxels ``(n_voxels,)`` over each parcel, without NaN, ``(n_parcels,)``."""

    def moved(self, place: np.ndarray) -> Weights:
        """Return the same for voxels in another order, ``place`` being where each voxel goes, ``(n_voxels,)``."""


@dataclass(frozen=True, eq=False)
class Regions:
    """Parcels whose series is a mean over voxels.

    Attributes
    ----------
    voxels
        Voxels of all parcels, those of one parcel after those of another, ``(n_members,)``; a voxel may stand in two.
    starts
        Where each parcel that has voxels starts, ``(n_found,)``.
    found
        Those parcels, ``(n_found,)``.
    n_voxels
        Number of voxels of each parcel on the grid, ``(n_parcels,)``.
    """

    voxels: np.ndarray
    starts: np.ndarray
    found: np.ndarray
    n_voxels: np.ndarray

    @classmethod
    def of(cls, voxels: np.ndarray, parcels: np.ndarray, n_voxels: np.ndarray) -> Regions:
        """Return regions from pairs of a voxel and a parcel ``(n_members,)``."""
        order = np.argsort(parcels, kind="stable")
        found, starts = np.unique(parcels[order], return_index=True)
        return cls(voxels[order], starts, found, n_voxels)

    def sums(self, block: np.ndarray) -> np.ndarray:
        """Return the sums over the voxels of each parcel; those of integers are exact."""
        sums = np.zeros((len(block), len(self.n_voxels)))
        if self.found.size:
            exact = block.dtype.kind in "iu" and block.dtype.itemsize <= 4
            for row, volume in zip(sums, block, strict=True):
                members = volume[: self.voxels.size] if self._first else volume.take(self.voxels)
                row[self.found] = np.add.reduceat(members, self.starts, dtype=np.int64 if exact else np.float64)
        return sums

    def series(self, sums: np.ndarray, data: np.ndarray) -> np.ndarray:
        """Return the means over the voxels with data."""
        return _divided(sums, self._count(data))

    def coverage(self, data: np.ndarray) -> np.ndarray:
        """Return the share of voxels."""
        coverage: np.ndarray = self._count(data) / np.maximum(self.n_voxels, 1)
        return coverage

    def means(self, values: np.ndarray) -> np.ndarray:
        """Return the mean over the voxels that have a value."""
        known = np.isfinite(values)
        return _divided(self.sums(np.where(known, values, 0.0)[None])[0], self._count(known))

    def moved(self, place: np.ndarray) -> Regions:
        """Return the same for voxels in another order."""
        return Regions(place[self.voxels], self.starts, self.found, self.n_voxels)

    @cached_property
    def _first(self) -> bool:
        """Whether the voxels are the first ones, in their order, so that they need not be gathered."""
        return np.array_equal(self.voxels, np.arange(self.voxels.size))

    def _count(self, data: np.ndarray) -> np.ndarray:
        count: np.ndarray = self.sums(data[None].astype(np.int8))[0]
        return count


@dataclass(frozen=True, eq=False)
class Smooth:
    """Regions after smoothing: the mean over the brain with the smoothed parcel as weights.

    To smooth every volume and take the mean over a parcel is to smooth the parcel, once for all volumes, and take the
    weighted mean. Weights outside the brain or on voxels without data do not count, so that nothing from there gets
    into a parcel.

    Attributes
    ----------
    regions
        The parcels as they are, which decide coverage.
    weights
        The smoothed parcels ``(n_parcels, n_voxels)``, sparse.
    """

    regions: Regions
    weights: Any

    @property
    def n_voxels(self) -> np.ndarray:
        """Number of voxels of each parcel on the grid."""
        return self.regions.n_voxels

    def sums(self, block: np.ndarray) -> np.ndarray:
        """Return the weighted sums.

        What the file stores in 2 bytes or as float32 is summed in single precision, twice as fast, as changes against
        the first volume of the block: these are small, so that no precision is lost to the level.
        """
        if np.result_type(block, np.float32) != np.float32:
            return _product(self.weights, block)
        change = np.subtract(block.T, block[0][:, None], dtype=np.float32, out=np.empty(block.T.shape, np.float32))
        sums: np.ndarray = (self._single @ change).T + self.weights @ block[0].astype(np.float64)
        return sums

    @cached_property
    def _single(self) -> Any:
        return self.weights.astype(np.float32)

    def series(self, sums: np.ndarray, data: np.ndarray) -> np.ndarray:
        """Return the weighted means; a parcel without a voxel with data has none, whatever is near it."""
        total = self.sums(data[None])[0]
        return _divided(sums, np.where(self.coverage(data) > 0, total, 0.0))

    def coverage(self, data: np.ndarray) -> np.ndarray:
        """Return the share of voxels."""
        return self.regions.coverage(data)

    def means(self, values: np.ndarray) -> np.ndarray:
        """Return the mean over the voxels of the parcel before smoothing."""
        return self.regions.means(values)

    def moved(self, place: np.ndarray) -> Smooth:
        """Return the same for voxels in another order."""
        return Smooth(self.regions.moved(place), _moved(self.weights, place))


@dataclass(frozen=True, eq=False)
class Maps:
    """Parcels that are maps of weights, fitted to each volume together by least squares.

    Attributes
    ----------
    weights
        The maps ``(n_parcels, n_voxels)``, sparse or, if more than :data:`DENSE` of them is not zero, dense.
    total
        Sum of the absolute weights of each map on the grid, ``(n_parcels,)``.
    n_voxels
        Number of weights other than zero on the grid, ``(n_parcels,)``.
    """

    weights: Any
    total: np.ndarray
    n_voxels: np.ndarray

    @classmethod
    def of(cls, weights: Any, total: np.ndarray, n_voxels: np.ndarray) -> Maps:
        """Return maps from a sparse matrix."""
        return cls(weights.toarray() if weights.nnz > DENSE * np.prod(weights.shape) else weights, total, n_voxels)

    def sums(self, block: np.ndarray) -> np.ndarray:
        """Return the products of the maps and the volumes."""
        return _product(self.weights, block)

    def series(self, sums: np.ndarray, data: np.ndarray) -> np.ndarray:
        """Solve W'W s = W'x over the voxels with data, the normal equations of the least-squares fit.

        Maps are scaled to unit length first, so that maps on very different scales do not cost precision.
        """
        weights = self.weights[:, np.flatnonzero(data)]
        gram = weights @ weights.T
        gram = gram if isinstance(gram, np.ndarray) else gram.toarray()
        length = np.sqrt(gram.diagonal())
        found = length > 0
        unit = gram[np.ix_(found, found)] / np.outer(length[found], length[found])
        series = np.full(sums.shape, np.nan)
        fitted = np.linalg.lstsq(unit, (sums[:, found] / length[found]).T, rcond=None)[0]
        series[:, found] = fitted.T / length[found]
        return series

    def coverage(self, data: np.ndarray) -> np.ndarray:
        """Return the share of absolute weight."""
        share = _product(abs(self.weights), data[None])[0] / np.where(self.total > 0, self.total, 1)
        coverage: np.ndarray = np.minimum(share, 1.0)
        return coverage

    def means(self, values: np.ndarray) -> np.ndarray:
        """Return the mean with the absolute weights."""
        known, weights = np.isfinite(values), abs(self.weights)
        sums, total = _product(weights, np.stack([np.where(known, values, 0.0), known]))
        return _divided(sums, total)

    def moved(self, place: np.ndarray) -> Maps:
        """Return the same for voxels in another order."""
        return Maps(_moved(self.weights, place), self.total, self.n_voxels)


def in_order(voxels: np.ndarray, weights: Sequence[Weights]) -> tuple[np.ndarray, list[Weights]]:
    """Order voxels ``(n_voxels,)`` by the parcels of the first atlas, so that its sums need not gather them again."""
    first = weights[0]
    if not isinstance(first, Regions):
        return voxels, list(weights)
    uses = np.bincount(first.voxels, minlength=voxels.size)
    if uses.max() > 1:
        return voxels, list(weights)
    order = np.concatenate([first.voxels, np.flatnonzero(uses == 0)])
    place = np.empty_like(order)
    place[order] = np.arange(order.size)
    return voxels[order], [atlas.moved(place) for atlas in weights]


def _moved(weights: Any, place: np.ndarray) -> Any:
    if isinstance(weights, np.ndarray):
        moved = np.empty_like(weights)
        moved[:, place] = weights
        return moved
    return type(weights)((weights.data, place.astype(np.int32)[weights.indices], weights.indptr), weights.shape)


def _product(weights: Any, block: np.ndarray) -> np.ndarray:
    """Return ``(n_volumes, n_parcels)`` from weights ``(n_parcels, n_voxels)`` and volumes."""
    if isinstance(weights, np.ndarray):
        dense: np.ndarray = block.astype(np.float64) @ weights.T
        return dense
    sparse: np.ndarray = weights @ block.T.astype(np.float64, order="C")
    return sparse.T


def _divided(sums: np.ndarray, by: np.ndarray) -> np.ndarray:
    divided: np.ndarray = np.where(by > 0, sums / np.where(by > 0, by, 1.0), np.nan)
    return divided
