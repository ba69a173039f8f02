"""Download one file: from where it broke off, its checksum computed on the way."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from pathlib import Path

from connect.buckets import Bucket, parts_of
from connect.errors import UserError
from connect.fetch.checksums import CHUNK, checksum, md5
from connect.files import File

EVERY = 10.0
"""Seconds between two lines about the progress of a file."""


def download(row: File, aside: Path) -> None:
    """Download a file, or the rest of it, and verify it.

    What was there before and turns out to be wrong is thrown away and downloaded once more.

    Parameters
    ----------
    row
        The file.
    aside
        Where it grows; what is there already is not downloaded again.

    Raises
    ------
    UserError
        If it cannot be had, or is not what the table says; then `aside` is removed.
    """
    size = row.size or 0
    had = aside.stat().st_size if aside.exists() else 0
    if had > size:
        aside.unlink()
    got = _download(row, aside)
    if got != row.checksum and had:
        aside.unlink()
        got = _download(row, aside)
    if got != row.checksum:
        aside.unlink()
        todo = "run again; if it comes back, the file has changed since it was indexed: index the cohort again"
        raise UserError(row.uri, f"a file with the checksum {row.checksum}", got, todo)


def _download(row: File, aside: Path) -> str:
    """Complete a file, and return its checksum."""
    bucket, key = parts_of(row.uri)
    with aside.open("a+b") as file, ThreadPoolExecutor(1) as hasher:
        have = file.tell()
        digest = md5()
        file.seek(0)
        while piece := file.read(CHUNK):
            digest.update(piece)
        # The checksum is computed while the next piece is on its way.
        pending: Future[None] | None = None
        if have < (row.size or 0):
            for piece in _told(row, have, _bucket(bucket).stream(key, have, row.checksum)):
                file.write(piece)
                if pending is not None:
                    pending.result()
                pending = hasher.submit(digest.update, piece)
        if pending is not None:
            pending.result()
    size = aside.stat().st_size
    if size != row.size:
        return f"{size} bytes instead of {row.size}"
    return checksum(aside, row.checksum) if "-" in row.checksum else digest.hexdigest()


@cache
def _bucket(name: str) -> Bucket:
    return Bucket(name)


def _told(row: File, have: int, pieces: Iterable[bytes]) -> Iterable[bytes]:
    """Pass pieces on, and tell now and then how far the file is."""
    began = told = time.monotonic()
    start, size = have, row.size or 0
    for piece in pieces:
        yield piece
        have += len(piece)
        now = time.monotonic()
        if now - told > EVERY:
            told, rate = now, (have - start) / (now - began)
            left = f"{(size - have) / rate:.0f}" if rate else math.inf
            sys.stderr.write(
                f"connect fetch: {row.name}: {have / 1e6:.0f} of {size / 1e6:.0f} MB, {rate / 1e6:.1f} MB/s,"
                f" {left} s left\n"
            )
