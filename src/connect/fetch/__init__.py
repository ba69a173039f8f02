"""Fetch: a scan's files from a public bucket, resumed where they broke off, verified, and never partly there.

A file grows in a folder of parts, beside the data. Whole and verified it stays there, and gets its final name by a hard
link once all files of the scan are: Snakemake deletes the outputs of a job that was interrupted, but knows nothing of
the parts, so that what was verified is never downloaded twice. The next stage removes the parts.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from connect.errors import UserError
from connect.fetch.downloads import download
from connect.files import OF_COHORT, File, read_files
from connect.scans import MISSING


def fetch(files: Path, scan: str, folder: Path, fetched: Sequence[Path], parts: Path) -> None:
    """Fetch the files of a scan, the raw files of a participant, or the files of the whole cohort.

    Parameters
    ----------
    files
        Files table of the cohort.
    scan
        Name of the scan, or of the participant; `n/a` for the files of the whole cohort.
    folder
        The cohort's folder of data, to which the paths of the table are relative.
    fetched
        Output: the files or folders that must be there in the end. Others of the scan are put beside them.
    parts
        Folder of what is not whole yet, or not yet in its place. It may be removed when the stage is done.

    Raises
    ------
    UserError
        If a file is not in the table, not in the bucket, may not be read, is not what the table says, or cannot be
        reached.
    """
    whose = OF_COHORT if scan == MISSING else scan
    places = {folder / row.path: row for row in read_files(files) if row.scan == whose}
    for path in fetched:
        if not any(path == place or path in place.parents for place in places):
            raise UserError(files, f"a row for {path} with the scan {scan}", "none", "index the cohort again")
    with _alone(parts):
        whole = {place: _made(row) if row.checksum == "" else _whole(row, parts) for place, row in places.items()}
        for place, file in whole.items():
            _put(file, place)


def _whole(row: File, parts: Path) -> Path:
    """Return the verified file among the parts; it is named by its checksum."""
    whole, aside = parts / row.checksum, parts / f"{row.checksum}.part"
    if not whole.exists():
        download(row, aside)
        aside.replace(whole)
    return whole


def _made(row: File) -> Path:
    """Return a file that the workflow has made."""
    made = Path(row.uri)
    if not made.is_file():
        todo = "look into the log of the preprocess rule; the scan was expected there when the cohort was indexed"
        raise UserError(made, "a file that the workflow has made", "no such file", todo)
    return made


def _put(whole: Path, place: Path) -> None:
    """Give a whole file its final name."""
    place.parent.mkdir(parents=True, exist_ok=True)
    aside = place.with_name(f".{place.name}.{os.getpid()}")
    aside.unlink(missing_ok=True)
    try:
        os.link(whole, aside)
    except OSError:
        # Some file systems have no hard links.
        shutil.copyfile(whole, aside)
    os.utime(aside)
    aside.replace(place)


@contextmanager
def _alone(parts: Path) -> Iterator[None]:
    """Let one process at a time work on a folder of parts: after a kill, an orphan may still be at it."""
    parts.mkdir(parents=True, exist_ok=True)
    with (parts / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.stderr.write(f"connect fetch: waiting for another process that works on {parts}\n")
            fcntl.flock(lock, fcntl.LOCK_EX)
        except OSError:
            # A file system without locks; two processes at once are then not kept apart.
            pass
        yield
