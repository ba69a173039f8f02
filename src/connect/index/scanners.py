"""Which scanner measured a scan: from its JSON sidecars, those of the derivatives or of the raw dataset."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from connect.errors import UserError
from connect.index.timing import sidecars
from connect.index.trees import Tree

FIELDS = ("Manufacturer", "ManufacturersModelName", "MagneticFieldStrength", "DeviceSerialNumber", "StationName")
"""Keys of a sidecar that tell scanners apart."""

MERGED = ("echo", "part")
"""Entities of raw images that fMRIPrep joins into one."""


def read_scanners(tree: Tree, raws: Iterable[Tree], runs: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """Return the scanner of each image, and what the user has to know about it.

    fMRIPrep rarely copies the scanner into its sidecars, so that those of the raw dataset are read for images whose own
    say nothing.

    Parameters
    ----------
    tree
        The dataset of the derivatives.
    raws
        Where the raw dataset may be, the likeliest first.
    runs
        Path of each image in the derivatives: its path up to the entities that the raw image has too.

    Returns
    -------
    scanners : dict
        Path of each image: the scanner in words, empty if no sidecar says it.
    notes : list of str
        Where else it was read, and which sidecars could not be.
    """
    own = [path for path in tree.files if path.endswith("bold.json")]
    near = {bold: list(sidecars(bold, own)) for bold in runs}
    tree.prepare(sorted({path for paths in near.values() for path in paths}))
    found = {bold: scanner([tree.record(path) for path in paths]) for bold, paths in near.items()}
    notes = []
    for raw in raws:
        lacking = {bold: run for bold, run in runs.items() if not found[bold]}
        told, broken = _of_raw(raw, lacking) if lacking else ({}, [])
        found |= told
        notes += [f"scanner of {len(told)} scans read from {raw.where()}"] if told else []
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


def _of_raw(raw: Tree, runs: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """Return the scanners that sidecars of a raw dataset name, and the sidecars that could not be read."""
    files = [path for path in raw.files if path.endswith("bold.json")]
    near = {bold: list(sidecars(f"{run}_bold.nii.gz", files, beyond=MERGED)) for bold, run in runs.items()}
    records: dict[str, dict[str, Any]] = {}
    broken = []
    needed = sorted({path for paths in near.values() for path in paths})
    raw.prepare(needed)
    for path in needed:
        try:
            records[path] = raw.record(path)
        except UserError as error:
            broken.append(error.where)
    found = {bold: scanner(records[path] for path in paths if path in records) for bold, paths in near.items()}
    return {bold: text for bold, text in found.items() if text}, broken


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
