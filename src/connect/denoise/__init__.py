"""Denoise: from raw parcel series to series cleaned of confounds, slow drifts and censored volumes.

Each scan is cleaned by itself (:mod:`connect.denoise.clean`) and the scans are stacked one below the other. A scan
that cannot be used keeps its row, with the reason and without volumes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from connect.config import read
from connect.denoise.clean import clean, fd_dvars
from connect.denoise.confounds import read_confounds
from connect.errors import UnusableScan, UserError
from connect.layout import coverage_name, qc_name, series_name
from connect.scans import Scan, read_scans
from connect.settings.strategy import Strategy
from connect.tables import (
    read_columns,
    read_header,
    read_matrix,
    read_record,
    write_array,
    write_matrix,
    write_table,
)

QUALITY = ("mean_fd", "max_fd", "fd_above_02", "fd_above_05", "mean_dvars", "max_std_dvars", "tsnr")
"""Numbers that are passed on from the quality record of the parcellate stage."""

ROWS = (
    *("participant_id", "session_id", "run", "scan", "start", "stop", "n_volumes", "n_kept", "minutes", "tdof"),
    *("n_confounds", *QUALITY, "coverage", "fd_dvars", "tr", "scanner", "unusable"),
)
"""Columns of the table of rows.

`start` and `stop` are the scan's range in the stacked series, equal if it has none; `minutes` are left after censoring,
`tdof` after denoising; FD is in mm before censoring, and `fd_above_02` and `fd_above_05` are the shares of volumes with
more than 0.2 and 0.5 mm; `coverage` is the mean over parcels; `fd_dvars` is how much of the motion is left
(:func:`connect.denoise.clean.fd_dvars`); `tr` is in s; `unusable` says why.
"""

_PARTS = {"where", "must", "got", "todo"}
"""Keys of the entry `unusable` of a quality record."""


@dataclass(frozen=True)
class Denoised:
    """One scan: its entries of the table of rows, and arrays unless it is unusable.

    Attributes
    ----------
    entries
        Columns of :data:`ROWS` as far as they are known.
    series
        Cleaned series ``(n_kept, n_parcels)``, float32.
    coverage
        Covered share of each parcel ``(n_parcels,)``; NaN where cleaning leaves no signal of a covered parcel.
    parcels
        Names of the parcels.
    """

    entries: dict[str, Any]
    series: np.ndarray | None = None
    coverage: np.ndarray | None = None
    parcels: tuple[str, ...] = ()


def denoise(
    scans: Path, raw: Path, derivatives: Path, atlas: Path, strategy: Path, series: Path, rows: Path, coverage: Path
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
    rows
        Output: table of scans with their rows in the series, what was removed and what is left.
    coverage
        Output: covered share of each parcel in each scan; a table of scans by parcels.
    """
    settings = read(Strategy, strategy)
    done: list[Denoised] = []
    for scan in read_scans(scans):
        try:
            done.append(_denoise_scan(scan, raw / scan.name, derivatives / scan.confounds, atlas.stem, settings))
        except UserError as error:
            where = f"scan {scan.name}, strategy {strategy.stem}: {error.where}"
            raise UserError(where, error.must, error.got, error.todo) from error
    stacked, table, shares, parcels = stack(done, strategy.stem)
    write_array(series, stacked)
    write_table(rows, table)
    write_matrix(coverage, shares, parcels)


def stack(scans: Sequence[Denoised], strategy: str) -> tuple[np.ndarray, pd.DataFrame, np.ndarray, tuple[str, ...]]:
    """Put scans one below the other.

    Parameters
    ----------
    scans
        The scans, in the order of the scans table.
    strategy
        Name of the strategy, for error messages.

    Returns
    -------
    series : numpy.ndarray
        ``(n_kept of all scans, n_parcels)``, float32.
    rows : pandas.DataFrame
        One row per scan with the columns :data:`ROWS`.
    coverage : numpy.ndarray
        ``(n_scans, n_parcels)``; NaN for unusable scans.
    parcels : tuple of str
        Names of the parcels.

    Raises
    ------
    UserError
        If no scan is usable, or the parcels are not the same in all.
    """
    parcels = _common_parcels(scans, strategy)
    missing = np.full(len(parcels), np.nan)
    coverage = np.stack([missing if scan.coverage is None else scan.coverage for scan in scans])
    stops = np.cumsum([0 if scan.series is None else len(scan.series) for scan in scans]).tolist()
    ranges = zip([0, *stops], stops, scans, strict=False)
    entries = [{**scan.entries, "start": start, "stop": stop} for start, stop, scan in ranges]
    rows = pd.DataFrame(entries, columns=list(ROWS))
    return np.concatenate([scan.series for scan in scans if scan.series is not None]), rows, coverage, parcels


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
    return Denoised(entries, cleaned.series.astype(np.float32), np.where(silent, np.nan, shares), parcels)


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


def _common_parcels(scans: Sequence[Denoised], strategy: str) -> tuple[str, ...]:
    usable = [scan for scan in scans if scan.series is not None]
    if not usable:
        # A scan whose kept volumes were counted is whole in itself: the strategy leaves too little of it.
        spent = [scan for scan in scans if "n_kept" in scan.entries]
        where, todo = "scans table", "mend the scans, or leave the cohort out"
        if spent:
            where, todo = f"strategy {strategy}", "censor less, regress fewer confounds out, or leave the strategy out"
        got = f"all {len(scans)} unusable; the first is {(spent or scans)[0].entries['unusable']}"
        raise UserError(where, "at least one usable scan", got, todo)
    first = usable[0]
    for scan in usable:
        if scan.parcels != first.parcels:
            where, must = scan.entries["scan"], f"the parcels of {first.entries['scan']} ({len(first.parcels)})"
            raise UserError(where, must, f"{len(scan.parcels)} parcels, or others", "parcellate both scans again")
    return first.parcels
