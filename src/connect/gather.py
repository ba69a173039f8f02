"""List what the scans of a cohort have become, so that later stages depend on one file and not on thousands.

The list holds a digest of the contents of each scan's folder and of its confounds: when one changes, the list does.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from connect.errors import UserError
from connect.scans import read_scans
from connect.tables import written

SHOWN = 16
"""Characters of a digest that are listed."""


def gather(scans: Path, raw: Path, derivatives: Path, gathered: Path) -> None:
    """Write a table with a digest of the raw series and of the confounds of every scan of a cohort.

    Parameters
    ----------
    scans
        Scans table of the cohort.
    raw
        Folder that holds the raw series of each scan in a folder of its name, as the parcellate stage writes them.
    derivatives
        fMRIPrep folder, to which the paths of confounds tables are relative.
    gathered
        Output: the table, a row per scan.
    """
    with written(gathered) as aside, aside.open("w", encoding="utf-8") as file:
        file.write("scan\traw\tconfounds\n")
        for scan in read_scans(scans):
            confounds = derivatives / scan.confounds
            beside = confounds.with_suffix(".json")
            tables = [confounds, beside] if beside.is_file() else [confounds]
            file.write(f"{scan.name}\t{_digest(_files(raw / scan.name))}\t{_digest(tables)}\n")


def _files(folder: Path) -> list[Path]:
    """Return the files of a scan's folder, sorted."""
    if not folder.is_dir():
        raise UserError(folder, "the folder of a scan", "no such folder", "run the parcellate stage")
    return sorted(folder.iterdir())


def _digest(paths: Sequence[Path]) -> str:
    """Return a digest of the names and contents of files."""
    found = hashlib.sha256()
    for path in paths:
        try:
            with path.open("rb") as file:
                found.update(f"{path.name}\n{hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
        except OSError as error:
            raise UserError(path, "a file that can be read", error.strerror, "correct the path") from error
    return found.hexdigest()[:SHOWN]
