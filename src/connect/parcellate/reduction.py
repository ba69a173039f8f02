"""One pass over a run: its parcels in every atlas, and what its voxels tell about its quality.

Only voxels that have data count: voxels in the brain mask whose values are finite in every volume and not zero in all
of them. A voxel that is missing in some volumes is left out of all, since the mean over a changing set of voxels would
jump; a voxel that is always zero lies outside the field of view.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from connect.parcellate.quality import Moments, Scale, Voxels
from connect.parcellate.weights import Weights

BLOCK = 16
"""Volumes in a block: enough to keep the matrix products of maps fast, few enough to stay small in memory."""


@dataclass(frozen=True, eq=False)
class Reduced:
    """A run in the parcels of an atlas.

    Attributes
    ----------
    series
        ``(n_volumes, n_parcels)``; NaN for a parcel without data.
    coverage
        Share of each parcel that has data, 0 to 1, ``(n_parcels,)``.
    n_voxels
        Number of voxels of each parcel on the grid, ``(n_parcels,)``.
    tsnr
        Mean over the voxels of each parcel of their temporal signal-to-noise ratio, ``(n_parcels,)``.
    """

    series: np.ndarray
    coverage: np.ndarray
    n_voxels: np.ndarray
    tsnr: np.ndarray


@dataclass(frozen=True, eq=False)
class _Pass:
    """What a pass over a run adds up: the stored values over each atlas, the moments of voxels, and missing voxels."""

    sums: list[np.ndarray]
    moments: Moments
    missing: np.ndarray
    known: bool


def extract(
    volumes: Callable[[], Iterable[np.ndarray]],
    voxels: np.ndarray,
    weights: Sequence[Weights],
    scale: Scale,
    steady: np.ndarray,
) -> tuple[list[Reduced], Voxels]:
    """Reduce a run to the parcels of every atlas, and describe its voxels.

    Parameters
    ----------
    volumes
        Gives the run from its start: stored values of all voxels of the grid, volume by volume. It is called once, and
        again only if voxels are missing in some volumes but not in the first.
    voxels
        Voxels in the brain mask, ``(n_voxels,)``.
    weights
        The atlases.
    scale
        What the stored values mean.
    steady
        Which volumes were taken in the steady state, ``(n_volumes,)``; the others do not count in the tSNR.

    Returns
    -------
    results, described
        The run in each atlas, and what its voxels tell.
    """
    done = _read(volumes(), voxels, weights, scale, steady, np.zeros(voxels.size, dtype=bool))
    if not done.known:
        done = _read(volumes(), voxels, weights, scale, steady, done.missing)
    described = done.moments.voxels(done.missing)
    return [_scaled(atlas, sums, done, described) for atlas, sums in zip(weights, done.sums, strict=True)], described


def _read(
    volumes: Iterable[np.ndarray],
    voxels: np.ndarray,
    weights: Sequence[Weights],
    scale: Scale,
    steady: np.ndarray,
    missing: np.ndarray,
) -> _Pass:
    """Add up a run; values that are missing count as 0.

    ``known`` is false if some voxels turn out to be missing after the first volume: their values before that are in the
    sums.
    """
    sums: list[list[np.ndarray]] = [[] for _ in weights]
    known, moments = True, None
    block = np.empty(0)
    for n, volume in enumerate(volumes):
        if n == 0:
            block = np.empty((BLOCK, voxels.size), dtype=volume.dtype.newbyteorder("="))
        values = block[n % BLOCK]
        values[:] = volume.take(voxels)
        if values.dtype.kind == "f":
            values[missing] = 0
            finite = np.isfinite(values)
            if not finite.all():
                missing, known = missing | ~finite, known and n == 0
                values[missing] = 0
        moments = moments or Moments(values, missing, scale)
        if n % BLOCK == BLOCK - 1 or n == len(steady) - 1:
            size = n % BLOCK + 1
            moments.add(block[:size], steady[n + 1 - size : n + 1])
            for atlas, parts in zip(weights, sums, strict=True):
                parts.append(atlas.sums(block[:size]))
    assert moments is not None  # a run has a volume
    return _Pass([np.concatenate(parts) for parts in sums], moments, missing, known)


def _scaled(atlas: Weights, sums: np.ndarray, done: _Pass, described: Voxels) -> Reduced:
    """Make series of the sums of stored values, without the voxels that are always zero but not stored as 0."""
    moments, data = done.moments, described.data
    still = np.zeros_like(moments.first)
    still[moments.still] = moments.first[moments.still]
    ones = atlas.sums(data[None].astype(np.int8))
    intensities = moments.scale.slope * (sums - atlas.sums(still[None])) + moments.scale.inter * ones
    series = atlas.series(intensities, data)
    return Reduced(series, atlas.coverage(data), atlas.n_voxels, atlas.means(described.tsnr))
