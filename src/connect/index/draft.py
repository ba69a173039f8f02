"""The first draft of a cohort file: where the participants table is, and which session is before and which after."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import yaml

from connect.config import read
from connect.index.checks import length_notes, people_of, table_notes
from connect.layout import entities
from connect.scans import Scan
from connect.settings.cohort import SESSION, TELLING, Cohort, Limits, Preprocess, Selection
from connect.tables import written

Phase = Literal["pre", "post"]
WORDS: Mapping[Phase, tuple[str, str]] = {"pre": ("pre|base", "1"), "post": ("post|follow", "2")}
"""What a session label of each phase tends to contain: words, and where no label has one, a digit."""


GUESSED = [
    "# CHECK: the phases are guessed from the labels. `weeks` since the first session can stand beside them:",
    "# `{phase: post, weeks: 8}`.",
]
"""Comment above sessions of which nobody has said what they mean."""

EVERYTHING = Selection()
"""What is selected without a choice."""


@dataclass(frozen=True)
class Origin:
    """Where the data of a cohort are.

    Attributes
    ----------
    derivatives
        Folder of the derivatives.
    participants
        The participants table; None if it is not known.
    table
        Its text.
    title
        Name of the dataset, if it tells one.
    source
        Citation or address of the dataset, if it tells one.
    fetched
        Whether the workflow fetches the files.
    preprocess
        How fMRIPrep makes the derivatives, if the workflow runs it.
    """

    derivatives: Path
    participants: Path | None
    table: str = ""
    title: str = ""
    source: str = ""
    fetched: bool = False
    preprocess: Preprocess | None = None


@dataclass(frozen=True)
class Meant:
    """What somebody has said of a cohort, so that it need not be guessed.

    Attributes
    ----------
    phases
        Phase of each session that is compared, by its label.
    weeks
        Weeks from before to after; None if they are not known or not the same for everyone.
    dated
        Whether `sub-*_sessions.tsv` has the dates of sessions.
    columns
        New columns of the participants: the columns of the table whose values they have.
    """

    phases: Mapping[str, Phase]
    weeks: float | None = None
    dated: bool = False
    columns: Mapping[str, str] = field(default_factory=dict)


def write_draft(sheet: Path, origin: Origin, scans: Sequence[Scan], selection: Selection) -> list[str]:
    """Write the draft of a cohort file, unless the file exists; return what the user has to know and to check."""
    if sheet.exists():
        return [f"{sheet} exists and is left as it is", *_review(sheet, origin, scans)]
    labels = session_labels(scans)
    with written(sheet) as aside:
        aside.write_text(draft(sheet, origin, labels, selection), encoding="utf-8")
    notes = [f"wrote {sheet}: CHECK its sessions, their phases are guessed from the labels"]
    unused = [label for label in labels if label not in guess_phases(labels)]
    if unused:
        notes.append(f"CHECK {sheet}: {len(unused)} of {len(labels)} sessions are not compared ({', '.join(unused)})")
    notes += length_notes(scans, Limits(), sheet)
    if origin.participants is None:
        return [*notes, f"CHECK the participants in {sheet}: no participants.tsv was found, the path must be corrected"]
    return [*notes, *table_notes(origin.participants, origin.table, {scan.participant_id for scan in scans})]


def no_sessions(scans: Sequence[Scan]) -> str:
    """Return what the user has to do about scans without a session: which entities may tell sessions apart."""
    found = [entities(scan.bold.rpartition("/")[2]) for scan in scans]
    labels = {name: sorted({image[name] for image in found if name in image}) for name in TELLING if name != SESSION}
    ways = [f"`--sessions-by {name}` ({', '.join(own)})" for name, own in labels.items() if len(own) > 1]
    how = f"say what tells them apart: {' or '.join(ways)}" if ways else "nothing in their names tells them apart"
    return f"CHECK no scan has a session, and without one there is no change: no cohort file is written; {how}"


def session_labels(scans: Sequence[Scan]) -> list[str]:
    """Return the session labels (without ``ses-``), sorted."""
    return sorted({scan.session_id.removeprefix("ses-") for scan in scans if scan.session_id})


def guess_phases(labels: Sequence[str]) -> dict[str, Phase]:
    """Guess which session is before and which is after the intervention; further sessions are left out.

    Examples
    --------
    >>> guess_phases(["2postEEG", "1preEEG"])
    {'1preEEG': 'pre', '2postEEG': 'post'}
    >>> guess_phases(["A", "B", "C"])
    {'A': 'pre', 'B': 'post'}
    """
    labels = sorted(labels)
    pre, post = _match(labels, "pre"), _match(labels, "post")
    if pre is None:
        pre = next((label for label in labels if label != post), None)
    if post is None:
        post = next((label for label in labels if label != pre), None)
    guessed: dict[str, Phase] = {}
    if pre is not None:
        guessed[pre] = "pre"
    if post is not None:
        guessed[post] = "post"
    return guessed


def draft(
    sheet: Path, origin: Origin, labels: Sequence[str], selection: Selection = EVERYTHING, meant: Meant | None = None
) -> str:
    """Return the text of a cohort file.

    Parameters
    ----------
    sheet
        Where the file will stand: its paths are relative to that folder where this makes sense.
    origin
        Where the data are.
    labels
        Session labels.
    selection
        Which images are scans, and what tells sessions apart.
    meant
        What need not be guessed.
    """
    entries = {
        "title": origin.title or sheet.stem,
        "derivatives": relative(origin.derivatives, sheet.parent),
        "participants": relative(origin.participants or origin.derivatives / "participants.tsv", sheet.parent),
        **({"source": origin.source} if origin.source else {}),
    }
    phases = meant.phases if meant else guess_phases(labels)
    others = [label for label in labels if label not in phases]
    lines = [f"{key}: {_quoted(value)}" for key, value in entries.items()]
    if origin.preprocess:
        lines += [
            "# fMRIPrep makes the derivatives of the raw scans; `--fs-no-reconall` saves hours and the surfaces.",
            "preprocess:",
            f"  raw: {_quoted(relative(origin.preprocess.raw, sheet.parent))}",
            f"  space: {_quoted(origin.preprocess.space)}",
            f"  arguments: {_quoted(origin.preprocess.arguments)}",
        ]
    if origin.fetched:
        lines += [
            "# With `keep_images: false` an image is deleted once it is parcellated, so that disk for a few is enough."
        ]
    if origin.participants is None:
        lines.append("# CHECK: no participants.tsv was found; correct its path.")
    lines += _of_selection(selection)
    if meant is None:
        lines += [
            "# CHECK: the phases are guessed from the labels. `weeks` since the first session can stand beside them:"
        ]
        lines += ["# `{phase: post, weeks: 8}`."]
    lines += ["sessions:"]
    lines += [f"  {_quoted(label)}: {{{_meaning(phase, meant)}}}" for label, phase in phases.items()]
    if others:
        lines += ["  # Not compared. With further sessions, each needs a condition, those above too:"]
        lines += [f"  # {_quoted(label)}: {{phase: {_phase(label)}, condition: NAME}}" for label in others]
    if meant and meant.dated:
        lines += ["dates: {}"]
    if meant and meant.columns:
        lines += ["columns:", *(f"  {name}: {{column: {_quoted(own)}}}" for name, own in meant.columns.items())]
    return "\n".join([*lines, ""])


def find_participants(folders: Iterable[Path], people: Collection[str]) -> Path | None:
    """Return the first participants.tsv in some folders that lists some of these people."""
    tables = (folder / "participants.tsv" for folder in folders)
    return next((table for table in tables if table.is_file() and people_of(_text(table)) & set(people)), None)


def relative(path: Path, folder: Path) -> str:
    """Return a path relative to a folder if both are in the project or beside it, else absolute."""
    target, start = Path(os.path.normpath(path.absolute())), folder.resolve()
    beside = Path.cwd().parent
    near = Path.cwd() if beside == Path(beside.anchor) else beside
    if target.is_relative_to(near) and start.is_relative_to(near):
        return Path(os.path.relpath(target, start)).as_posix()
    return target.as_posix()


def _review(sheet: Path, origin: Origin, scans: Sequence[Scan]) -> Iterator[str]:
    """Yield where an existing cohort file and what was indexed differ."""
    cohort = read(Cohort, sheet)
    if cohort.derivatives.resolve() != origin.derivatives.resolve():
        yield f"CHECK {sheet}: `derivatives` is {cohort.derivatives}, but the scans are in {origin.derivatives}"
    there, here = (told.space if told else "no such key" for told in (cohort.preprocess, origin.preprocess))
    if there != here:
        yield f"CHECK {sheet}: `preprocess` has the space {there}, but indexed was: {here}"
    unknown = [label for label in session_labels(scans) if label not in cohort.sessions]
    if unknown:
        yield f"{sheet} says nothing of the sessions {', '.join(unknown)}: they are not compared"
    yield from length_notes(scans, cohort.limits, sheet)
    table = cohort.participants
    text = _text(table) if table.is_file() else origin.table
    yield from table_notes(table, text, {scan.participant_id for scan in scans}) if text else ()


def _match(labels: Sequence[str], phase: Phase) -> str | None:
    other = WORDS["post" if phase == "pre" else "pre"][0]
    for pattern in WORDS[phase]:
        for label in labels:
            if re.search(pattern, label, re.IGNORECASE) and not re.search(other, label, re.IGNORECASE):
                return label
    return None


def _meaning(phase: Phase, meant: Meant | None) -> str:
    """Return what a session stands for, as YAML."""
    if meant is None or meant.weeks is None:
        return f"phase: {phase}"
    return f"phase: {phase}, weeks: {meant.weeks if phase == 'post' else 0:g}"


def _phase(label: str) -> Phase:
    return "pre" if _match([label], "pre") else "post"


def _text(table: Path) -> str:
    return table.read_text(encoding="utf-8-sig", errors="replace")


def _of_selection(selection: Selection) -> list[str]:
    """Return the lines of a selection, without what is not chosen."""
    chosen = {key: value for key, value in vars(selection).items() if value != getattr(EVERYTHING, key)}
    plain = json.loads(json.dumps(chosen))
    return yaml.safe_dump({"selection": plain}, sort_keys=False).rstrip("\n").split("\n") if chosen else []


def _quoted(text: str) -> str:
    """Return text as YAML, in quotes only where it would be something else without them (``01``, ``no``)."""
    return yaml.safe_dump([text], allow_unicode=True, width=10_000)[2:].rstrip("\n")
