"""What the voxels in the brain tell about a run, added up volume by volume while it is read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

CARPET = 256
"""Voxels in the carpet, evenly spaced over the brain."""

_CHUNK = 8192
"""Voxels that are described at a time: few enough that a block of volumes stays in the processor's cache."""


@dataclass(frozen=True)
class Scale:
    """How stored values become intensities: ``slope * value + inter``; ``whole`` if integers are stored."""

    slope: float = 1.0
    inter: float = 0.0
    whole: bool = False

    def is_zero(self, stored: np.ndarray) -> np.ndarray:
        """Return which stored values mean zero.

        With an intercept, a zero is stored as the nearest of the integers and comes back as up to half a step of them.
        """
        step = abs(self.slope) / 2 if self.whole else 0.0
        zero: np.ndarray = np.abs(stored.astype(np.float64) * self.slope + self.inter) <= step
        return zero


@dataclass(frozen=True, eq=False)
class Voxels:
    """What the voxels in the brain mask tell about a run.

    Attributes
    ----------
    data
        Which have data, ``(n_voxels,)``.
    tsnr
        Temporal signal-to-noise ratio: mean over SD (n - 1) of the steady volumes, ``(n_voxels,)``; NaN without data.
    dvars
        Root mean square over voxels of the change from the volume before, in units of the image, ``(n_volumes,)``; NaN
        in the first volume.
    std_dvars
        ``dvars`` over its expectation, the mean over voxels of the root mean square of their changes between steady
        volumes (after Nichols 2013, arXiv:1704.01469, with moments for the robust estimates).
    carpet
        Some voxels ``(n_volumes, n_chosen)``, each with mean 0 and SD 1 in the steady volumes; NaN if it does not vary
        in them.
    """

    data: np.ndarray
    tsnr: np.ndarray
    dvars: np.ndarray
    std_dvars: np.ndarray
    carpet: np.ndarray


class Moments:
    """Sums over the volumes of a run; taken around the first steady volume, so that no precision is lost to the mean.

    Parameters
    ----------
    first
        Stored values of the first volume ``(n_voxels,)``, finite.
    missing
        Voxels that are missing in the first volume.
    scale
        What the stored values mean.
    """

    def __init__(self, first: np.ndarray, missing: np.ndarray, scale: Scale) -> None:
        exact = first.dtype == np.float32 or (first.dtype.kind in "iu" and first.dtype.itemsize <= 2)
        self.scale, self.first = scale, first.copy()
        self.still = np.flatnonzero(scale.is_zero(first) & ~missing)
        self._reference = first.astype(np.float32 if exact else np.float64)
        self._before, self._total, self._squares, self._changes = np.zeros((4, first.size), self._reference.dtype)
        self._chosen = np.unique(np.linspace(0, first.size - 1, CARPET).astype(int))
        self._dvars: list[np.ndarray] = []
        self._rows: list[np.ndarray] = []
        self._steady: list[np.ndarray] = []
        self._n_steady, self._n_changes, self._was_steady = 0, 0, False

    def add(self, block: np.ndarray, steady: np.ndarray) -> None:
        """Add volumes of stored values ``(n_volumes, n_voxels)``, finite, of which some are steady ``(n_volumes,)``."""
        self.still = self.still[(block[:, self.still] == self.first[self.still]).all(axis=0)]
        if steady.any() and not self._n_steady:
            self._move(block[steady.argmax()])
        within = steady & np.concatenate([[self._was_steady], steady[:-1]])
        squares = np.zeros(len(block))
        work = np.empty((2, len(block), _CHUNK), self._reference.dtype)
        for start in range(0, self.first.size, _CHUNK):
            part = slice(start, min(start + _CHUNK, self.first.size))
            value, change = work[:, :, : part.stop - start]
            np.subtract(block[:, part], self._reference[part], out=value)
            np.subtract(value[0], self._before[part], out=change[0])
            np.subtract(value[1:], value[:-1], out=change[1:])
            self._before[part] = value[-1]
            np.multiply(change, change, out=change)
            squares += change.sum(axis=1)
            self._changes[part] += (change if within.all() else change[within]).sum(axis=0)
            counted = value if steady.all() else value[steady]
            self._total[part] += counted.sum(axis=0)
            self._squares[part] += np.multiply(counted, counted, out=counted).sum(axis=0)
        self._n_steady += int(steady.sum())
        self._n_changes += int(within.sum())
        self._was_steady = bool(steady[-1])
        self._dvars.append(np.sqrt(squares))
        self._rows.append(block[:, self._chosen])
        self._steady.append(steady)

    def voxels(self, missing: np.ndarray) -> Voxels:
        """Return what the voxels tell; what is not defined is NaN.

        Parameters
        ----------
        missing
            Voxels that are missing in any volume.
        """
        data = ~missing
        data[self.still] = False
        change = np.concatenate(self._dvars)
        n, n_changes = np.float64(self._n_steady), np.float64(self._n_changes)
        slope = abs(self.scale.slope)
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = self._total / n
            spread = slope * np.sqrt(np.maximum(self._squares / n - mean**2, 0) * n / (n - 1))
            level = self.scale.slope * (self._reference + mean) + self.scale.inter
            tsnr = np.where(data & (spread > 0), level / spread, np.nan)
            dvars = slope * np.array([np.nan, *change[1:]]) / np.sqrt(np.float64(data.sum()))
            expected = slope * np.sqrt(self._changes[data] / n_changes).sum() / np.float64(data.sum())
            return Voxels(data, tsnr, dvars, dvars / expected, self._carpet(data))

    def _move(self, volume: np.ndarray) -> None:
        """Take the sums around the first steady volume, since those before it may be far from all others."""
        reference = volume.astype(self._reference.dtype)
        self._before += self._reference - reference
        self._reference = reference

    def _carpet(self, data: np.ndarray) -> np.ndarray:
        values = np.concatenate(self._rows)[:, data[self._chosen]] * np.float64(self.scale.slope)
        steady = np.concatenate(self._steady)
        # Around a steady volume, so that a voxel that does not vary has an SD of exactly 0.
        values = values - values[steady.argmax()]
        values = values - values[steady].sum(axis=0) / np.float64(self._n_steady)
        spread = np.sqrt((values[steady] ** 2).sum(axis=0) / np.float64(self._n_steady))
        carpet: np.ndarray = values / np.where(spread > 0, spread, np.nan)
        return carpet
