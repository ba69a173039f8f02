"""NIfTI images: a mask or an atlas is read whole, a BOLD run in blocks of volumes, so that it is never held whole."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import nibabel as nib
import numpy as np

from connect.errors import UnusableScan, UserError

BLOCK = 16
"""Volumes in a block: enough to keep the matrix products of maps fast, few enough to stay small in memory."""

_BROKEN = (
    OSError,
    EOFError,
    ValueError,
    zlib.error,
    nib.filebasedimages.ImageFileError,
    nib.spatialimages.HeaderDataError,
    nib.wrapstruct.WrapStructError,
)


@dataclass(frozen=True, eq=False)
class Grid:
    """A voxel grid: its shape and the affine ``(4, 4)`` from voxel indices to mm.

    Everywhere in connect, voxels are counted in the order in which a NIfTI file stores them (first axis fastest).
    """

    shape: tuple[int, int, int]
    affine: np.ndarray

    @property
    def voxel_size(self) -> np.ndarray:
        """Lengths of the edges of a voxel, mm, ``(3,)``."""
        size: np.ndarray = np.sqrt((self.affine[:3, :3] ** 2).sum(axis=0))
        return size

    def matches(self, other: Grid) -> bool:
        """Whether two grids are the same; affines may differ by the rounding of a header."""
        return self.shape == other.shape and np.allclose(self.affine, other.affine, rtol=1e-5, atol=1e-4)

    def __str__(self) -> str:
        size = " x ".join(f"{length:.4g}" for length in self.voxel_size)
        corner = ", ".join(f"{value:.6g}" for value in self.affine[:3, 3])
        return f"{' x '.join(map(str, self.shape))} voxels of {size} mm from ({corner})"


@dataclass(frozen=True, eq=False)
class Bold:
    """A BOLD run whose header has been read and whose volumes are read when they are asked for."""

    path: Path
    grid: Grid
    n_volumes: int
    data: Any

    @property
    def zero(self) -> float:
        """Largest absolute value that means zero.

        With an intercept in the header, a zero is stored as the nearest of the integers and comes back as up to half a
        step of them.
        """
        return abs(self.data.slope) / 2 if self.data.dtype.kind in "iu" else 0.0

    def blocks(self, voxels: np.ndarray) -> Iterator[np.ndarray]:
        """Read the run once from start to end and give the values of some voxels, block by block.

        Parameters
        ----------
        voxels
            Voxels to keep, ``(n_voxels,)``.

        Yields
        ------
        Arrays of float64, ``(n_volumes of the block, n_voxels)``.

        Raises
        ------
        UnusableScan
            If the file is truncated or corrupt; the message says at which volume.
        """
        with nib.openers.ImageOpener(self.data.file_like) as file:
            for start in range(0, self.n_volumes, BLOCK):
                block = np.empty((min(BLOCK, self.n_volumes - start), voxels.size))
                for n, row in enumerate(block, start=start):
                    row[:] = self._volume(file, n)[voxels]
                yield block
            with self._intact("after the last volume"):
                # The check sum of a gzip file stands at its end and is only tested when that is reached.
                while file.read(1 << 20):
                    pass

    def _volume(self, file: nib.openers.ImageOpener, n: int) -> np.ndarray:
        stored = self.data.dtype
        n_bytes = int(np.prod(self.grid.shape)) * stored.itemsize
        with self._intact(f"in volume {n + 1}"):
            if n == 0:
                file.seek(self.data.offset)
            content = file.read(n_bytes)
            if len(content) < n_bytes:
                raise EOFError("the file ends")
        values = np.frombuffer(content, dtype=stored).astype(np.float64)
        return cast("np.ndarray", values * self.data.slope + self.data.inter)

    @contextmanager
    def _intact(self, place: str) -> Iterator[None]:
        with blamed(self.path, f"a complete image of {self.n_volumes} volumes", UnusableScan, f"{place}: "):
            yield


def open_bold(path: Path) -> Bold:
    """Read the header of a BOLD run.

    Raises
    ------
    UserError
        If the file is missing.
    UnusableScan
        If it is no NIfTI image of numbers with three axes in space and at least two volumes.
    """
    image = _open(path, "a 4-D NIfTI image", UnusableScan)
    stored = image.dataobj.dtype
    got = f"shape {image.shape}, {stored}"
    if len(image.shape) != 4 or image.shape[3] < 2 or stored.kind not in "iuf":
        must = "a 4-D image of numbers with at least two volumes"
        raise UnusableScan(path, must, got, _todo("name another image", UnusableScan))
    return Bold(path, _grid(image), image.shape[3], image.dataobj)


def read_image(path: Path, n_axes: int, blame: type[UserError]) -> tuple[Grid, np.ndarray]:
    """Read a mask or an atlas whole, scaled as its header says.

    Parameters
    ----------
    path
        The NIfTI image.
    n_axes
        3 for a volume, 4 for a stack of volumes. Axes of length 1 at the end are added or dropped.
    blame
        What to raise: ``UnusableScan`` for a file of the scan, ``UserError`` for a choice.

    Returns
    -------
    grid, values
        The grid of the image and its values, integers if the file holds unscaled integers.
    """
    must = f"a {n_axes}-D NIfTI image"
    image = _open(path, must, blame)
    with blamed(path, must, blame):
        values = np.asanyarray(image.dataobj)
    shape = values.shape + (1,) * (n_axes - values.ndim)
    if any(length > 1 for length in shape[n_axes:]) or values.ndim < 3:
        raise blame(path, must, f"shape {image.shape}", _todo("name another image", blame))
    return _grid(image), values.reshape(shape[:n_axes])


def check_file(path: Path) -> None:
    """Raise a UserError if a file is missing."""
    if not path.is_file():
        raise UserError(
            path, "a file", "a folder" if path.is_dir() else "no such file", "correct the path, or fetch the file"
        )


@contextmanager
def blamed(path: Path, must: str, blame: type[UserError], place: str = "") -> Iterator[None]:
    """Turn what a broken file makes nibabel, gzip or zlib raise into an error of the user's or of the scan."""
    try:
        yield
    except _BROKEN as error:
        # An error with a number comes from the operating system (disk, network), so the file may well be good.
        if getattr(error, "errno", None) is not None:
            raise
        told = " ".join(str(error).split()).replace(str(path), path.name)
        got = place + (told or type(error).__name__)
        raise blame(path, must, got, _todo("fetch or copy the file again", blame)) from error


def _open(path: Path, must: str, blame: type[UserError]) -> Any:
    check_file(path)
    with blamed(path, must, blame):
        image = nib.load(path)
    if not isinstance(image, nib.Nifti1Pair):
        raise blame(path, must, type(image).__name__, _todo("name another image", blame))
    return image


def _grid(image: Any) -> Grid:
    return Grid(image.shape[:3], np.asarray(image.affine, dtype=np.float64))


def _todo(text: str, blame: type[UserError]) -> str:
    return f"{text}, or leave the scan out" if blame is UnusableScan else text
