"""Atlases on the BOLD grid: which voxels a parcel has there, and with which weights.

The atlas is brought to the grid of the scan, never the scan to the grid of the atlas, so that no BOLD value is
interpolated. Which voxels belong to a parcel is decided as nilearn 0.13 does it in ``NiftiLabelsMasker``,
``NiftiSpheresMasker(allow_overlap=True)`` and ``NiftiMapsMasker``, with ``resampling_target="data"``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from connect.parcellate.atlases import Parcellation, read_atlas_image
from connect.parcellate.images import Grid

_CELL = 2 * 3**0.5
"""Largest distance (mm) of two points whose coordinates are equal after truncation to whole millimetres."""


class Weights(Protocol):
    """The parcels of an atlas as weights of the voxels in the brain mask.

    Values are ``(n_volumes, n_voxels)`` and ``data`` ``(n_voxels,)`` says which voxels have data, both over the voxels
    in the mask.
    """

    @property
    def n_voxels(self) -> np.ndarray:
        """Number of voxels of each parcel on the grid, in the mask or not, ``(n_parcels,)``."""

    def sums(self, values: np.ndarray) -> np.ndarray:
        """Return the weighted sums of some volumes, ``(n_volumes, n_parcels)``."""

    def series(self, sums: np.ndarray, data: np.ndarray) -> np.ndarray:
        """Turn the sums into parcel series, ``(n_volumes, n_parcels)``; NaN for a parcel without data."""

    def coverage(self, data: np.ndarray) -> np.ndarray:
        """Return the share of each parcel on the grid that has data, ``(n_parcels,)``, 0 to 1."""


@dataclass(frozen=True, eq=False)
class Regions:
    """Parcels whose series is a mean over voxels: pairs of a voxel in the mask and a parcel, ``(n_pairs,)`` each."""

    voxels: np.ndarray
    parcels: np.ndarray
    n_voxels: np.ndarray

    def sums(self, values: np.ndarray) -> np.ndarray:
        """Return the sums over the voxels of each parcel."""
        n = len(self.n_voxels)
        return np.array([np.bincount(self.parcels, volume[self.voxels], n) for volume in values])

    def series(self, sums: np.ndarray, data: np.ndarray) -> np.ndarray:
        """Return the means over the voxels with data."""
        count = self._count(data)
        series: np.ndarray = np.where(count > 0, sums / np.maximum(count, 1), np.nan)
        return series

    def coverage(self, data: np.ndarray) -> np.ndarray:
        """Return the share of voxels."""
        coverage: np.ndarray = self._count(data) / np.maximum(self.n_voxels, 1)
        return coverage

    def _count(self, data: np.ndarray) -> np.ndarray:
        return np.bincount(self.parcels[data[self.voxels]], minlength=len(self.n_voxels))


@dataclass(frozen=True, eq=False)
class Maps:
    """Parcels that are maps of weights ``(n_voxels, n_parcels)``, fitted to each volume together by least squares."""

    weights: np.ndarray
    total: np.ndarray
    n_voxels: np.ndarray

    def sums(self, values: np.ndarray) -> np.ndarray:
        """Return the products W'x of the maps and the volumes."""
        product: np.ndarray = values @ self.weights
        return product

    def series(self, sums: np.ndarray, data: np.ndarray) -> np.ndarray:
        """Solve W'W s = W'x over the voxels with data, the normal equations of the least-squares fit.

        Maps are scaled to unit length first, so that maps on very different scales do not cost precision.
        """
        weights = self.weights[data]
        length = np.sqrt((weights**2).sum(axis=0))
        found = length > 0
        unit = weights[:, found] / length[found]
        series = np.full(sums.shape, np.nan)
        fitted = np.linalg.lstsq(unit.T @ unit, (sums[:, found] / length[found]).T, rcond=None)[0]
        series[:, found] = fitted.T / length[found]
        return series

    def coverage(self, data: np.ndarray) -> np.ndarray:
        """Return the share of absolute weight."""
        share = np.abs(self.weights[data]).sum(axis=0) / np.where(self.total > 0, self.total, 1)
        coverage: np.ndarray = np.minimum(share, 1.0)
        return coverage


def put_on_grid(parcellation: Parcellation, grid: Grid, mask: np.ndarray) -> Weights:
    """Bring an atlas to the grid of a scan.

    Parameters
    ----------
    parcellation
        The atlas.
    grid
        Grid of the BOLD image.
    mask
        Which voxels of the grid are in the brain, ``(n_x, n_y, n_z)``.

    Raises
    ------
    UserError
        If the image of the atlas is no such image, or has parcels that the parcels table lacks.
    """
    if parcellation.atlas.kind == "spheres":
        return spheres([parcel.sphere for parcel in parcellation.parcels], grid, mask)
    source, image = read_atlas_image(parcellation)
    if parcellation.atlas.kind == "labels":
        return labels(image, source, parcellation.indices, grid, mask)
    return maps(image, source, grid, mask)


def labels(image: np.ndarray, source: Grid, indices: np.ndarray, grid: Grid, mask: np.ndarray) -> Regions:
    """Return parcels that are labels of an image; each voxel of the grid takes the label nearest to its centre.

    Parameters
    ----------
    image, source
        The labels, integers on their own grid.
    indices
        Label of each parcel, ``(n_parcels,)``.
    grid, mask
        Grid of the scan and which of its voxels are in the brain.
    """
    flat = (image if source.matches(grid) else _nearest(image, source, grid)).ravel(order="F")
    order = np.argsort(indices)
    place = np.minimum(np.searchsorted(indices[order], flat), len(indices) - 1)
    voxels = np.flatnonzero(indices[order][place] == flat)
    return _regions(voxels, order[place[voxels]], len(indices), mask)


def spheres(parcels: Sequence[Sequence[float]], grid: Grid, mask: np.ndarray) -> Regions:
    """Return parcels that are spheres ``(x, y, z, radius)`` in mm; they may overlap."""
    members = [_sphere(np.array(parcel[:3]), parcel[3], grid, mask) for parcel in parcels]
    rows = np.repeat(np.arange(len(parcels)), [len(voxels) for voxels in members])
    return _regions(np.concatenate(members), rows, len(parcels), mask)


def maps(image: np.ndarray, source: Grid, grid: Grid, mask: np.ndarray) -> Maps:
    """Return parcels that are maps ``(n_x, n_y, n_z, n_parcels)`` on their own grid, resampled linearly."""
    inside = mask.ravel(order="F")
    n = image.shape[3]
    weights, total, n_voxels = np.empty((inside.sum(), n)), np.empty(n), np.empty(n, dtype=int)
    for parcel in range(n):
        values = np.nan_to_num(image[..., parcel].astype(np.float64), posinf=0, neginf=0)
        flat = (values if source.matches(grid) else _linear(values, source, grid)).ravel(order="F")
        weights[:, parcel], total[parcel], n_voxels[parcel] = flat[inside], np.abs(flat).sum(), np.count_nonzero(flat)
    return Maps(weights, total, n_voxels)


def _regions(voxels: np.ndarray, parcels: np.ndarray, n_parcels: int, mask: np.ndarray) -> Regions:
    inside = mask.ravel(order="F")
    kept = inside[voxels]
    place = np.cumsum(inside) - 1
    return Regions(place[voxels[kept]], parcels[kept], np.bincount(parcels, minlength=n_parcels))


def _nearest(image: np.ndarray, source: Grid, grid: Grid) -> np.ndarray:
    matrix = np.linalg.inv(source.affine) @ grid.affine
    axes = np.ogrid[tuple(map(slice, grid.shape))]
    inside, places = np.ones(grid.shape, dtype=bool), []
    for n, (*turn, shift) in enumerate(matrix[:3]):
        # As scipy.ndimage does it for nilearn: ties go up, nothing lies beyond the centres of the outermost voxels, and
        # the order of the arithmetic, whose rounding decides ties, depends on whether the grids are parallel.
        if _is_diagonal(matrix):
            place = (axes[n] + shift / turn[n]) * turn[n]
        else:
            place = axes[0] * turn[0] + axes[1] * turn[1] + axes[2] * turn[2] + shift
        inside = inside & (place >= 0) & (place <= source.shape[n] - 1)
        places.append(np.broadcast_to(np.floor(place + 0.5).astype(int), grid.shape))
    found = np.zeros(grid.shape, dtype=image.dtype)
    found[inside] = image[tuple(place[inside] for place in places)]
    return found


def _linear(values: np.ndarray, source: Grid, grid: Grid) -> np.ndarray:
    from scipy.ndimage import affine_transform

    matrix = np.linalg.inv(source.affine) @ grid.affine
    turn, shift = matrix[:3, :3], matrix[:3, 3]
    if _is_diagonal(matrix):
        turn = np.diag(turn)  # in this form scipy takes a much faster path
    found: np.ndarray = affine_transform(values, turn, shift, output_shape=grid.shape, order=1)
    return found


def _is_diagonal(matrix: np.ndarray) -> bool:
    return bool((matrix[:3, :3] == np.diag(matrix.diagonal()[:3])).all())


def _sphere(centre: np.ndarray, radius: float, grid: Grid, mask: np.ndarray) -> np.ndarray:
    inverse = np.linalg.inv(grid.affine)
    middle = inverse[:3, :3] @ centre + inverse[:3, 3]
    reach = max(radius, _CELL) * np.linalg.norm(inverse[:3, :3], axis=1)
    low = np.clip(np.floor(middle - reach), 0, grid.shape).astype(int)
    high = np.clip(np.ceil(middle + reach) + 1, low, grid.shape).astype(int)
    box = np.indices(high - low).reshape(3, -1) + low[:, None]
    centres = grid.affine[:3, :3] @ box + grid.affine[:3, 3:]
    member = ((centres - centre[:, None]) ** 2).sum(axis=0) <= radius**2
    member |= (box == np.round(middle)[:, None]).all(axis=0)
    # nilearn's last rule: the first voxel in the mask whose centre has the same whole millimetres as the coordinate.
    same = (np.trunc(centres) == np.trunc(centre)[:, None]).all(axis=0) & mask[tuple(box)]
    member[np.flatnonzero(same)[:1]] = True
    found: np.ndarray = np.ravel_multi_index(tuple(box[:, member]), grid.shape, order="F")
    return found
