"""The participants table: everyone in it once, the columns that join it, and those that a model needs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from connect.cells import MISSING_TOO, doubt_of_commas
from connect.config import suggest
from connect.dates import weeks_of_sessions
from connect.entered import check_once, few, present, read_entered
from connect.errors import UserError
from connect.formulas import BASELINE, OF_SESSIONS, is_number
from connect.parcels import QUANTITIES
from connect.settings.cohort import Cohort, Column
from connect.settings.model import MOMENTS

RATE = ("plasticity_rate", "plasticity_rate_low", "plasticity_rate_high")
"""Columns of a participant's change per week, in units of the measure, and of its interval."""

RESERVED = (
    *("session_id", "phase", "condition", "n_runs", "mean_fd", "fd_change", "analysed", "reason", *RATE, *QUANTITIES),
)
"""Columns that connect writes beside those of the participants table."""


def read_people(participants: Path, cohort: Cohort, scans: pd.DataFrame, where: object) -> pd.DataFrame:
    """Return one row per participant of the table, with the further columns that the cohort file asks for.

    If the cohort file names dates, ``weeks_<label>`` are the weeks of a session since the participant's first.
    Participants are written as BIDS does (``7000`` is ``sub-7000``), blanks around a cell are taken off, decimal commas
    are read, and what that changed is told on standard error.

    Parameters
    ----------
    participants
        BIDS participants.tsv.
    cohort
        Says which columns join those of the table, and where from.
    scans
        Table of scans, kept or not. Who has scans and no row is told too, and is left to :func:`unlisted`.
    where
        The cohort file, for error messages.

    Raises
    ------
    UserError
        If a participant is listed twice, nobody with scans is listed, a further column cannot be made, or a date is
        wrong.
    """
    table, notes = read_entered(participants)
    check_once(table, participants)
    lacking = unlisted(scans, table)
    if len(lacking) == scans["participant_id"].nunique():
        got = f"rows for {few(list(table['participant_id']))}; scans of {few(lacking)}"
        todo = "name the right table in the cohort file, or correct its participant_id"
        raise UserError(participants, "rows for the participants with scans", got, todo)
    for name, column in cohort.columns.items():
        table[name], more = _column(name, column, table, f"{where}, key columns.{name}")
        notes += more
    if cohort.dates:
        notes += _add_weeks(table, participants.parent, cohort, set(scans["participant_id"]), where)
    notes += [f"{participants}: no row for {few(lacking)}, who cannot be analysed"] if lacking else []
    sys.stderr.write("".join(f"{note}\n" for note in dict.fromkeys(notes)))
    return table


def unlisted(scans: pd.DataFrame, subjects: pd.DataFrame) -> list[str]:
    """Return the participants with scans, kept or not, who have no row in the participants table, sorted."""
    return sorted(set(scans["participant_id"].dropna()) - set(subjects["participant_id"]))


def check_columns(subjects: pd.DataFrame, names: Sequence[str], where: object, measured: Sequence[str] = ()) -> None:
    """Check that the participants table has the columns that a model needs; ``measured`` are those of phenotypes.

    Raises
    ------
    UserError
        If a column is missing, has a name under which connect writes something else, or has an empty cell or commas
        in doubt.
    """
    for name in names:
        if name not in subjects:
            must = f"columns of the participants table ({', '.join(subjects.columns)})"
            person = name.rpartition("_")[2] in MOMENTS
            add = "add the column, or the measure of the person to `phenotypes`" if person else "add the column"
            todo = f"correct the formula or `where`, or {add}{suggest(name, [*subjects.columns, *measured])}"
            raise UserError(where, must, name, todo)
        if name in RESERVED:
            must = f"columns with other names than those that connect writes ({', '.join(RESERVED)})"
            raise UserError(where, must, name, "rename the column of the participants table")
        empty = subjects[name].map(lambda value: isinstance(value, str) and not value.strip())
        if empty.any():
            must = f"a value or n/a in every cell of the column `{name}` of the participants table"
            got = f"an empty cell for {subjects.loc[empty, 'participant_id'].iloc[0]}"
            todo = f"write n/a where a value is missing ({', '.join(MISSING_TOO)} are read like it)"
            raise UserError(where, must, got, todo)
        doubt = doubt_of_commas(cell for cell in subjects[name] if isinstance(cell, str))
        if doubt:
            must = (
                f"numbers with a decimal point, or all with a decimal comma, in the column `{name}` of the participants"
            )
            raise UserError(where, must, doubt, "write decimal points and nothing between thousands")


def word(value: Any) -> Any:
    """Return a level of a group as text, whole numbers without a decimal point; a missing one stays missing."""
    if pd.isna(value):
        return None
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _add_weeks(table: pd.DataFrame, folder: Path, cohort: Cohort, scanned: set[str], where: object) -> list[str]:
    """Add the weeks of each session whose time comes from dates; return what the user should know."""
    taken = [name for name in cohort.dated.values() if name in table]
    if taken:
        must = "names of columns that the weeks from dates can have"
        raise UserError(f"{where}, key dates", must, f"a column `{taken[0]}`", "rename the column of the participants")
    people = [name for name in table["participant_id"] if name in scanned]
    weeks, notes = weeks_of_sessions(people, folder, cohort, where)
    for label, name in cohort.dated.items():
        table[name] = [weeks.get(one, {}).get(label, float("nan")) for one in table["participant_id"]]
    return notes


def _column(name: str, source: Column, table: pd.DataFrame, where: str) -> tuple[pd.Series[Any], list[str]]:
    """Return the values of a new column for every participant of the table, missing where the source has none."""
    taken = (*table.columns, *RESERVED, *OF_SESSIONS, BASELINE)
    if name in taken:
        raise UserError(where, "a name that no other column has", f"`{name}`", "choose another name")
    rows, notes = (table, []) if source.file is None else _of_file(source.file, source.session, table, where)
    found = [rows[present(column, rows, where)] for column in (source.column, source.minus) if column]
    for values in found if source.minus else ():
        if not is_number(values):
            got = f"text in `{values.name}`: {few([str(cell) for cell in values.dropna()[:3]])}"
            raise UserError(where, "numbers to subtract", got, "correct the table, or take `minus` out")
    return found[0] - found[1] if source.minus else found[0], notes


def _of_file(path: Path, session: str, table: pd.DataFrame, where: str) -> tuple[pd.DataFrame, list[str]]:
    """Return the rows of another table, one for every participant of the participants table, in their order."""
    rows, notes = read_entered(path)
    if session:
        labels = rows[present("session_id", rows, where)].astype(str).str.removeprefix("ses-")
        if not (labels == session).any():
            known = sorted(set(labels))
            todo = f"choose one{suggest(session, known)}"
            raise UserError(where, f"a session of {path} ({few(known)})", f"`{session}`", todo)
        rows = rows[labels == session]
    twice = rows.loc[rows["participant_id"].duplicated(), "participant_id"]
    if len(twice):
        todo = "add `session: LABEL`" if "session_id" in rows and not session else "remove one of them"
        raise UserError(where, f"one row for each participant in {path}", f"several for {twice.iloc[0]}", todo)
    if not set(rows["participant_id"]) & set(table["participant_id"]):
        got = f"rows for {few(list(rows['participant_id']))}"
        raise UserError(where, f"rows for the participants in {path}", got, "correct its participant_id")
    return rows.set_index("participant_id").reindex(table["participant_id"]).reset_index().set_index(table.index), notes
