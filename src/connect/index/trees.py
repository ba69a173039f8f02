"""Datasets that can be indexed: a folder on disk, or a part of a bucket, of which only text and headers are read."""

from __future__ import annotations

import io
import json
import math
import os
import zlib
from collections.abc import Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import nibabel
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError

from connect.buckets import Bucket
from connect.errors import UserError
from connect.tables import read_record

SKIPPED = ("anat", "figures", "log", "logs", "sourcedata")
"""Folders without functional images."""

SECONDS = {16: 1e-3, 24: 1e-6}
"""Codes of time units in a NIfTI header that are not seconds."""

HEAD = 2048
"""Bytes of an image in a bucket that are read: compressed, they hold the header (at most 540 bytes)."""

AT_ONCE = 8
"""How many small files of a bucket are read at a time."""


class Tree(Protocol):
    """A dataset: its files by their paths relative to it, with ``/``."""

    @property
    def files(self) -> Collection[str]:
        """Files at the top of the dataset and in its participants' folders, without :data:`SKIPPED` folders."""
        ...

    @property
    def participants(self) -> set[str]:
        """Names of the participants' folders, ``sub-*``."""
        ...

    @property
    def anatomy(self) -> set[str]:
        """Names of the participants with a T1w image."""
        ...

    def where(self, path: str = "") -> Path | str:
        """Return what an error message calls a file."""
        ...

    def prepare(self, paths: Iterable[str]) -> None:
        """Read files that are about to be asked for, several at a time if that is faster."""
        ...

    def text(self, path: str) -> str:
        """Return a file's text."""
        ...

    def record(self, path: str) -> dict[str, Any]:
        """Return what a JSON file holds."""
        ...

    def header(self, path: str) -> tuple[int, float | None]:
        """Return the number of volumes of a 4-D image, and the repetition time (s) that its header gives, if any."""
        ...


@dataclass(frozen=True)
class Folder:
    """A dataset on disk."""

    path: Path

    @cached_property
    def files(self) -> set[str]:
        """Its files; hidden ones (such as ``._*`` of macOS) are left out.

        Links to files count even if they point nowhere, as in a dataset whose content was not fetched yet.
        """
        if not self.path.is_dir():
            raise UserError(self.path, "an fMRIPrep folder", "no such folder", "correct the path")
        found: set[str] = set()
        waiting = [""]
        while waiting:
            here = waiting.pop()
            with os.scandir(self.path / here) as entries:
                for entry in entries:
                    if entry.name.startswith("."):
                        continue
                    if not entry.is_dir():
                        found.add(here + entry.name)
                    elif entry.name not in SKIPPED and (here or entry.name.startswith("sub-")):
                        waiting.append(f"{here}{entry.name}/")
        return found

    @cached_property
    def participants(self) -> set[str]:
        """Names of the participants' folders."""
        return {folder.name for folder in self.path.glob("sub-*/")}

    @cached_property
    def anatomy(self) -> set[str]:
        """Names of the participants with a T1w image."""
        images = (path for folder in ("anat", "ses-*/anat") for path in self.path.glob(f"sub-*/{folder}/*_T1w.nii*"))
        return {path.relative_to(self.path).parts[0] for path in images}

    def where(self, path: str = "") -> Path:
        """Return the path on disk."""
        return self.path / path

    def prepare(self, paths: Iterable[str]) -> None:
        """Do nothing: a disk is fast."""

    def text(self, path: str) -> str:
        """Return a file's text."""
        return (self.path / path).read_text(encoding="utf-8-sig", errors="replace")

    def record(self, path: str) -> dict[str, Any]:
        """Return what a JSON file holds."""
        return read_record(self.path / path)

    def header(self, path: str) -> tuple[int, float | None]:
        """Return the number of volumes of an image and the repetition time (s) in its header."""
        file = self.path / path
        try:
            image: Any = nibabel.load(file)
        except (OSError, EOFError, zlib.error, ImageFileError, HeaderDataError) as error:
            linked = file.is_symlink() and not file.exists()
            got = "a link to a file that is not there (content not fetched)" if linked else error
            raise UserError(file, "a readable NIfTI image", got, "fetch or write the file again") from error
        return _timing(image.header, file)


@dataclass(frozen=True)
class Remote:
    """A dataset in a public bucket.

    Attributes
    ----------
    bucket
        The bucket.
    prefix
        How the keys of its files begin, with a ``/`` at the end.
    objects
        Size in bytes and ETag of every object, by its path relative to the prefix.
    """

    bucket: Bucket
    prefix: str
    objects: dict[str, tuple[int, str]]
    _read: dict[str, bytes] = field(default_factory=dict)

    @classmethod
    def open(cls, bucket: Bucket, prefix: str) -> Remote:
        """List a part of a bucket."""
        objects = {key.removeprefix(prefix): found for key, found in bucket.list(prefix).items()}
        return cls(bucket, prefix, objects)

    @cached_property
    def files(self) -> set[str]:
        """Its files, but hidden ones and those in folders without functional images."""
        return {path for path in self.objects if _is_kept(path)}

    @cached_property
    def participants(self) -> set[str]:
        """Names of the participants' folders."""
        return {path.split("/")[0] for path in self.objects if path.startswith("sub-") and "/" in path}

    @cached_property
    def anatomy(self) -> set[str]:
        """Names of the participants with a T1w image."""
        images = (path for path in self.objects if path.endswith(("_T1w.nii", "_T1w.nii.gz")))
        return {path.split("/")[0] for path in images}

    def where(self, path: str = "") -> str:
        """Return the address of a file."""
        return f"s3://{self.bucket.name}/{self.prefix}{path}"

    def prepare(self, paths: Iterable[str]) -> None:
        """Read files, :data:`AT_ONCE` at a time."""
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(self._bytes, paths))

    def text(self, path: str) -> str:
        """Return a file's text."""
        return self._bytes(path).decode("utf-8-sig", errors="replace")

    def record(self, path: str) -> dict[str, Any]:
        """Return what a JSON file holds."""
        try:
            found = json.loads(self.text(path))
        except json.JSONDecodeError as error:
            raise UserError(self.where(path), "valid JSON", error, "report it to those who published it") from error
        if not isinstance(found, dict):
            raise UserError(self.where(path), "a JSON object", repr(found)[:80], "report it to those who published it")
        return found

    def header(self, path: str) -> tuple[int, float | None]:
        """Return the number of volumes of an image and the repetition time (s) in its header, from its first bytes."""
        head = self._bytes(path)
        try:
            head = zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(head) if path.endswith(".gz") else head
            kind: Any = nibabel.Nifti2Image if head[:4] in (b"\x1c\x02\0\0", b"\0\0\x02\x1c") else nibabel.Nifti1Image
            header = kind.header_class.from_fileobj(io.BytesIO(head))
        except (zlib.error, ImageFileError, HeaderDataError) as error:
            todo = "report it to those who published it"
            raise UserError(self.where(path), "a readable NIfTI image", error, todo) from error
        return _timing(header, self.where(path))

    def _bytes(self, path: str) -> bytes:
        if path not in self._read:
            length = HEAD if path.endswith((".nii", ".nii.gz")) else None
            self._read[path] = self.bucket.read(self.prefix + path, length)
        return self._read[path]


def _is_kept(path: str) -> bool:
    *folders, name = path.split("/")
    if any(part.startswith(".") for part in (*folders, name)) or set(folders) & set(SKIPPED):
        return False
    return not folders or folders[0].startswith("sub-")


def _timing(header: Any, where: Path | str) -> tuple[int, float | None]:
    shape = header.get_data_shape()
    if len(shape) != 4:
        raise UserError(where, "a 4-D image", f"shape {shape}", "write the file again")
    step = float(header["pixdim"][4]) * SECONDS.get(int(header["xyzt_units"]) & 0x38, 1.0)
    return int(shape[3]), float(f"{step:.6g}") if 0 < step < math.inf else None
