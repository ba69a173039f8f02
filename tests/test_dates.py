"""Weeks from the dates of sessions: differences worked out by hand, what is missing, and mistakes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from connect.changes import by_session, parts_of
from connect.config import read
from connect.errors import UserError
from connect.outcome import Outcome, select
from connect.people import read_people
from connect.rows import phases_of
from connect.settings.cohort import Cohort, Dates, Session
from connect.settings.model import Model

PLAIN = {"pre": Session("pre"), "post": Session("post")}
LONG = {**PLAIN, "later": Session("other")}
TABLES = {
    "sub-01": "ses-pre 1905-03-01;ses-post 1905-04-26",
    "sub-02": "ses-pre 1910-01-10T09:00:00;ses-post 1910-03-24T21:00:00;ses-later 1910-07-04T09:00:00",
    "sub-03": "ses-post 1899-12-30;ses-pre 1899-11-25;ses-later n/a;ses-extra 1890-01-01",
    "sub-04": "ses-pre 2024-02-26T23:00:00+01:00;ses-post 2024-03-04T22:00:00Z;ses-later 2024-03-11T22:00:00.5Z",
}
"""By hand: 1 March to 26 April 56 days; 10 January to 24 March 1910 73 days and 12 h, to 4 July 175 days; 25 November
to 30 December 35 days; 22 h universal time on 26 February to the same on 4 March (2024 is a leap year) 7 days, then 14
and half a second."""
WEEKS = {
    "weeks_pre": [0, 0, 0, 0],
    "weeks_post": [8, 73.5 / 7, 5, 1],
    "weeks_later": [np.nan, 25, np.nan, 2 + 0.5 / (7 * 86400)],
}


def write(folder: Path, tables: dict[str, str], header: str = "session_id acq_time") -> None:
    for name, rows in tables.items():
        path = folder / name / f"{name}_sessions.tsv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join([header, *rows.split(";")]).replace(" ", "\t") + "\n")
    people = "".join(f"{name}\tx\n" for name in tables)
    (folder / "participants.tsv").write_text(f"participant_id\tarm\n{people}")


def cohort(folder: Path, sessions: dict[str, Session], **dates: str) -> Cohort:
    return Cohort("t", Path(), folder / "participants.tsv", sessions, dates=Dates(**dates))


def scans(sessions: dict[str, Session], lost: tuple[tuple[str, str], ...] = ()) -> pd.DataFrame:
    rows = [(name, label) for name in TABLES for label in sessions if (name, label) not in lost]
    names, labels = zip(*rows, strict=True)
    moved = np.linspace(0.1, 0.3, len(rows))
    return pd.DataFrame(
        {"participant_id": names, "session_id": [f"ses-{label}" for label in labels], "mean_fd": moved, "kept": "yes",
         "reason": None}
    )  # fmt: skip


def people(folder: Path, sessions: dict[str, Session], **dates: str) -> pd.DataFrame:
    chosen = cohort(folder, sessions, **dates)
    return read_people(chosen.participants, chosen, scans(sessions), "cohort.yaml")


def outcome(folder: Path, sessions: dict[str, Session], kept: pd.DataFrame, **options: Any) -> Outcome:
    chosen = cohort(folder, sessions)
    asked = Model(**{"question": "?", "formula": "~ 1", "contrast": "mean", "motion_covariate": False, **options})
    values = by_session(values_of(kept), kept, chosen)
    table = read_people(chosen.participants, chosen, kept, "cohort.yaml")
    parts = parts_of(asked.condition, chosen, "model.yaml", phases_of(asked))
    return select(values, table, kept, asked, parts, chosen, "model.yaml")


def values_of(kept: pd.DataFrame) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(len(kept), 3))


def reasons(found: Outcome) -> dict[str, str]:
    left = found.people[found.people["analysed"] == "no"]
    return dict(zip(left["participant_id"], left["reason"], strict=True))


def refused(folder: Path, sessions: dict[str, Session] = LONG, **dates: str) -> UserError:
    with pytest.raises(UserError) as caught:
        people(folder, sessions, **dates)
    return caught.value


def test_weeks_since_the_first_session_of_the_cohort(tmp_path: Path) -> None:
    """An earlier session that the cohort file does not list does not count."""
    write(tmp_path, TABLES)
    found = people(tmp_path, LONG)
    for name, expected in WEEKS.items():
        np.testing.assert_allclose(found[name], expected, rtol=1e-12)


def test_dates_that_are_shifted_give_the_same_weeks(tmp_path: Path) -> None:
    write(tmp_path, {name: TABLES[name] for name in TABLES if name != "sub-04"})
    before = people(tmp_path, PLAIN)
    for name in before["participant_id"]:
        path = tmp_path / name / f"{name}_sessions.tsv"
        table = pd.read_csv(path, sep="\t", na_values="n/a")
        shifted = pd.to_datetime(table["acq_time"], format="ISO8601") - pd.Timedelta(days=3000)
        table.assign(acq_time=shifted.dt.strftime("%Y-%m-%dT%H:%M:%S")).to_csv(
            path, sep="\t", index=False, na_rep="n/a"
        )
    pd.testing.assert_frame_equal(people(tmp_path, PLAIN), before)


def test_one_table_for_all_and_other_columns(tmp_path: Path) -> None:
    write(tmp_path, TABLES)
    rows = [f"{name[4:]} {row.removeprefix('ses-')}" for name, own in TABLES.items() for row in own.split(";")]
    (tmp_path / "visits.tsv").write_text("\n".join(["participant_id visit day", *rows]).replace(" ", "\t") + "\n")
    found = people(tmp_path, LONG, file="visits.tsv", column="day", session_id="visit")
    pd.testing.assert_frame_equal(found, people(tmp_path, LONG))


def test_weeks_that_are_given_stay(tmp_path: Path) -> None:
    write(tmp_path, TABLES)
    mixed = {"pre": Session("pre", weeks=0.0), "post": Session("post")}
    assert "weeks_pre" not in people(tmp_path, mixed)
    assert cohort(tmp_path, mixed).weeks_of("pre") == 0
    assert cohort(tmp_path, mixed).weeks_of("post") == "weeks_post"


def test_a_rate_is_over_the_weeks_from_dates(tmp_path: Path) -> None:
    write(tmp_path, TABLES)
    kept = scans(PLAIN)
    values = values_of(kept)
    found = outcome(tmp_path, PLAIN, kept, outcome="rate")
    change = values[1::2] - values[::2]
    sessions = by_session(values, kept, cohort(tmp_path, PLAIN))
    weeks = np.array(WEEKS["weeks_post"])[:, None]
    np.testing.assert_allclose(found.of(sessions.connectomes), change / weeks, rtol=1e-12)
    np.testing.assert_allclose(found.people["weeks_post"], WEEKS["weeks_post"], rtol=1e-12)


def test_a_session_has_the_weeks_from_its_date(tmp_path: Path) -> None:
    """The two later sessions without a date are left out, and no other."""
    write(tmp_path, TABLES)
    found = outcome(tmp_path, LONG, scans(LONG), formula="~ weeks", contrast="weeks", outcome="sessions")
    expected = [0, 8, 0, 10.5, 25, 0, 5, 0, 1, 2 + 0.5 / (7 * 86400)]
    np.testing.assert_allclose(found.rows["weeks"], expected, rtol=1e-12)
    assert found.rows["participant_id"].tolist() == [*["sub-01"] * 2, *["sub-02"] * 3, *["sub-03"] * 2, *["sub-04"] * 3]


def test_who_has_no_date_has_no_rate_and_the_reason_is_told(tmp_path: Path) -> None:
    write(tmp_path, {**TABLES, "sub-03": "ses-pre n/a;ses-post 1899-12-30", "sub-04": "ses-pre 2024-02-26"})
    kept = scans(PLAIN, lost=(("sub-04", "post"),))
    found = outcome(tmp_path, PLAIN, kept, outcome="rate")
    assert reasons(found) == {"sub-03": "times of the sessions are not known", "sub-04": "ses-post is missing"}
    assert reasons(outcome(tmp_path, PLAIN, kept)) == {"sub-04": "ses-post is missing"}


def test_without_a_date_before_no_time_is_known(tmp_path: Path) -> None:
    """What came first may be the session that is missing: the one after is not week 0."""
    write(tmp_path, {**TABLES, "sub-03": "ses-post 1899-12-30;ses-later 1900-01-30"})
    found = people(tmp_path, LONG)
    assert found.loc[2, ["weeks_pre", "weeks_post", "weeks_later"]].isna().all()


def test_a_participant_without_a_table_has_no_times_and_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, TABLES)
    (tmp_path / "sub-02" / "sub-02_sessions.tsv").unlink()
    found = people(tmp_path, PLAIN)
    assert found["weeks_post"].isna().tolist() == [False, True, False, False]
    assert "sub-02_sessions.tsv: no such file; times of 1 participant are not known" in capsys.readouterr().err


@pytest.mark.parametrize("cell", ["1905-13-01", "1.3.1905", "later", "1905"])
def test_a_wrong_date_names_file_and_participant(tmp_path: Path, cell: str) -> None:
    write(tmp_path, {**TABLES, "sub-02": f"ses-pre 1905-01-01;ses-post {cell}"})
    error = refused(tmp_path)
    assert error.where == f"{tmp_path / 'sub-02' / 'sub-02_sessions.tsv'}, line 3, column acq_time"
    assert "ISO 8601" in error.must
    assert error.got == f"{cell} of sub-02, ses-post"


@pytest.mark.parametrize(
    ("rows", "dates", "must", "got"),
    [
        ("ses-pre 1905-01-01;ses-pre 1905-02-01", {}, "each session once", "ses-pre of sub-02 twice"),
        ("ses-pre ;ses-post 1905-02-01", {}, "ISO 8601", "an empty cell of sub-02, ses-pre"),
        ("ses-pre 1905-01-01", {"column": "acq_tim"}, "the column `acq_tim`", "session_id, acq_time"),
        ("ses-pre 1905-01-01", {"file": "none.tsv"}, "a table of the dates", "No such file"),
        ("ses-pre 1905-01-01", {"file": "{participant}/x.tsv"}, "dates of sessions of the cohort", "no rows"),
    ],
)
def test_tables_that_cannot_be_read(tmp_path: Path, rows: str, dates: dict[str, str], must: str, got: str) -> None:
    write(tmp_path, {**TABLES, "sub-02": rows})
    error = refused(tmp_path, **dates)
    assert must in error.must
    assert got in error.got


def test_labels_of_another_cohort_are_named(tmp_path: Path) -> None:
    write(tmp_path, dict.fromkeys(TABLES, "ses-1 1905-01-01;ses-2 1905-02-01"))
    assert refused(tmp_path).got == "rows for ses-1, ses-2"


def test_a_column_of_the_same_name_is_refused(tmp_path: Path) -> None:
    write(tmp_path, TABLES)
    (tmp_path / "participants.tsv").write_text("participant_id\tweeks_post\n" + "".join(f"{n}\t1\n" for n in TABLES))
    assert refused(tmp_path).got == "a column `weeks_post`"


def test_the_cohort_file(tmp_path: Path) -> None:
    start = "title: C\nderivatives: .\nparticipants: people/participants.tsv\n"
    file, sessions = tmp_path / "c.yaml", "sessions: {pre: {phase: pre}, post: {phase: post}}\n"
    file.write_text(f"{start}{sessions}dates: {{}}\n")
    found = read(Cohort, file)
    assert found.dates == Dates("{participant}/{participant}_sessions.tsv", "acq_time", "session_id")
    write(tmp_path / "people", TABLES)
    assert found.date_files(["sub-02", "sub-99", "sub-01"]) == tuple(
        tmp_path / "people" / name / f"{name}_sessions.tsv" for name in ("sub-01", "sub-02")
    )
    for text, where in (
        (f"{start}sessions: {{pre: {{phase: pre, weeks: 0}}}}\ndates: {{}}\n", "key dates"),
        (f"{start}{sessions}dates: {{file: '{{session}}.tsv'}}\n", "key file"),
    ):
        file.write_text(text)
        with pytest.raises(UserError) as caught:
            read(Cohort, file)
        assert caught.value.where.endswith(where)
