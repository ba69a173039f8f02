"""The files table of a fetched cohort: where each file comes from and what it must be; ``connect index`` writes it."""

from __future__ import annotations

import csv
import dataclasses
import re
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

from connect.errors import UserError
from connect.layout import DATA
from connect.scans import MISSING, check_columns
from connect.settings.cohort import Cohort

OF_COHORT = ""
"""What stands for the scan of a file that belongs to the whole cohort, such as the participants table."""

_CHECKSUM = re.compile(r"[0-9a-f]{32}(-[1-9][0-9]*)?")


@dataclasses.dataclass(frozen=True)
class File:
    """One file of a fetched cohort.

    Attributes
    ----------
    scan
        Name of the scan that it belongs to, or of the participant if it is raw; :data:`OF_COHORT` for a file of the
        whole cohort.
    path
        Where it is put, relative to the cohort's folder of data.
    uri
        ``s3://bucket/key``, or a path relative to the project of a file that the workflow makes.
    size
        Bytes; None if the workflow makes the file.
    checksum
        MD5 in hexadecimal digits, or the ETag of a multipart upload (the MD5 of the parts' MD5s, ``-`` and their
        number); empty if the workflow makes the file.
    """

    scan: str
    path: str
    uri: str
    size: int | None
    checksum: str

    @property
    def name(self) -> str:
        """The file's name."""
        return PurePosixPath(self.path).name


COLUMNS = tuple(field.name for field in dataclasses.fields(File))


def read_files(path: Path | str) -> list[File]:
    """Read a files table.

    Raises
    ------
    UserError
        If the file is missing, lacks a column, has a value that cannot be, puts two files in one place, or is empty.
    """
    path = Path(path)
    if not path.is_file():
        todo = f"run `connect index openneuro:ACCESSION --cohort {path.name.split('.')[0]}`"
        raise UserError(path, "a files table", "no such file", todo)
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file, delimiter="\t")
        rows = [(reader.line_num, row) for row in reader]
        check_columns(path, reader.fieldnames or (), COLUMNS)
    seen: dict[str, int] = {}
    files = []
    for number, row in rows:
        made = _file(f"{path}, line {number}", row)
        if made.path in seen:
            got = f"{made.path} in lines {seen[made.path]} and {number}"
            raise UserError(path, "each path once", got, "remove one of the two rows")
        seen[made.path] = number
        files.append(made)
    if not files:
        raise UserError(path, "at least one file", "no rows", "index the cohort again")
    return files


def write_files(path: Path | str, files: Iterable[File]) -> None:
    """Write a files table, sorted as it is given."""
    with Path(path).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n")
        writer.writerow(COLUMNS)
        for row in files:
            writer.writerow([MISSING if value in ("", None) else value for value in dataclasses.astuple(row)])


def pins_of(files: Iterable[File]) -> dict[str, str]:
    """Return in words, for each scan, where its files come from and what they must be."""
    pins: dict[str, list[str]] = {}
    for file in files:
        pins.setdefault(file.scan, []).append(f"{file.path} {file.uri} {file.checksum}")
    return {scan: "; ".join(texts) for scan, texts in pins.items()}


def check_fetched(cohort: Cohort, name: str, fetched: bool, where: object) -> None:
    """Check that a cohort file fits to whether the workflow fetches the cohort's files.

    Raises
    ------
    UserError
        If a fetched cohort expects its files elsewhere, or one that is not fetched is to lose its images.
    """
    folder = Path(DATA, name)
    if fetched and cohort.derivatives != folder:
        todo = f"write `derivatives: ../../{folder.as_posix()}`, or delete {name}.files.tsv if the files are on disk"
        raise UserError(f"{where}, key derivatives", f"{folder}, where fetched files are put", cohort.derivatives, todo)
    if not (fetched or cohort.keep_images):
        must = "`true` for a cohort without a files table: what was not fetched is never deleted"
        raise UserError(f"{where}, key keep_images", must, "false", "remove the key")


def _file(where: str, row: Mapping[str, str]) -> File:
    values: dict[str, str] = {column: "" if row[column] in (MISSING, None) else row[column] for column in COLUMNS}
    place = PurePosixPath(values["path"])
    if not values["path"] or place.is_absolute() or ".." in place.parts:
        raise UserError(f"{where}, column path", "a path inside the cohort's folder", place, "correct the row")
    if not values["uri"]:
        raise UserError(f"{where}, column uri", "where the file comes from", MISSING, "correct the row")
    pinned = "://" in values["uri"]
    if pinned and not values["uri"].startswith("s3://"):
        raise UserError(f"{where}, column uri", "`s3://bucket/key` or a path", values["uri"], "correct the row")
    if pinned and not _CHECKSUM.fullmatch(values["checksum"]):
        must = "an MD5 in hexadecimal digits, or the ETag of a multipart upload"
        got = values["checksum"] or MISSING
        raise UserError(f"{where}, column checksum", must, got, "index the cohort again")
    size = values["size"]
    if not (size.isascii() and size.isdigit()) and (pinned or size):
        raise UserError(f"{where}, column size", "a number of bytes", size or MISSING, "index the cohort again")
    return File(values["scan"], values["path"], values["uri"], int(size) if size else None, values["checksum"])
