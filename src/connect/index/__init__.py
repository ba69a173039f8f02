"""Write the scans table of a cohort, and a first draft of its cohort file, from an fMRIPrep folder."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from connect.errors import UserError
from connect.index.draft import write_draft
from connect.index.fmriprep import find_scans
from connect.layout import choice, scans_table
from connect.scans import Scan, write_scans
from connect.tables import written


def index(fmriprep: Path, /, cohort: str, space: str = "", task: str = "", choices: Path = Path("config")) -> None:
    """List the scans of an fMRIPrep folder as the scans table of a cohort, and draft its cohort file.

    A cohort file that exists is left as it is. What was found is told on standard output.

    Parameters
    ----------
    fmriprep
        fMRIPrep folder (`--level full`). Nothing is written to it.
    cohort
        Name of the cohort: letters, digits and `-`.
    space
        Space in fMRIPrep's notation, such as `MNI152NLin6Asym` or `MNI152NLin6Asym:res-2`. Without it,
        MNI152NLin2009cAsym if it is there, else the only standard space.
    task
        Task label. Without it, the tasks with `rest` in their label, or all if no label has it.
    choices
        Folder of the choices. The files are written to its folder `cohorts`.

    Raises
    ------
    UserError
        If the folder holds no fully preprocessed scans, if the space is ambiguous, or if a scan lacks its mask, its
        confounds or its repetition time.
    """
    if not re.fullmatch(r"[A-Za-z0-9-]+", cohort):
        raise UserError("--cohort", "a name of letters, digits and `-`", cohort, "choose such a name")
    scans, notes = find_scans(fmriprep, space, task)
    table, sheet = Path(scans_table(cohort, choices)), Path(choice("cohorts", cohort, choices))
    if len({scan.task for scan in scans}) > 1:
        notes.append("CHECK: scans of several tasks, which are averaged within a session; choose one with --task")
    notes += write_draft(sheet, fmriprep, scans)
    with written(table) as aside:
        write_scans(aside, scans)
    sys.stdout.write(
        f"{summary(scans, notes)}\nwrote {table}\nnext: check {sheet}, then name the cohort and its models"
        f" in {choices / 'config.yaml'}: `{cohort}: [MODEL]`\n"
    )


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
