"""NIfTI images: a mask or an atlas is read whole, a BOLD run volume by volume, so that it is never held whole."""

from __future__ import annotations

import csv
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

import nibabel as nib
import numpy as np
from isal import igzip, igzip_lib

from connect.errors import UnusableScan, UserError

_LONGEST = 200
"""Characters of what a library says of a broken file; a stray quote can put half of the file into it."""

_FLAT = 1e-4
"""Volume of a voxel over the product of its edges, 1 for a box, below which the axes do not span the space."""

_BROKEN: tuple[Any, ...] = (
    OSError,
    EOFError,
    ValueError,
    csv.Error,
    zlib.error,
    igzip_lib.IsalError,
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
class Run:
    """A 4-D image, such as a BOLD run, whose header has been read and whose volumes are read when they are asked for.

    Stored values become intensities by ``slope * value + inter``, which is left to the reader: a sum over many voxels
    needs it once.
    """

    path: Path
    grid: Grid
    n_volumes: int
    stored: np.dtype[Any]
    offset: int
    slope: float
    inter: float
    data_file: Path
    blame: type[UserError]

    def volumes(self) -> Iterator[np.ndarray]:
        """Read the run once from start to end, one volume at a time.

        Yields
        ------
        Stored values of all voxels of the grid, ``(n_voxels_of_the_grid,)``, in the byte order of the file.

        Raises
        ------
        UserError
            If the file is truncated or corrupt, or holds more volumes than its header says (``blame``); the message
            says at which volume and byte of the file.
        """
        n_bytes = int(np.prod(self.grid.shape)) * self.stored.itemsize
        with self.data_file.open("rb") as packed, _unpacked(packed) as file:
            with self._intact(packed, "in the header"):
                file.seek(self.offset)
            for n in range(self.n_volumes):
                with self._intact(packed, f"in volume {n + 1} of {self.n_volumes}"):
                    content = file.read(n_bytes)
                    if len(content) < n_bytes:
                        raise EOFError("the file ends")
                yield np.frombuffer(content, dtype=self.stored)
            with self._intact(packed, "after the last volume"):
                # The check sum of a gzip file stands at its end and is only tested when that is reached.
                left = 0
                while piece := file.read(1 << 20):
                    left += len(piece)
                if left >= n_bytes:
                    raise ValueError(f"{left // n_bytes} more, of which the header does not know")

    @contextmanager
    def _intact(self, packed: BinaryIO, place: str) -> Iterator[None]:
        def reached() -> str:
            size = self.data_file.stat().st_size
            return f"{place}, by byte {min(packed.tell(), size):,} of {size:,}: "

        with blamed(self.path, f"a complete image of {self.n_volumes} volumes", self.blame, reached):
            yield


def open_run(path: Path, blame: type[UserError]) -> Run:
    """Read the header of a 4-D image.

    Parameters
    ----------
    path
        The NIfTI image.
    blame
        What to raise: ``UnusableScan`` for a file of the scan, ``UserError`` for a choice.

    Raises
    ------
    UserError
        If the file is missing, or is no NIfTI image of numbers with three axes in space and a fourth, or its header
        does not say where its voxels are.
    """
    image = _open(path, "a 4-D NIfTI image", blame)
    data = image.dataobj
    file = Path(data.file_like)
    read = data.dtype.kind in "iuf" and file.suffix in (".nii", ".img", ".gz")
    if len(image.shape) != 4 or 0 in image.shape or not read:
        must, got = "a 4-D image of numbers, plain or gzip", f"shape {image.shape}, {data.dtype}, {file.name}"
        raise blame(path, must, got, _todo("name another image", blame))
    grid = _grid(image, path, blame)
    return Run(path, grid, image.shape[3], data.dtype, data.offset, data.slope, data.inter, file, blame)


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
    return _grid(image, path, blame), values.reshape(shape[:n_axes])


def read_grid(path: Path, blame: type[UserError]) -> Grid:
    """Read the grid of an image from its header.

    Raises
    ------
    UserError
        If the file is missing or no NIfTI image, or its header does not say where its voxels are (``blame``).
    """
    return _grid(_open(path, "a NIfTI image", blame), path, blame)


def check_grid(path: Path, own: Grid, grid: Grid) -> None:
    """Raise an UnusableScan unless a mask, whose grid is ``own``, has that of the BOLD image."""
    if not own.matches(grid):
        todo = "name the mask in the same space and resolution, or leave the scan out"
        raise UnusableScan(path, f"the grid of the BOLD image: {grid}", own, todo)


def check_file(path: Path) -> None:
    """Raise a UserError if a file is missing."""
    if not path.is_file():
        raise UserError(
            path, "a file", "a folder" if path.is_dir() else "no such file", "correct the path, or fetch the file"
        )


@contextmanager
def blamed(path: Path, must: str, blame: type[UserError], place: Callable[[], str] = str) -> Iterator[None]:
    """Turn what a broken file makes nibabel, gzip or zlib raise into an error of the user's or of the scan.

    Parameters
    ----------
    path
        The file.
    must
        What it must be.
    blame
        What to raise.
    place
        Says where in the file reading has come to.
    """
    try:
        yield
    except _BROKEN as error:
        # An error with a number comes from the operating system (disk, network), so the file may well be good.
        if getattr(error, "errno", None) is not None:
            raise
        told = " ".join(str(error).split()).replace(str(path), path.name)
        told = told if len(told) <= _LONGEST else told[:_LONGEST] + " ..."
        got = place() + (told or type(error).__name__)
        raise blame(path, must, got, _todo("fetch or copy the file again", blame)) from error


def _unpacked(packed: BinaryIO) -> AbstractContextManager[BinaryIO]:
    """Return the bytes of a file, unpacked by ISA-L (some two times faster than zlib) if it is a gzip file."""
    magic = packed.read(2)
    packed.seek(0)
    unpack: Any = igzip.open
    return cast("BinaryIO", unpack(packed)) if magic == b"\x1f\x8b" else packed


def _open(path: Path, must: str, blame: type[UserError]) -> Any:
    check_file(path)
    with blamed(path, must, blame, lambda: f"in the header of a file of {path.stat().st_size:,} bytes: "):
        image = nib.load(path)
    if not isinstance(image, nib.Nifti1Pair):
        raise blame(path, must, type(image).__name__, _todo("name another image", blame))
    return image


def _grid(image: Any, path: Path, blame: type[UserError]) -> Grid:
    grid = Grid(image.shape[:3], np.asarray(image.affine, dtype=np.float64))
    size = np.prod(grid.voxel_size)
    if not (np.isfinite(size) and np.isfinite(grid.affine).all() and abs(np.linalg.det(grid.affine)) > _FLAT * size):
        must, got = (
            "an affine of finite numbers that gives each voxel its own place",
            f"rows {grid.affine[:3].tolist()}",
        )
        raise blame(path, must, got, _todo("correct the header, or make the image again", blame))
    return grid


def _todo(text: str, blame: type[UserError]) -> str:
    return f"{text}, or leave the scan out" if blame is UnusableScan else text
