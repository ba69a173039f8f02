"""Names: BIDS file names, and the folders of the choices."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

ENTITIES = (
    *("sub", "ses", "task", "acq", "ce", "rec", "dir", "run", "echo"),
    *("space", "atlas", "seg", "res", "stat", "meas", "desc"),
)
"""Entities of a BIDS file name that connect reads or writes, in the order in which BIDS writes them."""

CHOICES = "config"
"""Folder of the choices, in the folder where the workflow runs."""

DATA = "data"
"""Folder of fetched data, with a folder for each cohort, in the folder where the workflow runs."""

_PART = re.compile(r"^([a-z]+)-([A-Za-z0-9]+)$")
_BRACES = re.compile(r"\{([^{}]*,[^{}]*)\}")


def entities(name: str) -> dict[str, str]:
    """Return the ``key-value`` entities of a BIDS file name, with its ``suffix`` and ``extension``.

    Examples
    --------
    >>> entities("sub-01_task-rest_desc-preproc_bold.nii.gz")
    {'sub': '01', 'task': 'rest', 'desc': 'preproc', 'suffix': 'bold', 'extension': '.nii.gz'}
    """
    stem, dot, extension = name.partition(".")
    *parts, suffix = stem.split("_")
    found = {match[1]: match[2] for match in map(_PART.match, parts) if match}
    return {**found, "suffix": suffix, "extension": dot + extension}


def bids_name(found: Mapping[str, str], suffix: str = "", extension: str = "") -> str:
    """Return the BIDS file name of some entities; empty values are left out.

    Examples
    --------
    >>> bids_name({"sub": "01", "ses": "", "task": "rest"}, "bold", ".nii.gz")
    'sub-01_task-rest_bold.nii.gz'
    """
    parts = [f"{key}-{found[key]}" for key in ENTITIES if found.get(key)]
    return "_".join([*parts, suffix] if suffix else parts) + extension


def series_name(scan: str, atlas: str, extension: str = ".tsv") -> str:
    """Return the file name of the raw parcel series of a scan (or of its JSON sidecar)."""
    return f"{scan}_atlas-{bids_label(atlas)}_stat-mean_timeseries{extension}"


def coverage_name(scan: str, atlas: str) -> str:
    """Return the file name of the coverage of each parcel in a scan."""
    return f"{scan}_atlas-{bids_label(atlas)}_stat-coverage_bold.tsv"


def qc_name(scan: str) -> str:
    """Return the file name of a scan's quality record."""
    return f"{scan}_desc-qc_bold.json"


def qc_series_name(scan: str) -> str:
    """Return the file name of a scan's motion and signal change, volume by volume."""
    return f"{scan}_desc-qc_timeseries.tsv"


def carpet_name(scan: str) -> str:
    """Return the file name of a scan's carpet: some voxels, volume by volume."""
    return f"{scan}_desc-carpet_bold.tsv"


FETCHED = {
    "bold": "desc-preproc_bold.nii.gz",
    "bold_json": "desc-preproc_bold.json",
    "mask": "desc-brain_mask.nii.gz",
    "confounds": "desc-confounds_timeseries.tsv",
    "confounds_json": "desc-confounds_timeseries.json",
}
"""How the files of a fetched scan end; the rule `fetch` declares those that every scan has."""


def fetched_name(scan: str, kind: str) -> str:
    """Return where a file of a fetched scan stands, relative to the cohort's folder of data.

    Examples
    --------
    >>> fetched_name("sub-01_task-rest", "mask")
    'sub-01_task-rest/sub-01_task-rest_desc-brain_mask.nii.gz'
    """
    return f"{scan}/{scan}_{FETCHED[kind]}"


def bids_label(name: str) -> str:
    """Return a name with the letters and digits that BIDS allows in a label.

    Examples
    --------
    >>> bids_label("tian-s1_schaefer100")
    'tians1schaefer100'
    """
    return re.sub(r"[^A-Za-z0-9]", "", name)


def participant(text: str) -> str:
    """Return a participant's label as BIDS writes it; in tables, blanks stand around it and ``sub-`` is missing.

    Examples
    --------
    >>> participant(" 7000")
    'sub-7000'
    """
    return f"sub-{text.strip().removeprefix('sub-')}"


def braced(names: Sequence[str]) -> str:
    """Return names as a pattern that :func:`unbraced` takes apart, so that many paths are few words.

    Examples
    --------
    >>> braced(["36p", "none"]), braced(["36p"])
    ('{36p,none}', '36p')
    """
    return f"{{{','.join(names)}}}" if len(names) > 1 else names[0]


def unbraced(pattern: str) -> list[str]:
    """Return what a pattern with braces stands for, the last braces changing fastest, as in a shell.

    Examples
    --------
    >>> unbraced("{a,b}/x/{c,d}.json")
    ['a/x/c.json', 'a/x/d.json', 'b/x/c.json', 'b/x/d.json']
    """
    parts = [part.split(",") if n % 2 else [part] for n, part in enumerate(_BRACES.split(pattern))]
    return ["".join(words) for words in itertools.product(*parts)]


def choice(kind: str, name: str, folder: Path | str = CHOICES) -> str:
    """Return the path of a choice file, such as ``config/strategies/36p.yaml``."""
    return str(Path(folder) / kind / f"{name}.yaml")


def scans_table(cohort: str, folder: Path | str = CHOICES) -> str:
    """Return the path of a cohort's scans table."""
    return str(Path(folder) / "cohorts" / f"{cohort}.scans.tsv")


def files_table(cohort: str, folder: Path | str = CHOICES) -> str:
    """Return the path of a cohort's files table, which a fetched cohort has."""
    return str(Path(folder) / "cohorts" / f"{cohort}.files.tsv")
