"""Smoothing of parcels: what smoothing each volume with a Gaussian does to their means, done once for all volumes."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from connect.digest import code
from connect.parcellate.images import Grid
from connect.tables import written

_TRUNCATE = 4.0
"""Reach of the Gaussian in standard deviations, as in scipy and nilearn."""

_SMALL = 1e-7
"""Weights below this share of the largest one of a parcel are left out: all together they are some 1e-6 of its sum."""


def smoothed(
    voxels: np.ndarray, parcels: np.ndarray, n_parcels: int, grid: Grid, fwhm: float, cache: Path | None = None
) -> Any:
    """Return parcels after smoothing with a Gaussian, the one with which ``nilearn.image.smooth_img`` smooths images.

    The filter is its own adjoint, so that a smoothed parcel times an image is the parcel times the smoothed image.

    Parameters
    ----------
    voxels, parcels
        Pairs of a voxel of the grid and a parcel that has it, ``(n_members,)`` each.
    n_parcels
        Number of parcels.
    grid
        Grid of the scan.
    fwhm
        Full width at half maximum of the Gaussian, mm.
    cache
        Folder in which the result is kept under a name made of all of the above and of the code, and found by the next
        scan on the same grid.

    Returns
    -------
    scipy.sparse.csr_array
        ``(n_parcels, n_voxels_of_the_grid)``.
    """
    from scipy.sparse import load_npz, save_npz

    key = hashlib.sha256(
        repr((n_parcels, grid.shape, grid.voxel_size.round(6).tolist(), fwhm, code("parcellate.smoothing"))).encode()
    )
    for part in (voxels, parcels):
        key.update(part.astype(np.int64).tobytes())
    kept = cache / f"{key.hexdigest()[:32]}.npz" if cache else None
    if kept and kept.is_file():
        # Whatever is wrong with a kept file (its check sums tell), it can be made anew.
        with suppress(Exception):
            return load_npz(kept)
    weights = _smooth(voxels, parcels, n_parcels, grid, fwhm)
    if kept:
        with written(kept) as aside:
            save_npz(aside, weights, compressed=False)
    return weights


def _smooth(voxels: np.ndarray, parcels: np.ndarray, n_parcels: int, grid: Grid, fwhm: float) -> Any:
    from scipy.ndimage import gaussian_filter
    from scipy.sparse import csr_array

    # Axes are reversed, so that numpy's order is the one in which voxels are counted.
    shape = np.array(grid.shape[::-1])
    sigma = fwhm / (np.sqrt(8 * np.log(2)) * grid.voxel_size[::-1])
    reach = (_TRUNCATE * sigma + 0.5).astype(int)
    order = np.argsort(parcels, kind="stable")
    places = np.stack(np.unravel_index(voxels[order], shape), axis=1)
    found, values = [], []
    for own in np.split(places, np.cumsum(np.bincount(parcels, minlength=n_parcels))[:-1]):
        if not own.size:
            found.append(np.empty(0, dtype=np.int32))
            values.append(np.empty(0))
            continue
        low = np.maximum(own.min(axis=0) - reach, 0)
        high = np.minimum(own.max(axis=0) + reach + 1, shape)
        box = np.zeros(high - low)
        box[tuple((own - low).T)] = 1
        box = gaussian_filter(box, sigma, truncate=_TRUNCATE)
        near = np.flatnonzero(box > _SMALL * box.max())
        z, y, x = np.unravel_index(near, box.shape)
        found.append((((z + low[0]) * shape[1] + y + low[1]) * shape[2] + x + low[2]).astype(np.int32))
        values.append(box.ravel()[near])
    ends = np.cumsum([0, *map(len, found)], dtype=np.int32)
    return csr_array((np.concatenate(values), np.concatenate(found), ends), (n_parcels, int(shape.prod())))
