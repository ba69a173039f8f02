"""Reduce a BOLD run to one mean series per parcel, for every atlas in one pass over the image.

Labels and spheres give the mean over the voxels of a parcel, maps the least-squares fit of all maps to each volume.
Only voxels that have data count: voxels in the brain mask whose values are finite in every volume and not zero in all
of them. A voxel that is missing in some volumes is left out of all, since the mean over a changing set of voxels would
jump; a voxel that is always zero lies outside the field of view. The share of a parcel that has data is its coverage.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from connect.errors import UnusableScan, UserError
from connect.layout import bids_label, coverage_name, entities, qc_name, series_name
from connect.parcellate.atlases import Parcellation, read_parcellation
from connect.parcellate.grids import Weights, put_on_grid
from connect.parcellate.images import Grid, blamed, check_file, open_bold, read_image
from connect.scans import MISSING, check_columns
from connect.tables import write_matrix, write_record, written

_METHODS = {
    "labels": "mean over the voxels of the label in the brain mask that have data",
    "spheres": "mean over the voxels in the brain mask that have data and whose centre is within the radius",
    "maps": "least-squares fit of all maps to the voxels in the brain mask that have data",
}


@dataclass(frozen=True, eq=False)
class Reduced:
    """A run in the parcels of an atlas: series ``(n_volumes, n_parcels)``, and per parcel what is behind them."""

    series: np.ndarray
    coverage: np.ndarray
    n_voxels: np.ndarray


@dataclass(frozen=True)
class Quality:
    """Quality of a run: framewise displacement in mm, voxel size in mm, and why it cannot be used, if so."""

    n_volumes: int | None = None
    mean_fd: float | None = None
    max_fd: float | None = None
    voxel_size: list[float] | None = None
    unusable: dict[str, str] | None = None


def parcellate(
    bold: Path,
    mask: Path,
    confounds: Path,
    atlases: Sequence[Path],
    series: Path,
    on_unusable: Literal["stop", "record"] = "stop",
) -> None:
    """Reduce a BOLD run to parcel series, their coverage, and a quality record.

    Parameters
    ----------
    bold
        Preprocessed BOLD image (4-D NIfTI) with `space-` in its name.
    mask
        Brain mask on the same grid.
    confounds
        fMRIPrep's confounds table of the run, for framewise displacement (mm).
    atlases
        Atlas files (YAML).
    series
        Folder to write, named like the scan: for each atlas the series and the coverage, and one quality record.
    on_unusable
        `stop`: a scan that cannot be used is an error; `record`: it is written to the quality record and the command
        succeeds.

    Raises
    ------
    UserError
        If a choice is wrong: a missing file, an atlas in another space, a parcels table that does not fit its image.
    UnusableScan
        If the data of the scan are bad and `on_unusable` is `stop`.
    """
    for path in (bold, mask, confounds):
        check_file(path)
    chosen = _read_atlases(atlases, entities(bold.name).get("space", ""))
    with written(series) as folder:
        folder.mkdir()
        try:
            results, quality = _reduce_scan(bold, mask, confounds, chosen)
        except UnusableScan as error:
            if on_unusable == "stop":
                raise
            results, quality = [], Quality(unusable=error.parts())
        for parcellation, result in results:
            _write_atlas(folder, series.name, bold.name, parcellation, result)
        write_record(folder / qc_name(series.name), vars(quality))


def extract(
    blocks: Callable[[], Iterable[np.ndarray]], weights: Sequence[Weights], zero: float = 0.0
) -> tuple[list[Reduced], np.ndarray]:
    """Reduce a run to the parcels of every atlas.

    Parameters
    ----------
    blocks
        Gives the run from its start, in blocks ``(n_volumes of the block, n_voxels)`` of the voxels in the mask. It is
        called once, and again only if voxels are missing in some volumes but not in all.
    weights
        The atlases.
    zero
        Largest absolute value that means zero.

    Returns
    -------
    results, data
        The run in each atlas, and which voxels of the mask have data, ``(n_voxels,)``.
    """
    sums, data, whole = reduce(blocks(), weights, zero)
    if (data & ~whole).any():
        sums, data, _ = reduce(_without(blocks(), ~whole), weights, zero)
    pairs = zip(weights, sums, strict=True)
    return [Reduced(atlas.series(total, data), atlas.coverage(data), atlas.n_voxels) for atlas, total in pairs], data


def reduce(
    blocks: Iterable[np.ndarray], weights: Sequence[Weights], zero: float
) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    """Sum a run over the parcels of every atlas in one pass, in float64, with missing values as 0.

    Returns
    -------
    sums, signal, whole
        Sums of each atlas, ``(n_volumes, n_parcels)``; which voxels have a finite value other than zero in any volume,
        and which are finite in every volume, ``(n_voxels,)`` each.
    """
    sums: list[list[np.ndarray]] = [[] for _ in weights]
    signal, whole = np.array(False), np.array(True)
    for block in blocks:
        finite = np.isfinite(block)
        values = np.where(finite, block, 0.0)
        signal = signal | (np.abs(values) > zero).any(axis=0)
        whole = whole & finite.all(axis=0)
        for atlas, parts in zip(weights, sums, strict=True):
            parts.append(atlas.sums(values))
    return [np.concatenate(parts) for parts in sums], signal, whole


def _without(blocks: Iterable[np.ndarray], voxels: np.ndarray) -> Iterator[np.ndarray]:
    for block in blocks:
        block[:, voxels] = np.nan
        yield block


def _reduce_scan(
    bold: Path, mask: Path, confounds: Path, chosen: Sequence[Parcellation]
) -> tuple[list[tuple[Parcellation, Reduced]], Quality]:
    run = open_bold(bold)
    motion = _read_motion(confounds, run.n_volumes)
    inside = _read_mask(mask, run.grid)
    weights = [put_on_grid(parcellation, run.grid, inside) for parcellation in chosen]
    voxels = np.flatnonzero(inside.ravel(order="F"))
    results, data = extract(lambda: run.blocks(voxels), weights, run.zero)
    if not data.any():
        must = "voxels in the mask with finite values in every volume, not all zero"
        raise UnusableScan(bold, must, f"none of {voxels.size}", "fetch or make the image again, or leave the scan out")
    known = motion[np.isfinite(motion)]
    quality = Quality(
        n_volumes=run.n_volumes,
        mean_fd=float(known.mean()) if known.size else None,
        max_fd=float(known.max()) if known.size else None,
        voxel_size=[round(length, 6) for length in run.grid.voxel_size.tolist()],
    )
    return list(zip(chosen, results, strict=True)), quality


def _read_atlases(paths: Sequence[Path], space: str) -> list[Parcellation]:
    labels = [bids_label(path.stem) for path in paths]
    if len(set(labels)) < len(labels):
        must = "atlases whose names differ in letters and digits"
        raise UserError("flag --atlases", must, ", ".join(path.stem for path in paths), "rename an atlas")
    return [read_parcellation(path, space) for path in paths]


def _read_mask(path: Path, grid: Grid) -> np.ndarray:
    own, values = read_image(path, 3, UnusableScan)
    if not own.matches(grid):
        todo = "name the mask in the same space and resolution, or leave the scan out"
        raise UnusableScan(path, f"the grid of the BOLD image: {grid}", own, todo)
    inside: np.ndarray = np.isfinite(values) & (values != 0)
    if not inside.any():
        raise UnusableScan(path, "a mask with voxels in it", "an empty mask", "look at the report of fMRIPrep")
    return inside


def _read_motion(path: Path, n_volumes: int) -> np.ndarray:
    column = "framewise_displacement"
    with path.open(encoding="utf-8", newline="") as file, blamed(path, f"numbers in `{column}`", UnusableScan):
        reader = csv.DictReader(file, delimiter="\t")
        check_columns(path, reader.fieldnames or (), (column,))
        cells = [row[column] or MISSING for row in reader]
        motion = np.array([np.nan if cell == MISSING else float(cell) for cell in cells])
    if len(motion) != n_volumes:
        todo = "check that the table belongs to the scan, or leave the scan out"
        raise UnusableScan(path, f"{n_volumes} rows, one per volume", f"{len(motion)} rows", todo)
    return motion


def _write_atlas(folder: Path, scan: str, bold: str, parcellation: Parcellation, result: Reduced) -> None:
    atlas, name, parcels = parcellation.atlas, parcellation.name, parcellation.parcels
    write_matrix(folder / series_name(scan, name), result.series, [parcel.name for parcel in parcels])
    sidecar = {
        "Description": "One column per parcel of the atlas, one row per volume; n/a: no voxel with data",
        "Units": "arbitrary, as in the image",
        "Sources": [bold],
        "Atlas": atlas.title,
        "Method": _METHODS[atlas.kind],
    }
    write_record(folder / series_name(scan, name, ".json"), sidecar)
    with (folder / coverage_name(scan, name)).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n")
        writer.writerow(("index", "name", "coverage", "n_voxels"))
        counts = zip(result.coverage.tolist(), result.n_voxels.tolist(), strict=True)
        writer.writerows((parcel.index, parcel.name, *row) for parcel, row in zip(parcels, counts, strict=True))
