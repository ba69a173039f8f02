"""Denoise: from raw parcel series to series cleaned of confounds, slow drifts and censored volumes.

Each scan is cleaned by itself (:mod:`connect.denoise.clean`) and the scans are stacked one below the other
(:mod:`connect.denoise.stack`). A scan that cannot be used keeps its row, with the reason and without volumes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from connect.config import read
from connect.denoise.clean import clean, fd_dvars
from connect.denoise.confounds import read_confounds
from connect.denoise.stack import QUALITY, Denoised, Stack
from connect.errors import UnusableScan, UserError
from connect.layout import coverage_name, qc_name, series_name
from connect.progress import progress
from connect.scans import Scan, read_scans
from connect.settings.strategy import Strategy
from connect.tables import (
    array_written,
    matrix_written,
    read_columns,
    read_header,
    read_matrix,
    read_record,
    write_table,
)

_PARTS = {"where", "must", "got", "todo"}
"""Keys of the entry `unusable` of a quality record."""


def denoise(  # noqa: PLR0913 - one parameter for each file
    scans: Path,
    raw: Path,
    derivatives: Path,
    atlas: Path,
    strategy: Path,
    series: Path,
    volumes: Path,
    rows: Path,
    coverage: Path,
) -> None:
    """Clean the parcel series of every scan of a cohort with one strategy.

    Parameters
    ----------
    scans
        Scans table of the cohort.
    raw
        Folder that holds the raw series of each scan in a folder of its name, as the parcellate stage writes them.
    derivatives
        fMRIPrep folder, to which the paths of confounds tables are relative.
    atlas
        Atlas (YAML); its name chooses the series.
    strategy
        Denoising strategy (YAML).
    series
        Output: cleaned series of all scans, one below the other, in the order of the scans table (.npy).
    volumes
        Output: table that names the rows of the series: which volume of its scan each is.
    rows
        Output: table of scans with their rows in the series, what was removed and what is left.
    coverage
        Output: covered share of each parcel in each scan; a table of scans by parcels.
    """
    settings = read(Strategy, strategy)
    with array_written(series) as array, matrix_written(volumes) as kept, matrix_written(coverage) as matrix:
        together = Stack(array, kept, matrix, strategy.stem)
        listed = read_scans(scans)
        for scan in progress(listed, "scans denoised", len(listed)):
            try:
                one = _denoise_scan(scan, raw / scan.name, derivatives / scan.confounds, atlas.stem, settings)
            except UserError as error:
                where = f"scan {scan.name}, strategy {strategy.stem}: {error.where}"
                raise UserError(where, error.must, error.got, error.todo) from error
            together.add(one)
        table = together.table()
    write_table(rows, table)


def sentence(error: UserError) -> str:
    """Return on one line what is wrong with a scan and what to do about it, for a cell of a table."""
    told = f"unusable: {error.where}: {error.got} (must be {error.must}): {error.todo}"
    return " ".join(told.replace(";", ",").split())


def _denoise_scan(scan: Scan, folder: Path, confounds: Path, atlas: str, strategy: Strategy) -> Denoised:
    """Read and clean one scan; an unusable one comes back without arrays."""
    entries: dict[str, Any] = {"participant_id": scan.participant_id, "session_id": scan.session_id or None}
    entries |= {"run": scan.run or None, "scan": scan.name, "tr": scan.tr, "scanner": scan.scanner or None}
    quality = _quality(folder / qc_name(scan.name))
    entries |= {key: quality[key] for key in ("n_volumes", *QUALITY)}
    try:
        _check_usable(scan, quality)
        values, shares, parcels = _parcellated(folder, scan.name, atlas)
        entries["coverage"] = shares.mean()
        found = read_confounds(confounds, strategy, len(values))
        n_kept = int(found.kept.sum())
        entries |= {"n_kept": n_kept, "minutes": n_kept * scan.tr / 60}
        cleaned = clean(values, found.matrix, found.kept, scan.tr, strategy)
    except UnusableScan as error:
        return Denoised({**entries, "unusable": sentence(error)})
    entries |= {"tdof": cleaned.tdof, "n_confounds": cleaned.n_confounds}
    entries["fd_dvars"] = fd_dvars(cleaned.series, found.kept, found.fd)
    silent = np.isnan(cleaned.series).all(axis=0) & (shares > 0)
    return Denoised(
        entries,
        cleaned.series.astype(np.float32),
        np.where(silent, np.nan, shares),
        parcels,
        np.flatnonzero(found.kept),
    )


def _quality(path: Path) -> dict[str, Any]:
    """Return the quality record of a scan."""
    quality = read_record(path)
    absent = [key for key in ("n_volumes", *QUALITY, "unusable") if key not in quality]
    if absent:
        must, got = "a quality record of this version of connect", f"no {', '.join(absent)}"
        raise UserError(path, must, got, "parcellate the scan again")
    told = quality["unusable"]
    if told is not None and (not isinstance(told, dict) or set(told) != _PARTS):
        must, got = f"null, or the keys {', '.join(sorted(_PARTS))}", json.dumps(told)
        raise UserError(f"{path}, key unusable", must, got, "parcellate the scan again")
    return quality


def _check_usable(scan: Scan, quality: Mapping[str, Any]) -> None:
    if quality["unusable"]:
        raise UnusableScan(**quality["unusable"])
    if quality["n_volumes"] != scan.n_volumes:
        must = f"{scan.n_volumes} volumes, as the scans table says"
        todo = "check that the image is whole, and index the folder again"
        raise UnusableScan(scan.bold, must, f"{quality['n_volumes']} volumes", todo)


def _parcellated(folder: Path, scan: str, atlas: str) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Return raw series ``(n_volumes, n_parcels)``, coverage ``(n_parcels,)`` and names of the parcels."""
    path, beside = folder / series_name(scan, atlas), folder / coverage_name(scan, atlas)
    if not path.is_file():
        todo = "run the parcellate stage with this atlas"
        raise UserError(path, f"the raw series of the atlas {atlas}", "no such file", todo)
    values = read_matrix(path)
    coverage = read_columns(beside, ["coverage"])[:, 0]
    if len(coverage) != values.shape[1]:
        must = f"one row per column of {path.name} ({values.shape[1]})"
        raise UserError(beside, must, f"{len(coverage)} rows", "parcellate the scan again")
    return values, coverage, tuple(read_header(path))
