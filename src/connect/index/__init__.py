"""Write the scans table of a cohort, and a draft of its cohort file, from a folder or an OpenNeuro accession."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from connect.errors import UserError
from connect.files import File, write_files
from connect.index.draft import Origin, find_participants, no_sessions, write_draft
from connect.index.fmriprep import find_scans
from connect.index.folders import sources
from connect.index.openneuro import PREFIX, about, check_derivatives, of_raw, open_accession, pin, told_size
from connect.index.raw import find_raw
from connect.index.selection import selection_of
from connect.index.trees import Folder, Remote
from connect.layout import DATA, choice, files_table, scans_table
from connect.scans import Scan, write_scans
from connect.settings.cohort import Preprocess, Selection
from connect.tables import written


def index(
    source: str | Path,
    /,
    cohort: str,
    space: str = "",
    task: str = "",
    sessions_by: Sequence[str] = (),
    preprocess: bool = False,
    choices: Path = Path("config"),
) -> None:
    """List the scans of fMRIPrep's derivatives as the scans table of a cohort, and draft its cohort file.

    Of an OpenNeuro accession the public bucket is listed, and only text and the headers of images are read; its files
    table says where each file comes from, with size and checksum. A cohort file that exists is left as it is, and its
    `selection` counts where no flag says otherwise. What was found is told on standard output.

    Parameters
    ----------
    source
        fMRIPrep folder (`--level full`), or with `--preprocess` a folder of raw BIDS, to which nothing is written; or
        an accession such as `openneuro:ds003007`.
    cohort
        Name of the cohort: letters, digits and `-`.
    space
        Space in fMRIPrep's notation, such as `MNI152NLin6Asym` or `MNI152NLin6Asym:res-2`. Without it,
        MNI152NLin2009cAsym if it is there, else the only standard space; `MNI152NLin2009cAsym:res-2` with
        `--preprocess`.
    task
        Task label. Without it, the tasks with `rest` in their label, or all if no label has it.
    sessions_by
        What tells sessions apart: entities (`session`, `task`, `acq`, `run`, ...) and columns of `sub-*_sessions.tsv`,
        whose labels are joined. Without it, the session of the file names.
    preprocess
        The source is raw, and the workflow shall run fMRIPrep on it.
    choices
        Folder of the choices. The files are written to its folder `cohorts`.

    Raises
    ------
    UserError
        If there are no fully preprocessed scans, if the space is ambiguous, if a scan lacks its mask, its confounds or
        its repetition time, if the selection does not fit, if fMRIPrep would refuse a raw scan, or if OpenNeuro cannot
        be reached or has no derivatives of the dataset.
    """
    if not re.fullmatch(r"[A-Za-z0-9-]+", cohort):
        raise UserError("--cohort", "a name of letters, digits and `-`", cohort, "choose such a name")
    table, sheet = Path(scans_table(cohort, choices)), Path(choice("cohorts", cohort, choices))
    pins = Path(files_table(cohort, choices))
    selection, choice_notes = selection_of(sheet, "" if preprocess else space, task, sessions_by)
    if preprocess:
        scans, files, origin, notes = _of_raw(str(source), cohort, space, selection)
    elif str(source).startswith(PREFIX):
        scans, files, origin, notes = _of_accession(str(source), cohort, selection)
        notes.append(f"to be fetched: {told_size(files)}")
    else:
        scans, origin, notes = of_folder(Path(source), selection)
        files = []
    if files:
        with written(pins) as aside:
            write_files(aside, files)
    else:
        pins.unlink(missing_ok=True)
    can_compare = sheet.exists() or any(scan.session_id for scan in scans)
    draft_notes = write_draft(sheet, origin, scans, selection) if can_compare else [no_sessions(scans)]
    with written(table) as aside:
        write_scans(aside, scans)
    then = f"check {sheet}, then name the cohort and its models in {choices / 'config.yaml'}: `{cohort}: [MODEL]`"
    told = summary(scans, [*choice_notes, *notes, *draft_notes])
    sys.stdout.write(f"{told}\nwrote {table}\nnext: {then if can_compare else 'index again'}\n")


def of_folder(fmriprep: Path, selection: Selection) -> tuple[list[Scan], Origin, list[str]]:
    """Return the scans of an fMRIPrep folder, where the data of the cohort are, and what the user has to know."""
    around = sources(fmriprep)
    scans, notes = find_scans(Folder(fmriprep), [Folder(folder) for folder in around], selection)
    table = find_participants((fmriprep, *around), {scan.participant_id for scan in scans})
    text = Folder(table.parent).text(table.name) if table else ""
    return scans, Origin(fmriprep, table, text), notes


def _of_accession(source: str, cohort: str, selection: Selection) -> tuple[list[Scan], list[File], Origin, list[str]]:
    raw, derivatives = open_accession(source)
    check_derivatives(raw, derivatives)
    scans, notes = find_scans(derivatives, [raw], selection)
    placed, files = pin(scans, derivatives, raw)
    folder, table = Path(DATA, cohort), "participants.tsv"
    text = raw.text(table) if table in raw.files else ""
    origin = Origin(folder, folder / "dataset" / table if text else None, text, *about(raw, source), fetched=True)
    return placed, files, origin, notes


def _of_raw(
    source: str, cohort: str, space: str, selection: Selection
) -> tuple[list[Scan], list[File], Origin, list[str]]:
    remote = source.startswith(PREFIX)
    tree = open_accession(source)[0] if remote else Folder(Path(source))
    folder = Path(DATA, cohort, "dataset") if remote else Path(source)
    settings = Preprocess(folder, space) if space else Preprocess(folder)
    found = find_raw(tree, cohort, settings.space, selection)
    tasks = {scan.task for scan in found.scans}
    if len(tasks) == 1:
        settings = replace(settings, arguments=f"--task-id {next(iter(tasks))}")
    name = "participants.tsv"
    text = tree.text(name) if name in tree.files else ""
    table = folder / name if text else None
    named, files = ("", ""), []
    if isinstance(tree, Remote):
        named, files = about(tree, source), of_raw(tree, found.scans)
        found.notes.append(f"to be fetched: {told_size(files)}")
    origin = Origin(Path(DATA, cohort), table, text, *named, preprocess=settings)
    return found.scans, [*found.files, *files], origin, found.notes


def summary(scans: Sequence[Scan], notes: Sequence[str]) -> str:
    """Return what was indexed, in lines: a count or a value each, then the notes."""
    people = {(scan.participant_id, scan.session_id) for scan in scans}
    sessions = Counter(session or "none" for _, session in people)
    scanners = Counter(scan.scanner for scan in scans)
    visits = Counter(participant for participant, _ in people)
    single = sorted(participant for participant, count in visits.items() if count == 1 and len(sessions) > 1)
    space = ":res-".join(part for part in (scans[0].space or "native", scans[0].res) if part)
    lines = {
        "participants": len(visits),
        "sessions": ", ".join(f"{session} ({count} participants)" for session, count in sorted(sessions.items())),
        "scans": f"{len(scans)} ({_values(scan.n_volumes for scan in scans)} volumes)",
        "tasks": ", ".join(sorted({scan.task or "none" for scan in scans})),
        "space": space,
        "TR": f"{_values(scan.tr for scan in scans)} s",
        "scanners": ", ".join(f"{name or 'not known'} ({count} scans)" for name, count in sorted(scanners.items())),
        "one session": ", ".join(single) or "none",
    }
    return "\n".join([*(f"{key + ':':<14}{value}" for key, value in lines.items()), *(f"- {note}" for note in notes)])


def _values(numbers: Iterable[float]) -> str:
    found = [f"{number:g}" for number in sorted(set(numbers))]
    return ", ".join(found) if len(found) < 6 else f"{found[0]} to {found[-1]}"
