"""Find the scans of raw BIDS under the names that fMRIPrep will give them, so that a cohort is known beforehand."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from pathlib import PurePosixPath
from typing import NamedTuple

from connect.acquisition import differing, told
from connect.errors import UserError
from connect.files import File
from connect.index.fmriprep import check_unique, timing_notes
from connect.index.labels import label_sessions, mixed
from connect.index.scanners import scanner
from connect.index.selection import Bolds, choose_labels, few
from connect.index.timing import Timing, read_timing, sidecars
from connect.index.trees import Tree
from connect.layout import DATA, FETCHED, bids_name, entities, fetched_name
from connect.scans import TOLD_BY_IMAGE, Scan
from connect.settings.cohort import Selection

KEPT = ("sub", "ses", "task", "acq", "ce", "rec", "dir", "run", "part")
"""Entities of a raw image that fMRIPrep keeps, in the order in which it writes them; it joins echoes into one image."""

SHORTEST = 6
"""Volumes of the shortest run that fMRIPrep preprocesses."""

_BOLD = re.compile(r"sub-[^/]+/(ses-[^/]+/)?func/[^/]+_bold\.nii(\.gz)?")


class Run(NamedTuple):
    """A run of raw images: its name in the derivatives, its (first) image, its timing and its scanner in words."""

    name: str
    path: str
    timing: Timing
    scanner: str


class Found(NamedTuple):
    """The scans of a raw dataset, the files that fMRIPrep will make of them, and what the user has to know."""

    scans: list[Scan]
    files: list[File]
    notes: list[str]


def find_raw(raw: Tree, cohort: str, space: str, selection: Selection) -> Found:
    """Return the scans of a raw dataset as they will be when fMRIPrep has preprocessed it, sorted by raw path.

    Parameters
    ----------
    raw
        The raw dataset.
    cohort
        Name of the cohort.
    space
        Space of the derivatives, such as ``MNI152NLin2009cAsym:res-2``.
    selection
        Which images are scans, and what tells sessions apart; its space does not count. Without a task, those with
        ``rest`` in their label are taken, or all if no label has it.

    Returns
    -------
    Found
        The scans, whose paths are relative to the cohort's folder of data; the files table; notes.

    Raises
    ------
    UserError
        If there is no raw scan with a T1w image, if fMRIPrep would refuse an image, or if two would have one name.
    """
    images = {path: entities(PurePosixPath(path).name) for path in sorted(raw.files) if _BOLD.fullmatch(path)}
    bolds = {path: found for path, found in images.items() if found.get("part", "mag") == "mag" and "desc" not in found}
    if not bolds or "dataset_description.json" not in raw.files:
        got = "no dataset_description.json" if bolds else "no image `sub-*/func/*_bold.nii.gz`"
        raise UserError(raw.where(), "raw BIDS with functional images", got, "give the folder of the raw dataset")
    chosen, notes = choose_labels(bolds, selection)
    complete, anatomy_notes = _with_anatomy(raw, chosen)
    runs = _read_runs(raw, {name: paths[0] for name, paths in _join_echoes(raw, complete).items()})
    long = [run for run in runs if run.timing.n_volumes >= SHORTEST]
    short = [run.path for run in runs if run.timing.n_volumes < SHORTEST]
    if not long:
        raise UserError(raw.where(), f"runs of at least {SHORTEST} volumes", few(short), "give the whole dataset")
    made, label_notes = label_sessions([_scan(run, space) for run in long], selection.sessions_by, [raw])
    scans = [_placed(scan) for scan in made]
    check_unique(scans)
    lost = sorted(raw.participants - {f"sub-{found['sub']}" for found in chosen.values()})
    lost_notes = [f"CHECK participants without a scan that fits: {few(lost)}"] if lost else []
    short_notes = [f"CHECK runs left out, fMRIPrep needs {SHORTEST} volumes: {few(short)}"] if short else []
    change_notes = [f"CHECK {line}" for line in told(differing(vars(scan) for scan in scans), "scans")]
    read_notes = [*timing_notes({run.path: run.timing for run in long}), *change_notes]
    files = [file for scan, run in zip(scans, long, strict=True) for file in _files(scan, cohort, run.name, space)]
    return Found(
        scans, files, [*notes, *label_notes, *mixed(scans), *lost_notes, *anatomy_notes, *short_notes, *read_notes]
    )


def derivatives(run: str, space: str) -> dict[str, str]:
    """Return the files that fMRIPrep makes of a run, by the keys of :data:`connect.layout.FETCHED`.

    Parameters
    ----------
    run
        Name of the run, with the entities that fMRIPrep keeps.
    space
        Space of the derivatives, such as ``MNI152NLin2009cAsym:res-2``.

    Examples
    --------
    >>> derivatives("sub-01_task-rest", "MNI152NLin6Asym:res-2")["bold"]
    'sub-01/func/sub-01_task-rest_space-MNI152NLin6Asym_res-2_desc-preproc_bold.nii.gz'
    """
    found = entities(f"{run}_bold")
    folder = "/".join([*(f"{key}-{found[key]}" for key in ("sub", "ses") if key in found), "func"])
    resampled = "_".join([run, f"space-{space.split(':')[0]}", *(f"{k}-{v}" for k, v in _modifiers(space).items())])
    stems = {kind: run if kind.startswith("confounds") else resampled for kind in FETCHED}
    return {kind: f"{folder}/{stem}_{FETCHED[kind]}" for kind, stem in stems.items()}


def _modifiers(space: str) -> dict[str, str]:
    """Return what follows the name of a space, in the order of BIDS; fMRIPrep does not write a native resolution."""
    found = dict(part.split("-", 1) for part in space.split(":")[1:])
    return {key: found[key] for key in ("cohort", "res") if found.get(key, "native") != "native"}


def _with_anatomy(raw: Tree, bolds: Bolds) -> tuple[Bolds, list[str]]:
    """Return the images of the participants with a T1w image, without which fMRIPrep stops, and who has none."""
    lacking = sorted({f"sub-{found['sub']}" for found in bolds.values()} - raw.anatomy)
    kept = {path: found for path, found in bolds.items() if f"sub-{found['sub']}" not in lacking}
    if not kept:
        todo = "add `sub-*/anat/*_T1w.nii.gz`"
        raise UserError(raw.where(), "a T1w image of each participant", "none", todo)
    return kept, [f"CHECK participants left out, they have no T1w image: {few(lacking)}"] if lacking else []


def _join_echoes(raw: Tree, bolds: Bolds) -> dict[str, list[str]]:
    """Return the images of each run, by the name that fMRIPrep gives the run: one, or its echoes."""
    runs: dict[str, list[str]] = defaultdict(list)
    for path, found in bolds.items():
        parts = {key: f"{key}-{found[key]}" for key in (*KEPT, "echo") if key in found}
        unknown = set(PurePosixPath(path).name.split("_")[:-1]) - set(parts.values())
        if unknown:
            must = f"a name with no other entities than {', '.join((*KEPT, 'echo'))}, of letters and digits"
            raise UserError(raw.where(path), must, ", ".join(sorted(unknown)), "rename the image")
        runs["_".join(part for key, part in parts.items() if key != "echo")].append(path)
    for paths in runs.values():
        if len(paths) > 1 and (len(paths) == 2 or any("echo" not in bolds[path] for path in paths)):
            must = "one image of a run, or three echoes and more, which fMRIPrep combines"
            raise UserError(raw.where(paths[0]), must, " and ".join(paths), "take away what is too much")
    return dict(runs)


def _read_runs(raw: Tree, images: Mapping[str, str]) -> list[Run]:
    """Return the runs, given by their names and images, with what JSON files and headers say."""
    records = [path for path in raw.files if path.endswith("bold.json")]
    near = {path: list(sidecars(path, records)) for path in images.values()}
    raw.prepare(sorted({*near, *(json for paths in near.values() for json in paths)}))
    return [
        Run(name, path, read_timing(raw, path), scanner(raw.record(json) for json in near[path]))
        for name, path in images.items()
    ]


def _scan(run: Run, space: str) -> Scan:
    """Return a run as a row of the scans table, with its files where `fetch` puts them."""
    found = entities(f"{run.name}_bold")
    values = {
        **{key: found.get(key, "") for key in ("task", "acq", "run")},
        "space": space.split(":")[0],
        "res": _modifiers(space).get("res", ""),
    }
    others = {key: found.get(key, "") for key in ("sub", "ses", *TOLD_BY_IMAGE)}
    name = bids_name({**others, **values})
    return Scan(
        participant_id=f"sub-{found['sub']}",
        session_id=f"ses-{found['ses']}" if "ses" in found else "",
        **values,
        tr=run.timing.sidecar or run.timing.header or math.nan,
        scanner=run.scanner,
        n_volumes=run.timing.n_volumes,
        bold=fetched_name(name, "bold"),
        mask=fetched_name(name, "mask"),
        confounds=fetched_name(name, "confounds"),
    )


def _placed(scan: Scan) -> Scan:
    """Return a scan with its files where `fetch` puts them, after its name."""
    bold, mask, confounds = (fetched_name(scan.name, kind) for kind in ("bold", "mask", "confounds"))
    return replace(scan, bold=bold, mask=mask, confounds=confounds)


def _files(scan: Scan, cohort: str, run: str, space: str) -> list[File]:
    """Return where the files of a scan are put, and where in fMRIPrep's output of the participant they come from."""
    folder = f"{DATA}/{cohort}/fmriprep/{scan.participant_id}"
    made = derivatives(run, space)
    return [File(scan.name, fetched_name(scan.name, kind), f"{folder}/{path}", None, "") for kind, path in made.items()]
