"""Times of sessions from their dates, as BIDS gives them in ``sub-*_sessions.tsv``.

Only differences count: BIDS has dates shifted, by the same number of days within a participant, to before 1925.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from connect.cells import is_missing
from connect.errors import UserError
from connect.layout import participant
from connect.scans import check_columns
from connect.settings.cohort import Cohort, Dates

Days = Mapping[str, datetime | None]
"""Date of each session of a participant that a table lists, None where it is missing."""


def weeks_of_sessions(
    people: Sequence[str], folder: Path, cohort: Cohort, where: object
) -> tuple[dict[str, dict[str, float]], list[str]]:
    """Return the weeks of each session since the participant's first, and what the user should know.

    The first is the earliest of the sessions that the cohort file lists. Nobody's times are known of whom no session
    before the intervention has a date: their first session may be one that is missing.

    Parameters
    ----------
    people
        Participants with scans.
    folder
        Folder of the participants table, to which the paths of the tables of dates are relative.
    cohort
        Says where the dates are, and which sessions there are.
    where
        The cohort file, for error messages.

    Returns
    -------
    weeks : dict
        Of each participant: session label to weeks, without those that are not known.
    notes : list of str
        Whose table is missing.

    Raises
    ------
    UserError
        If a table or a column is missing, a date is none, a session stands twice, or no table has a session of the
        cohort.
    """
    dates = cohort.dates or Dates()
    days: dict[str, Days] = {}
    files = {one: dates.path(folder, one) for one in people}
    for path in dict.fromkeys(files.values()):
        if path.is_file() or not dates.for_each:
            owner = next(one for one in people if files[one] == path) if dates.for_each else ""
            days.update(_read(path, owner, dates))
    lacking = [one for one in people if not files[one].is_file()]
    known = {label for own in days.values() for label in own}
    if not known & set(cohort.sessions):
        got = f"rows for {', '.join(f'ses-{label}' for label in sorted(known))}" if known else "no rows"
        must = f"dates of sessions of the cohort ({', '.join(cohort.sessions)}) in {dates.file}"
        raise UserError(f"{where}, key dates", must, got, "correct `dates.file`, or the session_id of its rows")
    count = f"{len(lacking)} participant{'s' * (len(lacking) > 1)}"
    notes = [f"{files[lacking[0]]}: no such file; times of {count} are not known"] if lacking else []
    return {one: _weeks(days.get(one, {}), cohort) for one in people}, notes


def _weeks(days: Days, cohort: Cohort) -> dict[str, float]:
    """Return the weeks of the sessions of a participant that have a date."""
    dated = {label: day for label, day in days.items() if day is not None and label in cohort.sessions}
    before = {label for label, session in cohort.sessions.items() if session.phase == "pre"}
    if not dated or (before and not before & set(dated)):
        return {}
    first = min(dated.values())
    return {label: (day - first) / timedelta(weeks=1) for label, day in dated.items()}


def _read(path: Path, owner: str, dates: Dates) -> dict[str, Days]:
    """Return the dates in a table of one participant (``owner``), or of all."""
    found: dict[str, dict[str, datetime | None]] = {}
    for number, row in _rows(path, (*(() if owner else ("participant_id",)), dates.session_id, dates.column)):
        name = owner or participant(row["participant_id"])
        label = row[dates.session_id].removeprefix("ses-")
        own = found.setdefault(name, {})
        if label in own:
            raise UserError(f"{path}, line {number}", "each session once", f"ses-{label} of {name} twice", "remove one")
        own[label] = _date(row[dates.column], f"{path}, line {number}, column {dates.column}", f"{name}, ses-{label}")
    return dict(found)


def _rows(path: Path, columns: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Give the lines of a table by number, as bare cells."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, delimiter="\t")
            header = [name.strip() for name in reader.fieldnames or ()]
            reader.fieldnames = header
            check_columns(path, header, columns)
            for row in reader:
                yield reader.line_num, {name: (row[name] or "").strip() for name in columns}
    except OSError as error:
        raise UserError(path, "a table of the dates of sessions", error.strerror, "correct `dates.file`") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(path, "a tab-separated table", error, "correct the file") from error


def _date(cell: str, where: str, whose: str) -> datetime | None:
    """Return a date, or None if it is missing; one with a time zone as universal time."""
    if is_missing(cell):
        return None
    try:
        found = datetime.fromisoformat(cell)
    except ValueError as error:
        must = "a date or date and time as ISO 8601 has them (1905-03-21T10:30:00), or n/a"
        raise UserError(where, must, f"{cell or 'an empty cell'} of {whose}", "correct the date") from error
    return found.astimezone(UTC).replace(tzinfo=None) if found.tzinfo else found
