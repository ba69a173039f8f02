"""Atlases on the BOLD grid: which voxels a parcel has there, and with which weights.

The atlas is brought to the grid of the scan, never the scan to the grid of the atlas, so that no BOLD value is
interpolated. Which voxels belong to a parcel is decided as nilearn 0.13 does it in ``NiftiLabelsMasker``,
``NiftiSpheresMasker(allow_overlap=True)`` and ``NiftiMapsMasker``, with ``resampling_target="data"``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from connect.parcellate.atlases import Parcellation, read_labels, read_maps
from connect.parcellate.images import Grid
from connect.parcellate.smoothing import smoothed
from connect.parcellate.weights import Maps, Regions, Smooth, Weights

_CELL = 2 * 3**0.5
"""Largest distance (mm) of two points whose coordinates are equal after truncation to whole millimetres."""


@dataclass(frozen=True, eq=False)
class Members:
    """Pairs of a voxel of a grid and a parcel that has it, ``(n_members,)`` each, of ``n_parcels`` parcels."""

    voxels: np.ndarray
    parcels: np.ndarray
    n_parcels: int

    def inside(self, mask: np.ndarray) -> Regions:
        """Return the parcels over the voxels in a mask ``(n_x, n_y, n_z)``."""
        flat = mask.ravel(order="F")
        kept, place = flat[self.voxels], np.cumsum(flat) - 1
        n_voxels = np.bincount(self.parcels, minlength=self.n_parcels)
        return Regions.of(place[self.voxels[kept]], self.parcels[kept], n_voxels)


def put_on_grid(parcellation: Parcellation, grid: Grid, mask: np.ndarray, cache: Path | None = None) -> Weights:
    """Bring an atlas to the grid of a scan.

    Parameters
    ----------
    parcellation
        The atlas.
    grid
        Grid of the BOLD image.
    mask
        Which voxels of the grid are in the brain, ``(n_x, n_y, n_z)``.
    cache
        Folder of smoothed parcels, see :func:`connect.parcellate.smoothing.smoothed`.

    Raises
    ------
    UserError
        If the image of the atlas is no such image, or has parcels that the parcels table lacks.
    """
    atlas = parcellation.atlas
    if atlas.kind == "maps":
        return maps(read_maps(parcellation), parcellation.indices - 1, grid, mask)
    if atlas.kind == "spheres":
        members = spheres([parcel.sphere for parcel in parcellation.parcels], grid, mask)
    else:
        source, image = read_labels(parcellation)
        members = labels(image, source, parcellation.indices, grid)
    if atlas.smoothing is None:
        return members.inside(mask)
    weights = smoothed(members.voxels, members.parcels, members.n_parcels, grid, atlas.smoothing, cache)
    return Smooth(members.inside(mask), _columns(weights, mask.ravel(order="F")))


def labels(image: np.ndarray, source: Grid, indices: np.ndarray, grid: Grid) -> Members:
    """Return parcels that are labels of an image; each voxel of the grid takes the label nearest to its centre.

    Parameters
    ----------
    image, source
        The labels, integers on their own grid.
    indices
        Label of each parcel, ``(n_parcels,)``.
    grid
        Grid of the scan.
    """
    flat = (image if source.matches(grid) else _nearest(image, source, grid)).ravel(order="F")
    voxels = np.flatnonzero(flat)
    order = np.argsort(indices)
    place = np.minimum(np.searchsorted(indices[order], flat[voxels]), len(indices) - 1)
    listed = indices[order][place] == flat[voxels]
    return Members(voxels[listed], order[place[listed]], len(indices))


def spheres(parcels: Sequence[Sequence[float]], grid: Grid, mask: np.ndarray) -> Members:
    """Return parcels that are spheres ``(x, y, z, radius)`` in mm; they may overlap."""
    found = [_sphere(np.array(parcel[:3]), parcel[3], grid, mask) for parcel in parcels]
    rows = np.repeat(np.arange(len(parcels)), [len(voxels) for voxels in found])
    return Members(np.concatenate(found), rows, len(parcels))


def maps(images: Iterable[tuple[Grid, np.ndarray]], order: np.ndarray, grid: Grid, mask: np.ndarray) -> Maps:
    """Return parcels that are maps of weights, resampled linearly.

    Parameters
    ----------
    images
        The grid and the weights ``(n_x, n_y, n_z)`` of one map after the other.
    order
        Which of them is the map of each parcel, ``(n_parcels,)``.
    grid, mask
        Grid of the scan and which of its voxels are in the brain.
    """
    from scipy.sparse import csr_array

    inside = mask.ravel(order="F")
    found, places, total, n_voxels = [], [], [], []
    for source, image in images:
        flat = (image if source.matches(grid) else _linear(image, source, grid)).ravel(order="F")
        total.append(np.abs(flat).sum())
        n_voxels.append(np.count_nonzero(flat))
        row = flat[inside]
        places.append(np.flatnonzero(row).astype(np.int32))
        found.append(row[places[-1]])
    ends = np.cumsum([0, *map(len, places)], dtype=np.int32)
    weights = csr_array((np.concatenate(found), np.concatenate(places), ends), shape=(len(found), inside.sum()))
    return Maps.of(weights[order], np.array(total)[order], np.array(n_voxels)[order])


def _columns(weights: Any, kept: np.ndarray) -> Any:
    """Return some columns of a sparse matrix; scipy's own way takes five times as long."""
    from scipy.sparse import csr_array

    chosen = kept[weights.indices]
    ends = np.concatenate([[0], np.cumsum(chosen)])[weights.indptr]
    place = (np.cumsum(kept) - 1).astype(np.int32)
    return csr_array((weights.data[chosen], place[weights.indices[chosen]], ends), (weights.shape[0], int(kept.sum())))


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
    """Interpolate a map, only where it is not zero: most maps fill a small part of the brain."""
    from scipy.ndimage import affine_transform

    matrix = np.linalg.inv(source.affine) @ grid.affine
    turn, shift = matrix[:3, :3], matrix[:3, 3]
    low, high = _box(values)
    corners = np.array(list(product(*zip(low, high - 1, strict=True))))
    reached = (corners - shift) @ np.linalg.inv(turn).T
    first = np.clip(np.floor(reached.min(axis=0)), 0, grid.shape).astype(int)
    last = np.clip(np.ceil(reached.max(axis=0)) + 1, first, grid.shape).astype(int)
    found = np.zeros(grid.shape, order="F")
    found[tuple(map(slice, first, last))] = affine_transform(
        values[tuple(map(slice, low, high))],
        np.diag(turn) if _is_diagonal(matrix) else turn,  # as a vector, scipy takes a much faster path
        shift + turn @ first - low,
        output_shape=tuple(last - first),
        order=1,
    )
    return found


def _box(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return where the box starts and ends that holds all values but 0 and, in the image, a rim of 0 around them."""
    low, high = np.zeros(3, dtype=int), np.array(values.shape)
    present = values != 0
    for axis in range(3):
        places = np.flatnonzero(present.any(axis=tuple({0, 1, 2} - {axis})))
        if places.size:
            low[axis], high[axis] = max(places[0] - 1, 0), min(places[-1] + 2, values.shape[axis])
    return low, high


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
