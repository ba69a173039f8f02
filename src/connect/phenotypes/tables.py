"""The cells of a phenotype in tables of any layout: wide, long, one file for each participant, baseline only.

What comes out is always the same: one row per cell, with the participant, the session and the label of the sample or
the number of the item.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from connect.config import suggest
from connect.entered import entered, few, present
from connect.errors import UserError
from connect.settings.cohort import Cohort
from connect.settings.phenotype import PARTICIPANTS, Phenotype
from connect.tables import read_table

LABELS = ("participant_id", "session", "label", "time")
"""What tells one cell from another: whose it is, of which session and sample or item, and at which minute."""

Pair = tuple[str, str]
"""A participant and a session label."""

UNIT_COLUMNS = ("unit", "units")
"""Columns of a table that say in which unit the row was measured."""

SHOWN = 5
"""Rows of a table that an error shows."""


@dataclass(frozen=True)
class Who:
    """Who and when: the participants of the participants table, and the session labels of the cohort file."""

    table: Path
    people: tuple[str, ...]
    sessions: tuple[str, ...]
    baseline: str


@dataclass(frozen=True)
class Found:
    """The cells of a phenotype.

    Attributes
    ----------
    cells
        A row per cell: :data:`LABELS`, ``cell`` as it is written (text, number or missing), its ``column`` and
        ``file``, and the ``unit`` that the row names, which is empty if it names none.
    absent
        Why a participant has no cell in a session, in words, where it is not that the table has no such row.
    notes
        What the user should know of the tables.
    """

    cells: pd.DataFrame
    absent: Mapping[Pair, str]
    notes: tuple[str, ...]


def who_of(cohort: Cohort, participants: Path, people: Sequence[str]) -> Who:
    """Return who is asked for and when; the baseline is the first session before the intervention, else the first."""
    before = [label for label, session in cohort.sessions.items() if session.phase == "pre"]
    return Who(participants, tuple(people), tuple(cohort.sessions), (before or list(cohort.sessions))[0])


def files_of(settings: Phenotype, who: Who, where: object) -> list[tuple[Path, str, str]]:
    """Return each file of a phenotype that exists, with the participant and session that it is about, or nothing.

    Raises
    ------
    UserError
        If there is none.
    """
    if "{" not in settings.file:
        path = who.table if settings.file == PARTICIPANTS else who.table.parent / settings.file
        found = [(path, "", "")] if path.is_file() else []
    else:
        path = who.table.parent / settings.paths(who.people[0], who.baseline)[0]
        found = list(_own_files(settings, who))
    if not found:
        near = suggest(path.name, (other.name for other in path.parent.glob("*") if other.is_file()))
        must = "the file" if "{" not in settings.file else "files of the participants"
        raise UserError(f"{where}, key file", must, f"no {path}", f"correct the path{near}")
    return found


def absent_of(settings: Phenotype, who: Who, about: Sequence[tuple[str, str]], timed: bool) -> dict[Pair, str]:
    """Return why participants have no value in a session, as far as files say it.

    Parameters
    ----------
    settings, who
        The phenotype, and who is asked for.
    about
        Participant and session of each file; either may be empty.
    timed
        Whether the tables or the names of the files tell sessions.
    """
    pairs = [(person, session) for person in who.people for session in who.sessions]
    later = {} if timed else {pair: "measured at baseline only" for pair in pairs if pair[1] != who.baseline}
    if "{" not in settings.file:
        return later
    there = set(about)
    return later | {pair: "no file" for pair in pairs if not there & {pair, (pair[0], "")}}


def read_cells(settings: Phenotype, columns: Mapping[str, str], who: Who, where: object) -> Found:
    """Return the cells of some columns in the tables of a phenotype.

    Parameters
    ----------
    settings
        Say which files hold the cells, and in which layout.
    columns
        Label of a sample or item: its column, which may hold ``{session}``; a plain table has one label, an empty one.
    who
        Participants and sessions that are asked for.
    where
        The phenotype file, for error messages.

    Raises
    ------
    UserError
        If a file or column is missing, nobody or no session of the cohort is in the tables, or a cell is there twice.
    """
    rows, files, notes = _rows(settings, who, where)
    is_wide = any("{session" in column for column in columns.values())
    if is_wide and "session_id" in rows:
        got = "both `{session}` in the name of the column and `session_id` in the table"
        raise UserError(f"{where}, key column", "sessions in columns or in rows", got, "take `{session}` out")
    sessions = _sessions_of(rows, settings, who, where)
    known, lost = _known(rows.assign(session=sessions), who, where)
    if is_wide:
        cells, absent, used = _wide(known, columns, settings, who, where)
    else:
        cells, used = _long(known, columns, settings, where), list(columns.values())
        absent = {}
    told = [note for note in notes if any(f", column {name}: " in note for name in used)]
    _check_twice(cells, settings, where)
    absent |= absent_of(settings, who, files, is_wide or "session_id" in rows)
    return Found(cells.reset_index(drop=True), absent, (*told, *lost))


def _rows(settings: Phenotype, who: Who, where: object) -> tuple[pd.DataFrame, list[tuple[str, str]], list[str]]:
    """Return the rows of all tables, with whom the files are about, and what the user should know of their columns."""
    tables, about, notes = [], [], []
    for path, person, session in files_of(settings, who, where):
        table = read_table(path, [] if person else ["participant_id"])
        if person and "participant_id" not in table:
            table = table.assign(participant_id=person)
        table, told = entered(table, path)
        others = sorted(set(table["participant_id"]) - {person}) if person else []
        if others:
            raise UserError(path, f"rows of {person} alone", few(others), "correct the file or its name")
        if session:
            table = table.assign(session_id=session)
        tables.append(table.assign(file=str(path)))
        about.append((person, session))
        notes += told
    return pd.concat(tables, ignore_index=True), about, notes


def _own_files(settings: Phenotype, who: Who) -> Iterator[tuple[Path, str, str]]:
    """Yield the files of participants that exist."""
    timed = "{session" in settings.file
    for person in who.people:
        for session in who.sessions if timed else (who.baseline,):
            paths = [who.table.parent / path for path in settings.paths(person, session)]
            there = [path for path in paths if path.is_file()]
            if there:
                yield there[0], person, session if timed else ""


def _sessions_of(rows: pd.DataFrame, settings: Phenotype, who: Who, where: object) -> pd.Series[str]:
    """Return the session label of the cohort that each row is of, or the label as it stands there if it has none."""
    if "session_id" not in rows:
        return pd.Series(who.baseline, index=rows.index)
    if rows["session_id"].isna().any():
        person = rows.loc[rows["session_id"].isna(), "participant_id"].iloc[0]
        raise UserError(where, "a session_id in every row of the table", f"none for {person}", "write it")
    names = {name: label for label in who.sessions for name in settings.names_of_session(label)}
    found = rows["session_id"].astype(str).map(lambda name: names.get(name.strip(), name.strip()))
    if "{session" in settings.file:
        found = rows["session_id"].astype(str)
    if not found.isin(who.sessions).any():
        there = sorted(set(found))
        todo = "correct session_id, or say what the sessions are called there: `sessions: {pre: T1, post: T2}`"
        got = f"{few(there)}{suggest(who.sessions[0], there)}"
        raise UserError(where, f"sessions of the cohort in session_id ({few(who.sessions)})", got, todo)
    return found


def _known(rows: pd.DataFrame, who: Who, where: object) -> tuple[pd.DataFrame, list[str]]:
    """Return the rows of the participants and sessions that are asked for, and tell of the others."""
    listed = rows["participant_id"].isin(who.people)
    if not listed.any():
        got = f"rows for {few(sorted(set(rows['participant_id'])))}"
        must = f"rows for the participants of {who.table} ({few(who.people)})"
        raise UserError(where, must, got, "correct participant_id in one of the two tables")
    notes = []
    if not listed.all():
        names = few(sorted(set(rows.loc[~listed, "participant_id"])))
        notes.append(f"{where}: not in {who.table}, left out: {names}")
    asked = rows["session"].isin(who.sessions)
    if not asked[listed].all():
        notes.append(f"{where}: no session of the cohort, left out: {few(sorted(set(rows.loc[~asked, 'session'])))}")
    return rows[listed & asked], notes


def _wide(
    rows: pd.DataFrame, columns: Mapping[str, str], settings: Phenotype, who: Who, where: object
) -> tuple[pd.DataFrame, dict[Pair, str], list[str]]:
    """Return the cells of a table with columns for each session, what is absent, and the columns that were read."""
    parts: list[pd.DataFrame] = []
    absent: dict[Pair, str] = {}
    used: list[str] = []
    for session in who.sessions:
        names = {label: _column_of(column, session, settings, rows) for label, column in columns.items()}
        there = {label: name for label, name in names.items() if name}
        if not there:
            absent |= {(person, session): "no column for this session" for person in who.people}
            continue
        lacking = [columns[label] for label in columns if label not in there]
        if lacking and not settings.score:
            got = f"no `{lacking[0].format(session=settings.names_of_session(session)[0])}`"
            raise UserError(where, f"columns of all samples of session {session}", got, "correct the names")
        parts += [_cells(rows.assign(session=session), name, label, settings, where) for label, name in there.items()]
        used += there.values()
    if not parts:
        first = next(iter(columns.values())).format(session=settings.names_of_session(who.sessions[0])[0])
        present(first, rows, f"{where}, key {'score.items' if settings.score else 'column'}")
    return pd.concat(parts), absent, used


def _column_of(column: str, session: str, settings: Phenotype, rows: pd.DataFrame) -> str:
    """Return the column of a session, with or without `ses-`, or nothing."""
    names = [column.format(session=name) for name in settings.names_of_session(session)]
    return next((name for name in names if name in rows), "")


def _long(rows: pd.DataFrame, columns: Mapping[str, str], settings: Phenotype, where: object) -> pd.DataFrame:
    """Return the cells of a table with rows for each session, or of one without sessions."""
    there = {label: column for label, column in columns.items() if column in rows or not settings.score}
    if not there:
        present(next(iter(columns.values())), rows, f"{where}, key score.items")
    return pd.concat([_cells(rows, column, label, settings, where) for label, column in there.items()])


def _cells(rows: pd.DataFrame, column: str, label: str, settings: Phenotype, where: object) -> pd.DataFrame:
    """Return the cells of one column."""
    samples = settings.samples
    present(column, rows, f"{where}, key column")
    time: Any = float("nan")
    if samples:
        time = (
            rows[present(samples.time, rows, f"{where}, key samples.time")] if samples.time else samples.minutes[label]
        )
    unit = next((name for name in rows if str(name).lower() in UNIT_COLUMNS and name != column), None)
    cells = rows[["participant_id", "session", "file"]].assign(label=label, time=time, timed=samples is not None)
    cells = cells.assign(cell=rows[column], column=column)
    return cells.assign(unit="" if unit is None else rows[unit].map(lambda text: "" if pd.isna(text) else str(text)))


def _check_twice(cells: pd.DataFrame, settings: Phenotype, where: object) -> None:
    """Raise a UserError that shows cells which are there twice."""
    twice = cells[cells.duplicated(list(LABELS), keep=False)].sort_values(list(LABELS), kind="stable")
    if len(twice):
        todo = "remove all but one, or add `session_id` to the table"
        if settings.column and not settings.samples:
            todo += "; several samples of a session need `samples: {time: COLUMN, summary: mean}`"
        raise UserError(where, "one row for each participant and session", shown(twice), todo)


def shown(rows: pd.DataFrame) -> str:
    """Return the first rows of a table of cells, as an error shows them, and how many more there are."""

    def one(row: Any) -> str:
        label = f" {row.label}" if row.label != "" else ""
        minute = f" at {row.time:g} min" if isinstance(row.time, float | int) and row.time == row.time else ""
        cell = f"{row.cell:g}" if isinstance(row.cell, float) else row.cell
        return f"{row.participant_id} ses-{row.session}{label}{minute}: {cell}"

    return few([one(row) for row in rows.itertuples()], SHOWN)
