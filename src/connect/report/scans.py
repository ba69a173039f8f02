"""A page per scan inside the report: kept or not and why, its numbers beside their limits, and its picture."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from connect.report.numbers import fixed
from connect.report.quality import SCAN_COLUMNS, scan_value
from connect.report.sections import rows
from connect.settings.cohort import Limits

MOST_SCANS = 1000
"""Scans that have a page of their own; of more, those that were excluded and those with most motion."""

CARPETS = 4_000_000
"""Characters of the page that pictures of scans may take."""

_OF_DENOISING = ("n_volumes", "n_kept", "minutes", "tdof", "n_confounds")


@dataclass(frozen=True)
class Measured:
    """A number of a scan as text, the limit for it in words, and whether it is within."""

    what: str
    value: str
    limit: str
    within: bool


@dataclass(frozen=True)
class ScanPage:
    """A scan: the name of its page, its row in the table of scans, and what is shown of it.

    Parameters
    ----------
    name
        Name of the page, unique on it.
    row
        Row of the table of scans.
    measured
        Numbers of the scan beside their limits.
    removed
        What denoising took away and left, in words.
    lost
        Missing parcels with their coverage, None where no signal was left.
    picture
        The picture as a data URI; empty if there is none.
    left_out
        Whether there is a picture that the page has no room for.
    """

    name: str
    row: Mapping[str, Any]
    measured: tuple[Measured, ...]
    removed: str
    lost: Sequence[tuple[str, float | None]]
    picture: str
    left_out: bool


def names(scans: pd.DataFrame) -> dict[str, str]:
    """Return for each scan the name of its page: participant, session and run, or all if these are not enough."""
    short = {
        row["scan"]: "_".join(str(row[key]) for key in ("participant_id", "session_id", "run") if row[key] is not None)
        for row in rows(scans)
    }
    often = Counter(short.values())
    return {scan: f"scan-{name if often[name] == 1 else scan}" for scan, name in short.items()}


def occasion(row: Mapping[str, Any]) -> str:
    """Return session and run of a scan, in words."""
    run = "" if row["run"] is None else f"run {row['run']}"
    return " ".join(part for part in (row["session_id"], run) if part) or "only scan"


def worst_first(scans: pd.DataFrame) -> list[str]:
    """Return scans, the excluded ones first, then by mean FD, the most first; unknown FD counts as the most."""
    ordered = scans.assign(fine=scans["kept"] == "yes", moved=-scans["mean_fd"])
    return list(ordered.sort_values(["fine", "moved"], kind="stable", na_position="first")["scan"])


def scan_pages(
    scans: pd.DataFrame, lost: pd.DataFrame, n_parcels: int, limits: Limits, carpets: Mapping[str, str]
) -> list[ScanPage]:
    """Return the pages of scans in the order of their table.

    Parameters
    ----------
    scans
        Table of scans from the screen stage.
    lost
        Table of missing parcels.
    n_parcels
        Parcels of the atlas.
    limits
        Limits of the cohort.
    carpets
        Pictures as data URIs, by scan.
    """
    worst = worst_first(scans)
    shown, room = set(worst[:MOST_SCANS]), CARPETS
    pictures: dict[str, str] = {}
    for scan in worst[:MOST_SCANS]:
        size = len(carpets.get(scan, ""))
        if size <= room:
            pictures[scan] = carpets.get(scan, "")
            room -= size
    gone = {str(scan): group for scan, group in lost.groupby("scan", sort=False)}
    named = names(scans)
    pages = []
    for row in rows(scans[scans["scan"].isin(shown)]):
        missing = rows(gone[row["scan"]]) if row["scan"] in gone else []
        pages.append(
            ScanPage(
                named[row["scan"]],
                row,
                _measured(row, len(missing), n_parcels, limits),
                _removed(row),
                [(one["parcel"], one["coverage"]) for one in missing],
                pictures.get(row["scan"], ""),
                row["scan"] in carpets and row["scan"] not in pictures,
            )
        )
    return pages


def _measured(row: Mapping[str, Any], n_lost: int, n_parcels: int, limits: Limits) -> tuple[Measured, ...]:
    share = 100 * n_lost / n_parcels
    bounds: dict[str, tuple[str, bool]] = {}
    if row["mean_fd"] is not None:
        bounds["mean_fd"] = (f"at most {limits.mean_fd:g}", row["mean_fd"] <= limits.mean_fd)
    for key, least in (("minutes", limits.minutes), ("tdof", limits.tdof)):
        if row[key] is not None:
            bounds[key] = (f"at least {least:g}", row[key] >= least)
    found = [
        Measured(heading, scan_value(row, key), *bounds.get(key, ("", True))) for key, heading in SCAN_COLUMNS.items()
    ]
    most = f"at most {100 * limits.parcels_missing:g}"
    return (*found, Measured("Parcels missing, %", fixed(share, 1), most, share <= 100 * limits.parcels_missing))


def _removed(row: Mapping[str, Any]) -> str:
    """Say what denoising took away from a scan, and what it left."""
    if any(row[key] is None for key in _OF_DENOISING) or not row["n_kept"]:
        return "Nothing is left of it after denoising."
    gone = int(row["n_volumes"] - row["n_kept"])
    volumes = f"{gone} of {row['n_volumes']:.0f} volumes" if gone else f"none of the {row['n_volumes']:.0f} volumes"
    return (
        f"Denoising took away {volumes} and regressed out {row['n_confounds']:.0f} confounds; {row['minutes']:.1f} min "
        f"and {row['tdof']:.1f} temporal degrees of freedom (tDOF) are left."
    )
