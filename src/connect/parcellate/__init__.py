"""Reduce a BOLD run to one mean series per parcel, for every atlas in one pass over the image.

Labels and spheres give the mean over the voxels of a parcel, maps the least-squares fit of all maps to each volume.
Only voxels that have data count: voxels in the brain mask whose values are finite in every volume and not zero in all
of them. A voxel that is missing in some volumes is left out of all, since the mean over a changing set of voxels would
jump; a voxel that is always zero lies outside the field of view. The share of a parcel that has data is its coverage.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from connect.errors import UnusableScan, UserError
from connect.layout import bids_label, carpet_name, coverage_name, entities, qc_name, qc_series_name, series_name
from connect.parcellate.atlases import Parcellation, read_parcellation
from connect.parcellate.grids import put_on_grid
from connect.parcellate.images import Grid, blamed, check_file, check_grid, open_run, read_image
from connect.parcellate.quality import Scale, Voxels
from connect.parcellate.reduction import Reduced, extract
from connect.parcellate.weights import in_order
from connect.progress import progress
from connect.scans import MISSING, check_columns
from connect.tables import write_matrix, write_record, written

_METHODS = {
    "labels": "mean over the voxels of the label in the brain mask that have data",
    "spheres": "mean over the voxels in the brain mask that have data and whose centre is within the radius",
    "maps": "least-squares fit of all maps to the voxels in the brain mask that have data",
}

QUALITY = (
    *("n_volumes", "mean_fd", "max_fd", "fd_above_02", "fd_above_05", "mean_dvars", "max_std_dvars", "tsnr"),
    "voxel_size",
)
"""Keys of the quality record beside `unusable`: FD and voxel size in mm, shares of volumes above 0.2 and 0.5 mm, DVARS
in units of the image, the median tSNR of the voxels in the brain. They are null for an unusable scan."""

_STEADY = "non_steady_state_outlier"
_MOTION = "framewise_displacement"


@dataclass(frozen=True, eq=False)
class _Found:
    """What a scan gives: its parcels in every atlas, its voxels, FD (mm) and steadiness of volumes, voxel size (mm)."""

    results: list[Reduced]
    described: Voxels
    fd: np.ndarray
    steady: np.ndarray
    voxel_size: list[float]


def parcellate(
    bold: Path,
    mask: Path,
    confounds: Path,
    atlases: Sequence[Path],
    series: Path,
    on_unusable: Literal["stop", "record"] = "stop",
    cache: Path | None = None,
) -> None:
    """Reduce a BOLD run to parcel series, their coverage, and its quality.

    Parameters
    ----------
    bold
        Preprocessed BOLD image (4-D NIfTI) with `space-` in its name.
    mask
        Brain mask on the same grid.
    confounds
        fMRIPrep's confounds table of the run, for framewise displacement (mm) and the volumes before the steady state.
    atlases
        Atlas files (YAML).
    series
        Folder to write, named like the scan: for each atlas the series and the coverage, and the quality of the scan.
    on_unusable
        `stop`: a scan that cannot be used is an error; `record`: it is written to the quality record and the command
        succeeds.
    cache
        Folder in which smoothed atlases are kept for the next scan on the same grid; nothing is kept without it.

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
        record: dict[str, Any] = dict.fromkeys(QUALITY)
        try:
            found = _reduce_scan(bold, mask, confounds, chosen, cache)
        except UnusableScan as error:
            if on_unusable == "stop":
                raise
            record["unusable"] = error.parts()
        else:
            for parcellation, result in zip(chosen, found.results, strict=True):
                _write_atlas(folder, series.name, bold.name, parcellation, result)
            _write_quality(folder, series.name, found)
            record |= {
                **summary(found.described, found.fd, found.steady),
                "voxel_size": found.voxel_size,
                "unusable": None,
            }
        write_record(folder / qc_name(series.name), record)


def summary(described: Voxels, fd: np.ndarray, steady: np.ndarray) -> dict[str, Any]:
    """Return the quality of a run in numbers, those of :data:`QUALITY` but the voxel size; None where unknown.

    Parameters
    ----------
    described
        What its voxels tell.
    fd
        Framewise displacement, mm, ``(n_volumes,)``; NaN where unknown, as in the first volume.
    steady
        Which volumes were taken in the steady state, ``(n_volumes,)``; DVARS is that between two of them.
    """
    within = steady[1:] & steady[:-1]
    known, change = fd[np.isfinite(fd)], described.dvars[1:][within]
    found = {
        "mean_fd": known.mean() if known.size else np.nan,
        "max_fd": known.max(initial=-np.inf),
        "fd_above_02": (known > 0.2).mean() if known.size else np.nan,
        "fd_above_05": (known > 0.5).mean() if known.size else np.nan,
        "mean_dvars": change.mean() if change.size else np.nan,
        "max_std_dvars": described.std_dvars[1:][within].max(initial=-np.inf),
        "tsnr": np.median(described.tsnr[np.isfinite(described.tsnr)]) if np.isfinite(described.tsnr).any() else np.nan,
    }
    return {"n_volumes": len(fd)} | {key: float(value) if np.isfinite(value) else None for key, value in found.items()}


def _reduce_scan(bold: Path, mask: Path, confounds: Path, chosen: Sequence[Parcellation], cache: Path | None) -> _Found:
    run = open_run(bold, UnusableScan)
    fd, steady = _read_motion(confounds, run.n_volumes)
    inside = _read_mask(mask, run.grid)
    weights = [put_on_grid(parcellation, run.grid, inside, cache) for parcellation in chosen]
    voxels, weights = in_order(np.flatnonzero(inside.ravel(order="F")), weights)
    scale = Scale(run.slope, run.inter, run.stored.kind in "iu")
    results, described = extract(
        lambda: progress(run.volumes(), "volumes", run.n_volumes), voxels, weights, scale, steady
    )
    if not described.data.any():
        must = "voxels in the mask with finite values in every volume, not all zero"
        raise UnusableScan(bold, must, f"none of {len(voxels)}", "fetch or make the image again, or leave the scan out")
    return _Found(results, described, fd, steady, [round(length, 6) for length in run.grid.voxel_size.tolist()])


def _read_atlases(paths: Sequence[Path], space: str) -> list[Parcellation]:
    labels = [bids_label(path.stem) for path in paths]
    if len(set(labels)) < len(labels):
        must = "atlases whose names differ in letters and digits"
        raise UserError("flag --atlases", must, ", ".join(path.stem for path in paths), "rename an atlas")
    return [read_parcellation(path, space) for path in paths]


def _read_mask(path: Path, grid: Grid) -> np.ndarray:
    own, values = read_image(path, 3, UnusableScan)
    check_grid(path, own, grid)
    inside: np.ndarray = np.isfinite(values) & (values != 0)
    if not inside.any():
        raise UnusableScan(path, "a mask with voxels in it", "an empty mask", "look at the report of fMRIPrep")
    return inside


def _read_motion(path: Path, n_volumes: int) -> tuple[np.ndarray, np.ndarray]:
    """Return framewise displacement (mm) and which volumes are in the steady state, ``(n_volumes,)`` each."""
    with path.open(encoding="utf-8", newline="") as file, blamed(path, "a tab-separated table", UnusableScan):
        reader = csv.DictReader(file, delimiter="\t")
        columns = reader.fieldnames or ()
        flags = [column for column in columns if column.startswith(_STEADY)]
        rows = [(reader.line_num, row.get(_MOTION), [row[flag] for flag in flags]) for row in reader]
    if rows:
        check_columns(path, columns, (_MOTION,))
    if len(rows) != n_volumes:
        todo = "check that the table belongs to the scan, or leave the scan out"
        got = f"{len(rows)} rows" if columns else "no columns, the file is empty"
        raise UnusableScan(path, f"{n_volumes} rows, one per volume", got, todo)
    with blamed(path, f"numbers in `{_MOTION}` and `{_STEADY}*`", UnusableScan):
        fd = [_number(cell) for _, cell, _ in rows]
        steady = [not any(_number(mark) > 0 for mark in marks) for _, _, marks in rows]
    for (line, *_), value in zip(rows, fd, strict=True):
        if value < 0 or np.isinf(value):
            must, todo = "a displacement of 0 mm or more, or n/a", "run fMRIPrep again, or leave the scan out"
            raise UnusableScan(f"{path}, line {line}, column {_MOTION}", must, f"{value:g}", todo)
    return np.array(fd), np.array(steady)


def _number(cell: str | None) -> float:
    return float("nan") if cell in (None, "", MISSING) else float(cell)


def _write_quality(folder: Path, scan: str, found: _Found) -> None:
    columns = {_MOTION: found.fd, "dvars": found.described.dvars, "std_dvars": found.described.std_dvars}
    write_matrix(folder / qc_series_name(scan), np.column_stack(list(columns.values())), list(columns))
    carpet = np.round(found.described.carpet, 2)
    write_matrix(folder / carpet_name(scan), carpet, [f"voxel{n + 1}" for n in range(carpet.shape[1])])


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
        writer.writerow(("index", "name", "coverage", "n_voxels", "tsnr"))
        tsnr = [MISSING if np.isnan(value) else f"{value:.6g}" for value in result.tsnr]
        found = zip(result.coverage.tolist(), result.n_voxels.tolist(), tsnr, strict=True)
        writer.writerows((parcel.index, parcel.name, *row) for parcel, row in zip(parcels, found, strict=True))
