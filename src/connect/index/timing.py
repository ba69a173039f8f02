"""How long an image is and how fast it was measured, from its JSON sidecar and its header."""

from __future__ import annotations

import itertools
import math
import re
import zlib
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import nibabel
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError

from connect.errors import UserError
from connect.layout import entities
from connect.tables import read_record

BOLD = re.compile(r"_desc-preproc_bold\.nii(\.gz)?$")
"""How fMRIPrep ends the name of a preprocessed image."""

SECONDS = {16: 1e-3, 24: 1e-6}
"""Codes of time units in a NIfTI header that are not seconds."""


class Timing(NamedTuple):
    """Number of volumes of an image, and its repetition time (s) in its JSON sidecar and in its header."""

    n_volumes: int
    sidecar: float | None
    header: float | None


def read_timing(fmriprep: Path, bold: str, files: Collection[str] = ()) -> Timing:
    """Return the length of an image and its repetition time (s), as its JSON sidecar and its header give it.

    Parameters
    ----------
    fmriprep
        fMRIPrep folder.
    bold
        Path of the image, relative to it.
    files
        Files of the folder; a JSON file above the image, such as ``task-rest_bold.json``, holds for it too (BIDS
        inheritance principle), the one nearest to it first.

    Raises
    ------
    UserError
        If the image cannot be read, is not 4-D, or neither file gives a repetition time.
    """
    n_volumes, header = _header(fmriprep / bold)
    sidecar = _sidecar_time(fmriprep, bold, files)
    if sidecar is None and header is None:
        todo = f"add `RepetitionTime` to {_sidecar(bold)}"
        raise UserError(fmriprep / bold, "a repetition time (s)", "none in the JSON sidecar nor in the header", todo)
    return Timing(n_volumes, sidecar, header)


def sidecars(bold: str, files: Iterable[str], beyond: Collection[str] = ()) -> Iterator[str]:
    """Yield the JSON files that hold for an image: in its folder or above, with a part of its entities, nearest first.

    Parameters
    ----------
    bold
        Path of the image, relative to the folder of the dataset; the image need not be there.
    files
        Files of that folder.
    beyond
        Entities that a JSON file may have though the image has not.
    """
    mine = entities(PurePosixPath(bold).name).items()
    fits = []
    for path in files:
        start = path.rfind("/") + 1
        if path.endswith("bold.json") and bold.startswith(path[:start]):
            theirs = {**entities(path[start:]), "extension": dict(mine)["extension"]}
            if {key: value for key, value in theirs.items() if key not in beyond}.items() <= mine:
                fits.append((-path.count("/"), -len(theirs), path))
    yield from (path for *_, path in sorted(fits))


def _header(path: Path) -> tuple[int, float | None]:
    try:
        image: Any = nibabel.load(path)
    except (OSError, EOFError, zlib.error, ImageFileError, HeaderDataError) as error:
        linked = path.is_symlink() and not path.exists()
        got = "a link to a file that is not there (content not fetched)" if linked else error
        raise UserError(path, "a readable NIfTI image", got, "fetch or write the file again") from error
    if len(image.shape) != 4:
        raise UserError(path, "a 4-D image", f"shape {image.shape}", "write the file again")
    step = float(image.header["pixdim"][4]) * SECONDS.get(int(image.header["xyzt_units"]) & 0x38, 1.0)
    return image.shape[3], float(f"{step:.6g}") if 0 < step < math.inf else None


def _sidecar(bold: str) -> str:
    return BOLD.sub("_desc-preproc_bold.json", bold)


def _sidecar_time(fmriprep: Path, bold: str, files: Collection[str]) -> float | None:
    own = [_sidecar(bold)] if _sidecar(bold) in files else []
    for path in itertools.chain(own, sidecars(bold, files)):
        value = read_record(fmriprep / path).get("RepetitionTime")
        if value is not None:
            if not isinstance(value, int | float) or not 0 < value < math.inf:
                must = "`RepetitionTime` as a number of seconds above 0"
                raise UserError(fmriprep / path, must, repr(value), "correct it")
            return float(value)
    return None
