"""The scans table of a cohort: one row per BOLD run, written once by ``connect index`` and committed."""

from __future__ import annotations

import csv
import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from connect.config import suggest
from connect.errors import UserError
from connect.layout import bids_name, entities

MISSING = "n/a"
"""How BIDS writes a missing value."""

TOLD_BY_IMAGE = ("ce", "rec", "dir", "echo")
"""Entities of a scan that have no column: the name of its image holds them."""


@dataclasses.dataclass(frozen=True)
class Scan:
    """One BOLD run of one participant; `tr` in s. Absent parts are empty; paths are relative to the fMRIPrep folder."""

    participant_id: str
    session_id: str
    task: str
    acq: str
    run: str
    space: str
    res: str
    tr: float
    scanner: str
    n_volumes: int
    bold: str
    mask: str
    confounds: str

    @property
    def name(self) -> str:
        """BIDS name of the scan without suffix, such as ``sub-01_ses-pre_task-rest_space-MNI152NLin6Asym``."""
        image = entities(self.bold.rpartition("/")[2])
        return bids_name(
            {
                **{key: image[key] for key in TOLD_BY_IMAGE if key in image},
                "sub": self.participant_id.removeprefix("sub-"),
                "ses": self.session_id.removeprefix("ses-"),
                "task": self.task,
                "acq": self.acq,
                "run": self.run,
                "space": self.space,
                "res": self.res,
            }
        )


COLUMNS = tuple(field.name for field in dataclasses.fields(Scan))


def read_scans(path: Path | str) -> list[Scan]:
    """Read a scans table.

    Raises
    ------
    UserError
        If the file is missing, lacks a column, has a value that is no number, lists a scan twice or is empty.
    """
    path = Path(path)
    if not path.is_file():
        todo = f"run `connect index FMRIPREP_DIR --cohort {path.name.split('.')[0]}`"
        raise UserError(path, "a scans table", "no such file", todo)
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file, delimiter="\t")
        rows = [(reader.line_num, row) for row in reader]
        check_columns(path, reader.fieldnames or (), COLUMNS)
    scans = [_scan(path, number, row) for number, row in rows]
    if not scans:
        raise UserError(path, "at least one scan", "no rows", "index a folder that holds scans")
    seen: dict[str, int] = {}
    for (number, _), scan in zip(rows, scans, strict=True):
        if scan.name in seen:
            got = f"{scan.name} in lines {seen[scan.name]} and {number}"
            raise UserError(path, "each scan once", got, "remove one of the two rows")
        seen[scan.name] = number
    return scans


def write_scans(path: Path | str, scans: Iterable[Scan]) -> None:
    """Write a scans table, sorted as it is given."""
    with Path(path).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n")
        writer.writerow(COLUMNS)
        for scan in scans:
            writer.writerow([value if value != "" else MISSING for value in dataclasses.astuple(scan)])


def check_columns(path: Path | str, present: Sequence[str], required: Sequence[str]) -> None:
    """Raise a UserError that names the first required column which a table lacks."""
    for column in required:
        if column not in present:
            todo = f"add the column{suggest(column, set(present) - set(required))}"
            shown = ", ".join(present[:12]) + (f" and {len(present) - 12} more" if len(present) > 12 else "")
            got = f"columns {shown}" if present else "no columns, the file is empty"
            raise UserError(path, f"a table with the column `{column}`", got, todo)


def _scan(path: Path, number: int, row: Mapping[str, str]) -> Scan:
    values: dict[str, str] = {column: "" if row[column] in (MISSING, None) else row[column] for column in COLUMNS}
    where = f"{path}, line {number}"
    for column in ("participant_id", "bold", "mask", "confounds"):
        if not values[column]:
            raise UserError(f"{where}, column {column}", "a value", MISSING, "correct the row")
    try:
        tr, n_volumes = float(values.pop("tr")), int(values.pop("n_volumes"))
    except ValueError as error:
        raise UserError(where, "numbers in `tr` (s) and `n_volumes`", str(error), "correct the row") from error
    if not 0 < tr < math.inf or n_volumes < 1:
        got = f"tr {tr:g}, n_volumes {n_volumes}"
        raise UserError(where, "`tr` (s) and `n_volumes` above 0", got, "correct the row")
    return Scan(tr=tr, n_volumes=n_volumes, **values)
