"""Which scanner measured a scan: from its JSON sidecars, those of the derivatives or of the raw dataset."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from connect.errors import UserError
from connect.index.folders import list_files, sources
from connect.index.timing import sidecars
from connect.tables import read_record

FIELDS = ("Manufacturer", "ManufacturersModelName", "MagneticFieldStrength", "DeviceSerialNumber", "StationName")
"""Keys of a sidecar that tell scanners apart."""

MERGED = ("echo", "part")
"""Entities of raw images that fMRIPrep joins into one."""


def read_scanners(fmriprep: Path, runs: Mapping[str, str], files: Iterable[str]) -> tuple[dict[str, str], list[str]]:
    """Return the scanner of each image, and what the user has to know about it.

    fMRIPrep rarely copies the scanner into its sidecars, so that those of the raw dataset are read for images whose own
    say nothing.

    Parameters
    ----------
    fmriprep
        fMRIPrep folder.
    runs
        Path of each image relative to the folder: its path up to the entities that the raw image has too.
    files
        Files of the folder.

    Returns
    -------
    scanners : dict
        Path of each image: the scanner in words, empty if no sidecar says it.
    notes : list of str
        Where else it was read, and which sidecars could not be.
    """
    own = [path for path in files if path.endswith("bold.json")]
    found = {bold: scanner([read_record(fmriprep / path) for path in sidecars(bold, own)]) for bold in runs}
    notes = []
    for folder in sources(fmriprep):
        lacking = {bold: run for bold, run in runs.items() if not found[bold]}
        told, broken = _of_raw(folder, lacking) if lacking and _is_other(folder, fmriprep) else ({}, [])
        found |= told
        notes += [f"scanner of {len(told)} scans read from {folder}"] if told else []
        notes += [f"CHECK sidecars that could not be read: {len(broken)}, such as {broken[0]}"] if broken else []
    return found, notes


def scanner(records: Iterable[Mapping[str, Any]]) -> str:
    """Return the scanner that sidecars name, the nearest first, in words; empty if they do not.

    Examples
    --------
    >>> scanner([{"MagneticFieldStrength": 3}, {"Manufacturer": "Siemens", "ManufacturersModelName": "Prisma_fit"}])
    'Siemens Prisma_fit 3T'
    """
    told = list(records)
    maker, model, field, serial, station = (
        next((text for record in told if (text := _text(record.get(key)))), "") for key in FIELDS
    )
    return " ".join(filter(None, (maker, model, _tesla(field), serial or station)))


def _of_raw(folder: Path, runs: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """Return the scanners that sidecars of a raw dataset name, and the sidecars that could not be read."""
    files = [path for path in list_files(folder) if path.endswith("bold.json")]
    near = {bold: list(sidecars(f"{run}_bold.nii.gz", files, beyond=MERGED)) for bold, run in runs.items()}
    records: dict[str, dict[str, Any]] = {}
    broken = []
    for path in sorted({path for paths in near.values() for path in paths}):
        try:
            records[path] = read_record(folder / path)
        except UserError as error:
            broken.append(error.where)
    found = {bold: scanner(records[path] for path in paths if path in records) for bold, paths in near.items()}
    return {bold: text for bold, text in found.items() if text}, broken


def _is_other(folder: Path, fmriprep: Path) -> bool:
    try:
        return folder.is_dir() and os.access(folder, os.R_OK | os.X_OK) and not folder.samefile(fmriprep)
    except OSError:
        return False


def _text(value: object) -> str:
    """Return a value of a sidecar as text; what is neither text nor a number is left out."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    text = " ".join(f"{value}".split())
    return "" if text.lower() in ("n/a", "nan", "none", "unknown") else text


def _tesla(text: str) -> str:
    try:
        return f"{float(text.removesuffix('T')):.3g}T"
    except ValueError:
        return text
