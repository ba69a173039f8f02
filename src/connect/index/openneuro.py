"""Index an OpenNeuro accession: the derivatives that OpenNeuro publishes, and the tables of the dataset itself."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import PurePosixPath

from connect.buckets import Bucket
from connect.errors import UserError
from connect.files import OF_COHORT, File
from connect.index.timing import own_sidecar
from connect.index.trees import Remote
from connect.layout import entities, fetched_name
from connect.scans import Scan

PREFIX = "openneuro:"
"""How a source that is an accession begins."""

RAW, DERIVATIVES = "openneuro.org", "openneuro-derivatives"
"""The public buckets: of the datasets, and of what was computed from them."""

DESCRIPTION = "dataset_description.json"
"""What a dataset tells about itself."""

TABLES = re.compile(
    r"(participants\.(tsv|json)|dataset_description\.json|phenotype/[^/]+\.(tsv|json)|sessions\.json"
    r"|sub-[^/]+/sub-[^/_]+_(sessions|scans)\.tsv|sub-[^/]+/ses-[^/]+/sub-[^/]+_scans\.tsv)"
)
"""Files of a dataset that say who took part, what was measured, and when."""


def open_accession(source: str) -> tuple[Remote, Remote]:
    """Return the dataset and the fMRIPrep derivatives of an accession such as ``openneuro:ds003007``.

    Raises
    ------
    UserError
        If it is no accession, OpenNeuro cannot be reached, or there is no such dataset.
    """
    accession = source.removeprefix(PREFIX)
    if not re.fullmatch(r"ds\d{6}", accession):
        raise UserError("SOURCE", "an accession such as `openneuro:ds003007`", source, "correct it")
    raw = Remote.open(Bucket(RAW), f"{accession}/")
    if not raw.objects:
        todo = "look the accession up at openneuro.org (what is not public is not in the bucket)"
        raise UserError(raw.where(), "a public dataset", "no files", todo)
    return raw, Remote.open(Bucket(DERIVATIVES), f"fmriprep/{accession}-fmriprep/")


def check_derivatives(raw: Remote, derivatives: Remote) -> None:
    """Refuse a dataset without published derivatives."""
    if not derivatives.objects:
        scans = [path for path in raw.files if path.endswith(("_bold.nii.gz", "_bold.nii"))]
        got = f"none; the dataset has {len(scans)} raw BOLD images of {len(raw.participants)} participants"
        todo = "preprocess it (`--preprocess`: the workflow then runs fMRIPrep), or choose another dataset"
        raise UserError(derivatives.where(), "published fMRIPrep derivatives", got, todo)


def pin(scans: Sequence[Scan], derivatives: Remote, raw: Remote) -> tuple[list[Scan], list[File]]:
    """Return the scans with the paths at which their files will stand, and the table of all files that are needed.

    Raises
    ------
    UserError
        If an image is not compressed, as fMRIPrep's are.
    """
    placed = [
        dataclasses.replace(
            scan,
            bold=fetched_name(scan.name, "bold"),
            mask=fetched_name(scan.name, "mask"),
            confounds=fetched_name(scan.name, "confounds"),
        )
        for scan in scans
    ]
    files = [file for scan in scans for file in _of_scan(scan, derivatives)]
    return placed, [*files, *_of_dataset(raw, derivatives)]


def about(raw: Remote, source: str) -> tuple[str, str]:
    """Return the title of a dataset, and how to find it: its DOI, or its accession."""
    description = raw.record(DESCRIPTION) if DESCRIPTION in raw.files else {}
    title, doi = description.get("Name"), description.get("DatasetDOI")
    accession = source.removeprefix(PREFIX)
    address = str(doi).removeprefix("doi:") if doi else ""
    return str(title or accession), f"OpenNeuro {accession}" + (f", doi:{address}" if address else "")


def told_size(files: Iterable[File]) -> str:
    """Return how much is to be fetched, in words."""
    sizes = [file.size or 0 for file in files]
    return f"{len(sizes)} files, {sum(sizes) / 1e9:.3g} GB"


def _of_scan(scan: Scan, derivatives: Remote) -> Iterator[File]:
    sidecars = {
        "bold_json": own_sidecar(scan.bold),
        "confounds_json": str(PurePosixPath(scan.confounds).with_suffix(".json")),
    }
    needed = {kind: getattr(scan, kind) for kind in ("bold", "mask", "confounds")}
    present = {kind: path for kind, path in sidecars.items() if path in derivatives.objects}
    for kind, path in {**needed, **present}.items():
        if path.endswith(".nii"):
            where = derivatives.where(path)
            raise UserError(where, "a compressed image (.nii.gz)", ".nii", "download the folder and index that")
        yield _file(scan.name, fetched_name(scan.name, kind), derivatives, path)


def _of_dataset(raw: Remote, derivatives: Remote) -> Iterator[File]:
    """Yield the files of the whole dataset: who took part, what was measured and when."""
    if DESCRIPTION in derivatives.objects:
        yield _file(OF_COHORT, DESCRIPTION, derivatives, DESCRIPTION)
    for path in sorted(raw.objects):
        if TABLES.fullmatch(path):
            yield _file(OF_COHORT, f"dataset/{path}", raw, path)


def of_raw(raw: Remote, scans: Sequence[Scan]) -> list[File]:
    """Return the files of a raw dataset that fMRIPrep needs for some scans; those of a participant carry its name.

    They are put into one BIDS folder with the tables of the dataset: anatomy and field maps, and of the functional
    files those of the tasks of the scans.
    """
    people, tasks = {scan.participant_id for scan in scans}, {scan.task for scan in scans}
    files = []
    for path in sorted(raw.objects):
        owner, *folders, name = path.split("/") if "/" in path else ("", path)
        if not owner and (TABLES.fullmatch(path) or name.endswith(".json")):
            files.append(_file(OF_COHORT, f"dataset/{path}", raw, path))
        elif owner in people and _is_needed(folders, name, tasks):
            files.append(_file(owner, f"dataset/{path}", raw, path))
    return files


def _is_needed(folders: Sequence[str], name: str, tasks: Collection[str]) -> bool:
    kind = folders[-1] if folders else ""
    if kind == "func":
        return entities(name).get("task", "") in tasks
    return kind in ("anat", "fmap") or name.endswith((".tsv", ".json"))


def _file(scan: str, place: str, tree: Remote, path: str) -> File:
    size, etag = tree.objects[path]
    return File(scan, place, tree.where(path), size, etag)
