"""Whether the files and tables of a cohort are there and fit together; of images only the headers are read."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from connect.acquisition import differing, told
from connect.choices import Choices
from connect.denoise.columns import FD
from connect.denoise.confounds import columns_of
from connect.doctor.findings import Findings
from connect.entered import few
from connect.errors import UnusableScan, UserError
from connect.files import File
from connect.index.checks import length_notes, table_notes
from connect.index.draft import session_labels
from connect.index.fmriprep import timing_notes
from connect.index.timing import Timing, read_timing
from connect.index.trees import Folder
from connect.layout import DATA, choice, scans_table
from connect.parcellate.images import check_grid, open_run, read_grid
from connect.progress import progress
from connect.scans import Scan
from connect.screen import check_excluded, check_sessions
from connect.settings.cohort import Cohort
from connect.settings.strategy import Strategy
from connect.tables import read_columns, read_header

CHECK = "CHECK "
"""How notes of `connect index` begin that somebody has to act on."""


def check_cohort(found: Findings, name: str, choices: Choices) -> pd.DataFrame | None:
    """Check the scans of a cohort.

    Returns
    -------
    pandas.DataFrame or None
        A row per scan: participant_id, session_id, scan, tr (s), scanner, minutes, and mean_fd (mm) as far as its
        confounds can be read; None without a scans table.
    """
    cohort, scans, sheet = choices.cohorts[name], choices.scans.get(name), Path(choice("cohorts", name))
    if not scans:
        return None
    people = {scan.participant_id for scan in scans}
    found.ok(f"{scans_table(name)}: {len(scans)} scans of {len(people)} participants")
    rows = table_of(scans)
    _check_meaning(found, cohort, scans, rows, sheet)
    _check_acquisition(found, scans, scans_table(name))
    _check_tables(found, cohort, people)
    if name in choices.files:
        _check_download(found, choices.files[name], Path(DATA, name), keep=cohort.keep_images)
    present = _present(found, cohort, scans, fetched=name in choices.files)
    _check_images(found, cohort, present, scans_table(name))
    moved = _check_confounds(found, cohort, present, choices.named["strategies"])
    return rows.assign(mean_fd=rows["scan"].map(moved))


def table_of(scans: Sequence[Scan]) -> pd.DataFrame:
    """Return a row per scan with the columns that the stages after denoise know of it, as if no volume was censored."""
    keys = ("participant_id", "session_id", "tr", "scanner")
    rows = [{key: getattr(scan, key) or None for key in keys} | {"scan": scan.name} for scan in scans]
    return pd.DataFrame(rows).assign(minutes=[scan.tr * scan.n_volumes / 60 for scan in scans])


def _check_meaning(found: Findings, cohort: Cohort, scans: Sequence[Scan], rows: pd.DataFrame, sheet: Path) -> None:
    """Check what the cohort file says of sessions and scans."""
    start = len(found.found)
    found.attempt("sessions", lambda: check_sessions(rows, cohort, sheet))
    labels = session_labels(scans)
    unlisted = [label for label in labels if label not in cohort.sessions]
    if unlisted:
        must, todo = "a phase for every session that is to be analysed", "add them, or leave them out on purpose"
        found.warn("sessions", UserError(f"{sheet}, key sessions", must, f"nothing of {few(unlisted)}", todo))
    scanless = [label for label in cohort.sessions if label not in labels]
    if scanless:
        must, todo = "sessions that have scans", "correct the labels, or index the cohort again"
        found.warn("sessions", UserError(f"{sheet}, key sessions", must, f"no scan of {few(scanless)}", todo))
    found.attempt("exclude", lambda: check_excluded(rows, cohort, sheet))
    if found.clean_since(start):
        phases = ", ".join(f"{label} ({session.phase})" for label, session in cohort.sessions.items())
        found.ok(f"sessions: {phases}")
    for note in length_notes(scans, cohort.limits, sheet):
        what, _, todo = note.removeprefix(CHECK).partition("; ")
        found.warn("limits", UserError(f"{sheet}, key limits", "limits that most scans can meet", what, todo))


def _check_acquisition(found: Findings, scans: Sequence[Scan], where: str) -> None:
    """Check whether scans were measured in the same way."""
    must = "one TR and one scanner for all scans of a participant"
    todo = "correct the table if it is wrong; else read in the report what the change may do to the results"
    for note in told(differing(vars(scan) for scan in scans), "scans"):
        found.warn("acquisition", UserError(where, must, note, todo))
    counts = Counter(f"{scan.tr:.4g} s" for scan in scans)
    if len(counts) > 1:
        got = ", ".join(f"{tr} ({count} scans)" for tr, count in sorted(counts.items()))
        todo = "correct the table if it is wrong; else see that the arms share their TRs"
        found.warn("TR", UserError(f"{where}, column tr", "one TR, so that scans are filtered alike", got, todo))
    else:
        found.ok(f"TR: {next(iter(counts))}")


def _check_tables(found: Findings, cohort: Cohort, people: set[str]) -> None:
    """Check the participants table against the scans; what models read of it is checked with them."""
    table = cohort.participants
    if not table.is_file():
        return
    text = table.read_text(encoding="utf-8-sig", errors="replace")
    for note in table_notes(table, text, people):
        if note.startswith(CHECK):
            must, todo = "a row for everyone with scans, and cells that are read in one way only", "correct the table"
            found.warn("participants", UserError(table, must, note.removeprefix(CHECK), todo))
        else:
            found.ok(note)


def _check_download(found: Findings, files: Sequence[File], folder: Path, *, keep: bool) -> None:
    """Check that there is room for what is still to be fetched."""
    lacking = [file for file in files if file.size and not (folder / file.path).is_file()]
    size = sum(file.size or 0 for file in lacking)
    found.ok(f"to be fetched: {len(lacking)} of {len(files)} files, {size / 1e9:.1f} GB")
    free = shutil.disk_usage(Path.cwd()).free
    if keep and size > free:
        todo = "make room, or set `keep_images: false` in the cohort file: then disk for a few scans is enough"
        must = f"room for {size / 1e9:.1f} GB of images"
        found.fix("disk", UserError(folder, must, f"{free / 1e9:.1f} GB free", todo))


def _present(found: Findings, cohort: Cohort, scans: Sequence[Scan], *, fetched: bool) -> list[Scan]:
    """Return the scans whose files are all there; others are no mistake if the workflow will put them there."""
    folder = cohort.derivatives
    lost = {scan.name: [one for one in (scan.bold, scan.mask, scan.confounds) if not (folder / one).is_file()]
            for scan in scans}  # fmt: skip
    present = [scan for scan in scans if not lost[scan.name]]
    absent = [path for paths in lost.values() for path in paths]
    if absent and not (fetched or cohort.preprocess):
        todo = "correct `derivatives`, bring the files back, or index the cohort again"
        got = f"{len(absent)} missing: {few(absent)}"
        found.fix("files", UserError(folder, "the image, mask and confounds of every scan", got, todo))
    elif absent:
        found.ok(f"files: of {len(present)} of {len(scans)} scans; the workflow makes or fetches the others")
    else:
        found.ok(f"files: image, mask and confounds of all {len(scans)} scans are in {folder}")
    return present


def _check_images(found: Findings, cohort: Cohort, scans: Sequence[Scan], where: str) -> None:
    """Check headers: readable, as long and as fast as the scans table says, masks on the grid of their images."""
    start, tree = len(found.found), Folder(cohort.derivatives)
    timings: dict[str, Timing] = {}
    for scan in progress(scans, "headers of images", len(scans)):
        with found.noted(f"scan {scan.name}"):
            grid = open_run(cohort.derivatives / scan.bold, UnusableScan).grid
            mask = cohort.derivatives / scan.mask
            check_grid(mask, read_grid(mask, UnusableScan), grid)
            timings[scan.bold] = timing = read_timing(tree, scan.bold)
            _check_table(scan, timing, where)
    found.shorten(start, "images")
    if not scans:
        return
    for note in timing_notes(timings):
        if note.startswith(CHECK):
            must, todo = "the same TR in the JSON sidecar and the header of an image", "find out which is right"
            found.warn("TR", UserError(cohort.derivatives, must, note.removeprefix(CHECK), todo))
    if found.clean_since(start):
        found.ok("headers: readable, TR and length as in the table, masks on the grid of their images")


def _check_table(scan: Scan, timing: Timing, where: str) -> None:
    tr = timing.sidecar or timing.header or np.nan
    if timing.n_volumes != scan.n_volumes or not np.isclose(tr, scan.tr, rtol=1e-3):
        must = f"what the scans table says: {scan.n_volumes} volumes, TR {scan.tr:g} s"
        got = f"{timing.n_volumes} volumes, TR {tr:g} s"
        raise UserError(f"{where}, {scan.name}", must, got, "index the cohort again")


def _check_confounds(
    found: Findings, cohort: Cohort, scans: Sequence[Scan], strategies: Mapping[str, Strategy]
) -> dict[str, float]:
    """Check the confounds of every scan against every strategy; return the mean FD (mm) of scans."""
    start, moved = len(found.found), {}
    lacking: dict[str, list[UserError]] = {}
    for scan in progress(scans, "tables of confounds", len(scans)):
        path = cohort.derivatives / scan.confounds
        with found.noted(f"scan {scan.name}"):
            columns = read_header(path)
            for name, strategy in strategies.items():
                try:
                    columns_of(path, columns, strategy)
                except UserError as error:
                    lacking.setdefault(name, []).append(error)
            fd = read_columns(path, [FD])[:, 0]
            if len(fd) != scan.n_volumes:
                must, todo = f"{scan.n_volumes} rows, one per volume", "copy the table again, or run fMRIPrep again"
                raise UserError(path, must, f"{len(fd)} rows", todo)
            moved[scan.name] = float(np.nanmean(fd)) if np.isfinite(fd).any() else np.nan
    found.shorten(start, "confounds")
    for name, errors in lacking.items():
        got = f"{len(errors)} of {len(scans)} scans lack it; the first has {errors[0].got}"
        found.fix(f"strategy {name}", UserError(errors[0].where, errors[0].must, got, errors[0].todo))
    if scans and found.clean_since(start):
        found.ok(f"confounds: all columns that {len(strategies)} strategies need, in every scan")
    still = [fd for fd in moved.values() if np.isfinite(fd)]
    high = sum(fd > cohort.limits.mean_fd for fd in still)
    if 2 * high > len(moved) > 0:
        must, got = "a limit of motion that most scans meet", f"{high} of {len(moved)} scans move more than that"
        todo = "loosen `limits.mean_fd` before you know results, or look at the scans"
        found.warn("motion", UserError(f"limit mean_fd {cohort.limits.mean_fd:g} mm", must, got, todo))
    elif still:
        shown = f"mean FD {min(still):.2g} to {max(still):.2g} mm"
        found.ok(f"motion: {shown}, {high} of {len(moved)} scans above the limit of {cohort.limits.mean_fd:g} mm")
    return moved
