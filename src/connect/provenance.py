"""The provenance of a figure: a stamp in the file that says which choices, data and versions it was drawn from.

The stamp is a JSON record in the metadata of the SVG, PDF or PNG. It holds no path outside the study, no date and no
name of a machine, so that the same choices, data and versions give the same bytes anywhere. Its seal is a digest of the
whole file, so that a file that was edited afterwards is known.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import platform
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from connect import __version__
from connect.config import read
from connect.errors import UserError
from connect.layout import files_table, scans_table
from connect.scans import read_scans
from connect.settings import kind_of
from connect.settings.cohort import Cohort

PACKAGES = (
    *("formulaic", "matplotlib", "neurokit2", "nibabel", "nilearn", "numba", "numpy", "pandas"),
    *("pillow", "pint", "pypdf", "scikit-learn", "scipy"),
)
"""Packages whose version can change a number or a line of a figure."""

NAMES = ("name", "cohort", "scan", "model", "atlas", "strategy", "measure")
"""What a stamp names, in the order in which it is told."""

CODE_OF = "code of "
"""What stands before the name of a stage in the versions."""

SHOWN = 16
"""Characters of a digest that are kept."""

OF_SCAN = 4
"""Characters that are kept of the digest of each scan: they only tell which scan changed."""

KEY = "Description"
"""Name of the stamp in the metadata of SVG and PNG; in a PDF it is the subject."""

COHORTS = "cohorts"
"""Folder of the cohorts."""

FORMATS = ("svg", "pdf", "png")

_OPEN = "0" * 64
_SEAL = re.compile(rb"SHA256(?P<seal>[0-9a-f]{64})")
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


@dataclasses.dataclass(frozen=True)
class Sources:
    """What a figure is made of.

    Parameters
    ----------
    choices
        Choice files (YAML), such as ``config/models/change.yaml``.
    phenotypes
        Values of the phenotypes, as the command `phenotypes` writes them.
    gathered
        Lists of the digests of the scans, which the command `gather` writes.
    code
        Digest of the code of each stage that the figure depends on.
    """

    choices: Sequence[Path]
    phenotypes: Sequence[Path]
    gathered: Sequence[Path]
    code: Mapping[str, str]


def stamp(names: Mapping[str, str], sources: Sources) -> dict[str, Any]:
    """Return the stamp of a figure that is still to be sealed.

    Parameters
    ----------
    names
        Names of the figure, cohort, model, atlas, strategy and measure.
    sources
        What the figure is made of.

    Raises
    ------
    UserError
        If a file cannot be read.
    """
    tables = {place(path): file_digest(path) for path in sources.phenotypes}
    for path in sources.choices:
        if path.parent.name == COHORTS:
            tables |= tables_of(path)
    return _stamp(names, sources, tables, {place(path): scans_of(path) for path in sources.gathered})


def scan_stamps(names: Mapping[str, str], sources: Sources, scans: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Yield the stamp of the picture of each scan, which depends on no other scan and on no table of participants.

    Parameters
    ----------
    names
        Names of the figure, cohort, atlas and strategy.
    sources
        What the pictures are made of.
    scans
        Names of the scans.
    """
    whole = _stamp(names, sources, {}, {})
    for scan in scans:
        own = {place(path): scans_of(path, scan) for path in sources.gathered}
        data = {"digest": digest([{}, own]), "tables": {}, "scans": own}
        yield {**whole, "figure": {**names, "scan": scan}, "data": data}


def _stamp(
    names: Mapping[str, str], sources: Sources, tables: Mapping[str, str], scans: Mapping[str, Any]
) -> dict[str, Any]:
    choices = {label(path): settings_of(path) for path in sources.choices}
    files = dict(pair for path in sources.choices for pair in files_of(path))
    return {
        "figure": dict(names),
        "config": {"digest": digest([choices, files]), "choices": choices, "files": files},
        "data": {"digest": digest([tables, scans]), "tables": tables, "scans": scans},
        "versions": versions(sources.code),
    }


def merged(figure: Path, stamps: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the stamp of a figure that is put together of others.

    Parameters
    ----------
    figure
        Its recipe (YAML).
    stamps
        Stamps of its panels.
    """
    choices = {label(figure): settings_of(figure)} | _union(one["config"]["choices"] for one in stamps)
    files = _union(one["config"]["files"] for one in stamps)
    tables, scans = (_union(one["data"][key] for one in stamps) for key in ("tables", "scans"))
    return {
        "figure": {"name": figure.stem},
        "panels": [one["figure"] for one in stamps],
        "config": {"digest": digest([choices, files]), "choices": choices, "files": files},
        "data": {"digest": digest([tables, scans]), "tables": tables, "scans": scans},
        "versions": _union(one["versions"] for one in stamps),
    }


def versions(code: Mapping[str, str]) -> dict[str, str]:
    """Return the versions of connect, Python and the packages, and the digest of the code of stages."""
    found = {"connect": __version__, "python": platform.python_version()}
    found |= {name: version(name) for name in PACKAGES}
    return found | {f"{CODE_OF}{stage}": text for stage, text in code.items()}


def label(choice: Path) -> str:
    """Return the name of a choice in a stamp, such as ``models/change``."""
    return f"{choice.parent.name}/{choice.stem}"


def tables_of(cohort: Path) -> dict[str, str]:
    """Return a digest of each table of the participants of a cohort, and one of the tables of dates together."""
    settings = read(Cohort, cohort)
    people = {scan.participant_id for scan in read_scans(scans_table(cohort.stem, cohort.parents[1]))}
    found = {place(path): file_digest(path) for path in (settings.participants, *settings.tables)}
    dates = [file_digest(path) for path in settings.date_files(people) if path.is_file()]
    return {**found, **({f"dates of {cohort.stem}": digest(dates)} if dates else {})}


def place(path: Path) -> str:
    """Return where a table stands in the study; of one outside only the name of the file."""
    return path.name if path.is_absolute() or ".." in path.parts else path.as_posix()


def settings_of(choice: Path) -> dict[str, Any]:
    """Return what a choice file says, without keys that have their default; of a path only the name of the file."""
    found: dict[str, Any] = _plain(read(kind_of(choice), choice))
    return found


def files_of(choice: Path) -> Iterator[tuple[str, str]]:
    """Yield the name and digest of every file that a choice points to and that is no data."""
    found = read(kind_of(choice), choice)
    own = getattr(found, "own", None)
    pointed = [getattr(found, "parcels", None), getattr(found, "image", None), own.file if own else None]
    if isinstance(found, Cohort):
        pointed = [Path(table(choice.stem, choice.parents[1])) for table in (scans_table, files_table)]
    for path in pointed:
        if isinstance(path, Path) and path.is_file():
            yield f"{label(choice)}: {path.name}", file_digest(path)


def scans_of(gathered: Path, scan: str = "") -> dict[str, str]:
    """Return a digest of the scans of a list, and the first characters of that of each; of all, or of one by name."""
    lines = _bytes(gathered).splitlines()[1:]
    lines = [line for line in lines if not scan or line.split(b"\t")[0].decode() == scan]
    return {
        "digest": digest([line.decode() for line in lines]),
        "each": "".join(hashlib.sha256(line).hexdigest()[:OF_SCAN] for line in lines),
    }


def digest(value: Any) -> str:
    """Return a digest of what JSON can hold."""
    return hashlib.sha256(_json(value).encode()).hexdigest()[:SHOWN]


def file_digest(path: Path) -> str:
    """Return a digest of the bytes of a file; a UserError says which cannot be read."""
    return hashlib.sha256(_bytes(path)).hexdigest()[:SHOWN]


def opened(record: Mapping[str, Any]) -> str:
    """Return a stamp as text, with a place for the seal."""
    return _json({**record, "seal": f"SHA256{_OPEN}"})


def sealed(content: bytes) -> bytes:
    """Return a figure whose stamp is opened with the seal in its place: the SHA-256 of the figure without it."""
    return _with_seal(content, hashlib.sha256(content).hexdigest())


def is_sealed(content: bytes) -> bool:
    """Return whether the bytes of a figure are those that were sealed."""
    found = _SEAL.search(content)
    if not found:
        return False
    return sealed(_with_seal(content, _OPEN)) == content


def read_stamp(path: Path) -> dict[str, Any]:
    """Return the stamp of a figure.

    Raises
    ------
    UserError
        If the file cannot be read, is no SVG, PDF or PNG, or has no stamp.
    """
    readers = {".svg": _svg_text, ".pdf": _pdf_text, ".png": _png_text}
    if path.suffix not in readers:
        raise UserError(path, "a figure as SVG, PDF or PNG", path.suffix or "no extension", "name the figure's file")
    text = readers[path.suffix](path)
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict) or "seal" not in found:
        todo = "draw the figure with `snakemake figures/<name>.svg`; other programs drop the stamp when they save"
        raise UserError(path, "a figure with the stamp of connect", "no stamp", todo)
    return found


def _svg_text(path: Path) -> str:
    from xml.etree import ElementTree

    try:
        found = ElementTree.fromstring(_bytes(path)).find(".//{http://purl.org/dc/elements/1.1/}description")
    except ElementTree.ParseError as error:
        raise UserError(path, "an SVG", error, "draw the figure again") from error
    return (found.text or "") if found is not None else ""


def _pdf_text(path: Path) -> str:
    from io import BytesIO

    from pypdf import PdfReader
    from pypdf.errors import PyPdfError

    try:
        found = PdfReader(BytesIO(_bytes(path))).metadata
    except PyPdfError as error:
        raise UserError(path, "a PDF", error, "draw the figure again") from error
    return (found.subject or "") if found else ""


def _png_text(path: Path) -> str:
    from io import BytesIO

    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(BytesIO(_bytes(path))) as image:
            return str(image.info.get(KEY, ""))
    except UnidentifiedImageError as error:
        raise UserError(path, "a PNG", "another file", "draw the figure again") from error


def _with_seal(content: bytes, seal: str) -> bytes:
    """Return a figure with another seal; in a PNG the checksum of its text follows."""
    found = _SEAL.search(content)
    if not found:
        raise ValueError("a figure without the place of a seal")
    made = content[: found.start("seal")] + seal.encode() + content[found.end("seal") :]
    return _checked(made, found.start("seal")) if made.startswith(_PNG_SIGNATURE) else made


def _checked(png: bytes, place: int) -> bytes:
    """Return a PNG with the checksum of the chunk that holds a place made anew."""
    start = len(_PNG_SIGNATURE)
    while True:
        stop = start + 8 + int.from_bytes(png[start : start + 4])
        if place < stop:
            return png[:stop] + zlib.crc32(png[start + 4 : stop]).to_bytes(4) + png[stop + 4 :]
        start = stop + 4


def _union(parts: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    return {key: value for part in parts for key, value in part.items()}


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: field for field in dataclasses.fields(value)}
        return {name: _plain(getattr(value, name)) for name, field in fields.items() if not _is_default(value, field)}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value.name if isinstance(value, Path) else value


def _is_default(value: Any, field: dataclasses.Field[Any]) -> bool:
    made = field.default if field.default_factory is dataclasses.MISSING else field.default_factory()
    return bool(getattr(value, field.name) == made)


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), sort_keys=True)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(path, "a file that can be read", error.strerror, "correct the path") from error
