"""Atlases as they are stored: the parcels table, which names the parcels, and the image, which must agree with it."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from connect.config import read
from connect.errors import UserError
from connect.parcellate.images import Grid, blamed, check_file, open_run, read_image
from connect.scans import check_columns
from connect.settings.atlas import Atlas


@dataclass(frozen=True)
class Parcel:
    """A row of a parcels table; ``sphere`` is ``(x, y, z, radius)`` in mm in an atlas of spheres, else empty."""

    index: int
    name: str
    sphere: tuple[float, ...] = ()


@dataclass(frozen=True)
class Parcellation:
    """An atlas with its name (the stem of its YAML) and its parcels in the order of their table."""

    name: str
    atlas: Atlas
    parcels: tuple[Parcel, ...]

    @property
    def indices(self) -> np.ndarray:
        """Index of each parcel, ``(n_parcels,)``."""
        return np.array([parcel.index for parcel in self.parcels])


def read_parcellation(path: Path, space: str) -> Parcellation:
    """Read an atlas and its parcels table.

    Parameters
    ----------
    path
        The YAML file.
    space
        Space of the scan, without ``space-``; empty if its name has none.

    Raises
    ------
    UserError
        If a file is missing or wrong, or the atlas is not in the space of the scan.
    """
    atlas = read(Atlas, path)
    if space not in atlas.spaces:
        got = f"a scan in the space `{space}`" if space else "a scan without `space-` in its file name"
        todo = "choose an atlas in the space of the scans, or index the scans in a space of the atlas"
        raise UserError(f"{path}, key spaces", f"a scan in {' or '.join(atlas.spaces)}", got, todo)
    for file in (atlas.parcels, atlas.image):
        if file is not None:
            check_file(file)
    return Parcellation(path.stem, atlas, read_parcels(atlas.parcels, spheres=atlas.kind == "spheres"))


def read_parcels(path: Path, *, spheres: bool) -> tuple[Parcel, ...]:
    """Read a parcels table; coordinates are only read for spheres.

    Raises
    ------
    UserError
        If a column is missing, a value is no number, or an index or a name stands twice.
    """
    geometry = ("x", "y", "z", "radius") if spheres else ("x", "y", "z")
    with path.open(encoding="utf-8", newline="") as file, blamed(path, "a tab-separated table", UserError):
        reader = csv.DictReader(file, delimiter="\t")
        rows = list(reader)
        check_columns(path, reader.fieldnames or (), ("index", "name", "network", "region", *geometry))
    if not rows:
        raise UserError(path, "at least one parcel", "no rows", "add the parcels")
    wanted = geometry if spheres else ()
    parcels = tuple(_parcel(f"{path}, line {line}", row, wanted) for line, row in enumerate(rows, start=2))
    _check_once(path, "index", [str(parcel.index) for parcel in parcels])
    _check_once(path, "name", [parcel.name for parcel in parcels])
    return parcels


def read_labels(parcellation: Parcellation) -> tuple[Grid, np.ndarray]:
    """Read the image of an atlas of labels.

    Returns
    -------
    grid, image
        The grid of the image and its labels, integers ``(n_x, n_y, n_z)``.

    Raises
    ------
    UserError
        If the image is broken, has labels that are no whole numbers, or labels that the parcels table lacks.
    """
    path = _image(parcellation)
    grid, values = read_image(path, 3, UserError)
    if values.dtype.kind in "iu":
        image = values.astype(np.int64)
    else:
        values = np.nan_to_num(values.astype(np.float64), posinf=0, neginf=0)
        whole = np.rint(values)
        # A slope in the header is a 4-byte number, so that labels that were scaled come back nearly whole.
        wrong = np.abs(values - whole) > 1e-3
        if wrong.any():
            todo = "store the labels as integers, or set `kind: maps`"
            raise UserError(path, "whole numbers", f"{values[wrong][0]:.6g}", todo)
        image = whole.astype(np.int64)
    _check_known(path, np.unique(image[image != 0]), parcellation.indices)
    return grid, image


def read_maps(parcellation: Parcellation) -> Iterator[tuple[Grid, np.ndarray]]:
    """Read the image of an atlas of maps, one map at a time.

    Yields
    ------
    The grid of the image and the weights of a parcel ``(n_x, n_y, n_z)``, in the order of the image, which is that of
    the indices.

    Raises
    ------
    UserError
        If the image is broken, or image and parcels table do not have the same maps.
    """
    path, indices = _image(parcellation), parcellation.indices
    image = open_run(path, UserError)
    _check_known(path, np.arange(1, image.n_volumes + 1), indices)
    if indices.max() > image.n_volumes:
        got = f"index {indices.max()}, but {image.n_volumes} maps"
        raise UserError(
            parcellation.atlas.parcels, "indices that count the maps from 1", got, "correct the table or the image"
        )
    for volume in image.volumes():
        weights = volume * np.float64(image.slope) + image.inter
        weights[~np.isfinite(weights)] = 0
        yield image.grid, weights.reshape(image.grid.shape, order="F")


def _image(parcellation: Parcellation) -> Path:
    assert parcellation.atlas.image is not None  # Atlas requires one of labels and maps
    return parcellation.atlas.image


def _parcel(where: str, row: Mapping[str, str | None], geometry: Sequence[str]) -> Parcel:
    name = row["name"] or ""
    if not name.strip():
        raise UserError(where, "a parcel with a name", "an empty cell", "name the parcel")
    try:
        index = int(row["index"] or "")
        sphere = tuple(float(row[column] or "") for column in geometry)
    except ValueError as error:
        must = "a whole number as index" + (" and numbers (mm) as " + ", ".join(geometry) if geometry else "")
        got = ", ".join(f"{column} `{row[column] or ''}`" for column in ("index", *geometry))
        raise UserError(where, must, got, "correct the row") from error
    if index < 1 or not all(map(math.isfinite, sphere)) or (sphere and sphere[-1] < 0):
        must = "an index of 1 or more (0 is the background) and finite coordinates"
        raise UserError(where, must, f"index {index} {sphere or ''}".strip(), "correct the row")
    return Parcel(index, name, sphere)


def _check_once(path: Path, column: str, values: Sequence[str]) -> None:
    doubles = sorted({value for value in values if values.count(value) > 1})
    if doubles:
        todo = "give each parcel its own, since results go by it"
        raise UserError(f"{path}, column {column}", "each value once", f"{', '.join(doubles[:5])} twice", todo)


def _check_known(path: Path, present: np.ndarray, indices: np.ndarray) -> None:
    unknown = np.setdiff1d(present, indices)
    if unknown.size:
        listed = ", ".join(map(str, unknown[:5])) + (", ..." if unknown.size > 5 else "")
        todo = "add them to the parcels table, or remove them from the image"
        if unknown.min() < 0:
            todo = "store the labels as int16: as int8, those above 127 turn negative"
        must = "an image whose parcels all have a row in the parcels table"
        raise UserError(path, must, f"{unknown.size} without a row: {listed}", todo)
