"""Find the scans among fMRIPrep's derivatives: each preprocessed image with its mask, its confounds and its timing."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath

from connect.acquisition import differing, told
from connect.config import suggest
from connect.errors import UserError
from connect.index.labels import label_sessions, mixed
from connect.index.scanners import read_scanners
from connect.index.selection import Bolds, choose_labels, few
from connect.index.timing import BOLD, Timing, own_sidecar, read_timing
from connect.index.trees import Tree
from connect.layout import entities
from connect.progress import progress
from connect.scans import Scan
from connect.settings.cohort import Selection

DEFAULT_SPACE = "MNI152NLin2009cAsym"
NATIVE = ("native", "T1w", "T2w", "anat", "boldref", "fsnative", "func")
"""Spaces of a single brain, in which no atlas is valid; `native` is a file name without a space."""

CONFOUNDS = ("_desc-confounds_timeseries.tsv", "_desc-confounds_regressors.tsv")
"""How the confounds tables are called: since fMRIPrep 20.2, and before."""


def find_scans(tree: Tree, raws: Sequence[Tree], selection: Selection) -> tuple[list[Scan], list[str]]:
    """Return the scans of fMRIPrep's derivatives, sorted by path, and what the user has to know about the selection.

    Parameters
    ----------
    tree
        What fMRIPrep wrote (``--level full``).
    raws
        Where the raw dataset may be, the likeliest first.
    selection
        Which images are scans, and what tells sessions apart. Without a space, MNI152NLin2009cAsym if it is there, else
        the only standard space; without a task, those with ``rest`` in their label, or all if no label has it.

    Raises
    ------
    UserError
        If there are no fully preprocessed scans, if the space is ambiguous, if a scan lacks its mask, its confounds or
        its repetition time, or if the selection does not fit.
    """
    every: Bolds = {path: entities(PurePosixPath(path).name) for path in sorted(tree.files) if BOLD.search(path)}
    _check_level(tree, every)
    chosen, choice_notes = choose_labels(every, selection)
    bolds, space_notes = choose_space(chosen, selection.space)
    partners, partner_notes = _partners(tree, bolds)
    tree.prepare([*bolds, *(sidecar for path in bolds if (sidecar := own_sidecar(path)) in tree.files)])
    timings = {path: read_timing(tree, path) for path in progress(bolds, "headers of images", len(bolds))}
    scanners, scanner_notes = read_scanners(tree, raws, {path: _run(path) for path in bolds})
    found = [_scan(path, parts, timings[path], scanners[path], *partners[path]) for path, parts in bolds.items()]
    scans, label_notes = label_sessions(found, selection.sessions_by, [tree, *raws])
    check_unique(scans)
    lost = tree.participants - {scan.participant_id for scan in scans}
    lost_notes = [f"CHECK participants without a scan that fits: {few(sorted(lost))}"] if lost else []
    change_notes = [f"CHECK {line}" for line in told(differing(vars(scan) for scan in scans), "scans")]
    read_notes = [*timing_notes(timings), *scanner_notes, *change_notes]
    selected_notes = [*choice_notes, *space_notes, *label_notes, *mixed(scans)]
    return scans, [*selected_notes, *partner_notes, *read_notes, *lost_notes]


def choose_space(bolds: Bolds, space: str = "") -> tuple[Bolds, list[str]]:
    """Return the images in one space and resolution, and what is left out by that."""
    present = sorted({_space(found) for found in bolds.values()})
    name, *modifiers = (space or _default_space(present)).split(":")
    wanted = dict(modifier.partition("-")[::2] for modifier in modifiers)
    fits = {path: found for path, found in bolds.items() if _in_space(found, name, wanted)}
    kinds = sorted({_space(found) for found in fits.values()})
    if not fits:
        todo = f"choose one{suggest(space, present)}"
        raise UserError("--space", f"one of: {', '.join(present)}", space, todo)
    if len(kinds) > 1:
        precise = [kind if ":res-" in kind else f"{kind}:res-native" for kind in kinds]
        todo = f"choose one, such as `--space {precise[-1]}`"
        raise UserError("--space", "one resolution of a space", ", ".join(precise), todo)
    left = [kind for kind in present if kind not in kinds]
    notes = [f"spaces left out: {', '.join(left)} (choose with --space)"] if left else []
    lost = sorted({_run(path) for path in bolds} - {_run(path) for path in fits})
    if lost:
        notes.append(f"CHECK {len(lost)} runs without an image in {kinds[0]}: {few(lost)}")
    return fits, notes


def _check_level(tree: Tree, bolds: Bolds) -> None:
    if not tree.participants:
        raise UserError(
            tree.where(), "a folder `sub-*` for each participant", "none", "give the fMRIPrep folder itself"
        )
    lacking = [] if bolds else ["no preprocessed image (`*_desc-preproc_bold.nii.gz`)"]
    if not any(path.endswith(CONFOUNDS) for path in tree.files):
        lacking.append("no confounds table (`*_desc-confounds_timeseries.tsv`)")
    if lacking:
        todo = "rerun fMRIPrep with `--level full` (or, if this is the raw dataset, add `--preprocess`)"
        raise UserError(tree.where(), "fully preprocessed scans", " and ".join(lacking), todo)


def check_unique(scans: Iterable[Scan]) -> None:
    """Raise a UserError if two images make one scan."""
    seen: dict[str, Scan] = {}
    for scan in scans:
        if scan.name in seen:
            got = f"{seen[scan.name].bold} and {scan.bold}"
            todo = "remove or rename one"
            raise UserError(scan.name, "one image per scan", got, todo)
        seen[scan.name] = scan


def _default_space(present: Sequence[str]) -> str:
    standard = sorted({kind.split(":")[0] for kind in present} - set(NATIVE))
    if DEFAULT_SPACE in standard:
        return DEFAULT_SPACE
    if len(standard) != 1:
        got = f"{len(standard)} among {', '.join(present)}"
        raise UserError("--space", "one standard space", got, "choose one with `--space`")
    return standard[0]


def _in_space(found: Mapping[str, str], name: str, modifiers: Mapping[str, str]) -> bool:
    values = {"res": "native", **found}
    return found.get("space", "native") == name and all(values.get(key) == value for key, value in modifiers.items())


def _space(found: Mapping[str, str]) -> str:
    """Return space and resolution as fMRIPrep's ``--output-spaces`` writes them."""
    return ":".join([found.get("space", "native"), *(f"{k}-{found[k]}" for k in ("cohort", "res") if k in found)])


def _run(bold: str) -> str:
    """Return the path of an image up to the entities that its confounds share with it."""
    folder, _, name = bold.rpartition("/")
    parts = [part for part in BOLD.sub("", name).split("_") if not part.startswith(("space-", "cohort-", "res-"))]
    return f"{folder}/{'_'.join(parts)}"


def _partners(tree: Tree, bolds: Bolds) -> tuple[dict[str, tuple[str, str]], list[str]]:
    """Return the mask and the confounds of each image, and a note on confounds tables that are there twice."""
    files, partners, lacking, doubles = tree.files, {}, [], []
    for path in bolds:
        masks = [mask for end in (".nii.gz", ".nii") if (mask := BOLD.sub("_desc-brain_mask" + end, path)) in files]
        confounds = [table for end in CONFOUNDS if (table := _run(path) + end) in files]
        if masks and confounds:
            partners[path] = (masks[0], confounds[0])
        lacking += [f"mask of {path}"] * (not masks) + [f"confounds of {path}"] * (not confounds)
        doubles += [_run(path)] * (len(confounds) > 1)
    if lacking:
        must = "the brain mask and the confounds of every scan"
        todo = "rerun fMRIPrep with `--level full` for them, or take their images out of the folder"
        raise UserError(tree.where(), must, f"{len(lacking)} missing: {few(lacking)}", todo)
    return partners, [f"confounds under both names, the newer one is read: {few(doubles)}"] if doubles else []


def timing_notes(timings: Mapping[str, Timing]) -> list[str]:
    """Return where the repetition time (s) comes from the header, and where header and sidecar differ."""
    bare = [path for path, timing in timings.items() if timing.sidecar is None]
    differ = [
        f"{path} {timing.sidecar:g} s in JSON, {timing.header:g} s in its header"
        for path, timing in timings.items()
        if timing.sidecar and timing.header and abs(timing.header - timing.sidecar) > 0.01 * timing.sidecar
    ]
    notes = [f"CHECK TR taken from the header of {len(bare)} scans without a JSON TR: {few(bare)}"] if bare else []
    conflicts = f"CHECK TR conflicts in {len(differ)} scans, the JSON counts: {few(differ)}"
    return [*notes, conflicts if differ else "no TR conflicts"]


def _scan(path: str, found: Mapping[str, str], timing: Timing, scanner: str, mask: str, confounds: str) -> Scan:
    return Scan(
        participant_id=f"sub-{found['sub']}",
        session_id=f"ses-{found['ses']}" if "ses" in found else "",
        **{key: found.get(key, "") for key in ("task", "acq", "run", "space", "res")},
        tr=timing.sidecar or timing.header or math.nan,
        scanner=scanner,
        n_volumes=timing.n_volumes,
        bold=path,
        mask=mask,
        confounds=confounds,
    )
