"""Checksums as S3 gives them: the MD5 of a file, or the ETag of one that was uploaded in parts."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from pathlib import Path

CHUNK = 4 * 2**20
"""Bytes that are read from disk at a time."""

MIB = 2**20

SIZES = (8, 5, 16, 64, 100, 512, 1024)
"""Sizes of a part (MiB) with which multipart uploads are usually made, the likeliest first."""


def md5() -> hashlib._Hash:
    """Return an empty MD5, which here guards against accidents and not against attacks."""
    return hashlib.md5(usedforsecurity=False)


def checksum(file: Path, like: str) -> str:
    """Return the checksum of a file, of the kind that another one is.

    Parameters
    ----------
    file
        The file.
    like
        An MD5, or the ETag of a multipart upload. The size of its parts is not in it, so all that fit are tried.
    """
    if "-" not in like:
        with file.open("rb") as opened:
            return hashlib.file_digest(opened, md5).hexdigest()
    found = ""
    for part in part_sizes(file.stat().st_size, int(like.split("-")[1])):
        found = multipart_etag(file, part)
        if found == like:
            break
    return found


def multipart_etag(file: Path, part: int) -> str:
    """Return the ETag that S3 gives to a file uploaded in parts of some bytes: the MD5 of their MD5s, and their number.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile() as file:
    ...     _ = file.write(b"abc"), file.flush()
    ...     multipart_etag(Path(file.name), 2)
    'd833159094d1d7ad96ffcc78414e3682-2'
    """
    digests = []
    with file.open("rb") as opened:
        while True:
            digest, left = md5(), part
            while left and (piece := opened.read(min(CHUNK, left))):
                digest.update(piece)
                left -= len(piece)
            if left == part:
                break
            digests.append(digest.digest())
            if left:
                break
    whole = md5()
    whole.update(b"".join(digests))
    return f"{whole.hexdigest()}-{len(digests)}"


def part_sizes(size: int, n_parts: int) -> Iterator[int]:
    """Yield the sizes (bytes, whole MiB) of parts of which a file of some bytes has this many, the likeliest first.

    Examples
    --------
    >>> [size // 2**20 for size in part_sizes(312_034_389, 38)]
    [8]
    """
    least, most = size / n_parts, (size / (n_parts - 1) if n_parts > 1 else math.inf)
    fits = [part * MIB for part in SIZES if least <= part * MIB < most]
    yield from fits
    if n_parts > 1:
        others = range(math.ceil(least / MIB), math.ceil(most / MIB))
        yield from (part * MIB for part in others if part * MIB not in fits)
