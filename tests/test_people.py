"""The participants table as users write it: what its cells mean, and columns that come from other tables."""

from __future__ import annotations

import doctest
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import connect.cells
from connect.config import Place, parse
from connect.errors import UserError
from connect.people import check_columns, read_people
from connect.settings.cohort import Cohort

NAMES = ("sub-01", "sub-02", "sub-03")
SCANS = pd.DataFrame({"participant_id": NAMES})


def write(path: Path, text: str) -> Path:
    """Write a table whose columns are parted by `|` and rows by lines."""
    path.write_text("".join("\t".join(line.strip(" ").split("|")) + "\n" for line in text.strip().splitlines()))
    return path


def people(folder: Path, text: str, **columns: dict[str, str]) -> pd.DataFrame:
    table = write(folder / "participants.tsv", text)
    values = {"title": "t", "derivatives": ".", "participants": table.name, "sessions": {"a": {"phase": "pre"}}}
    cohort = parse(Cohort, {**values, "columns": columns}, Place("cohort.yaml", folder))
    return read_people(cohort.participants, cohort, SCANS, "cohort.yaml").set_index("participant_id")


def column(folder: Path, *cells: str) -> pd.Series:
    """Return a column of three participants as it is read."""
    rows = "\n".join(f"{name}|{cell}" for name, cell in zip(NAMES, cells, strict=True))
    return people(folder, f"participant_id|x\n{rows}")["x"]


# --- cells ----------------------------------------------------------------------------------------------------------


def test_doctests() -> None:
    assert doctest.testmod(connect.cells).failed == 0


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (("1,5", "2", "-3,25"), [1.5, 2, -3.25]),
        (("0,125", "1,250", "2,375"), [0.125, 1.25, 2.375]),
        (("1,5", "n/a", "1e2"), [1.5, np.nan, 100]),
        ((" 1.5", "NaN", "2 "), [1.5, np.nan, 2]),
        (("4", "N/A", "NA"), [4, np.nan, np.nan]),
    ],
)
def test_numbers(tmp_path: Path, cells: tuple[str, ...], expected: list[float]) -> None:
    found = column(tmp_path, *cells)
    assert found.dtype == float
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (("a ", " a", "b"), ["a", "a", "b"]),
        (("1,5", "2,5", "high"), ["1,5", "2,5", "high"]),
        (("x,y", "n/a", "NA"), ["x,y", None, None]),
        (("2024-01-05", "2024-02-05", "NaN"), ["2024-01-05", "2024-02-05", None]),
    ],
)
def test_words_stay_words(tmp_path: Path, cells: tuple[str, ...], expected: list[str | None]) -> None:
    assert [None if pd.isna(cell) else cell for cell in column(tmp_path, *cells)] == expected


def test_what_was_read_otherwise_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    column(tmp_path, "1,5", "NaN", "2")
    assert capsys.readouterr().err.endswith("participants.tsv, column x: NaN read as n/a; decimal commas read\n")
    column(tmp_path, "1.5", "n/a", "2")
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("cells", "got"),
    [
        (("1,5", "1.5", "2"), "commas and points, such as 1,5 and 1.5"),
        (("1,234.5", "2", "3"), "commas and points, such as 1,234.5"),
        (("1,234", "12,500", "3"), "three digits after every comma, such as 1,234"),
    ],
)
def test_commas_in_doubt_are_refused_where_a_model_reads_them(tmp_path: Path, cells: tuple[str, ...], got: str) -> None:
    rows = "\n".join(f"{name}|{cell}|{number}" for number, (name, cell) in enumerate(zip(NAMES, cells, strict=True)))
    table = people(tmp_path, f"participant_id|x|age\n{rows}")
    check_columns(table, ["age"], "model.yaml")
    with pytest.raises(UserError) as caught:
        check_columns(table, ["x"], "model.yaml")
    assert got in caught.value.got
    assert "column `x`" in caught.value.must


def test_an_empty_cell_is_refused_and_what_to_write_is_said(tmp_path: Path) -> None:
    table = people(tmp_path, "participant_id|x\nsub-01|1\nsub-02|\nsub-03|2").reset_index()
    with pytest.raises(UserError) as caught:
        check_columns(table, ["x"], "model.yaml")
    assert caught.value.got == "an empty cell for sub-02"
    assert caught.value.todo == "write n/a where a value is missing (N/A, NA, NaN, nan are read like it)"


# --- participants ---------------------------------------------------------------------------------------------------


def test_participants_are_written_as_bids_does(tmp_path: Path) -> None:
    assert list(people(tmp_path, "participant_id|x\n01 |1\n sub-02|2\n03|3").index) == list(NAMES)


@pytest.mark.parametrize(
    ("text", "got"),
    [
        ("participant_id|x\n01|1\nsub-01|2", "sub-01 twice"),
        ("participant_id|x\nsub-1|1\nsub-2|2", "rows for sub-1, sub-2; scans of sub-01, sub-02, sub-03"),
        ("participant_id|x\nsub-01|1\nn/a|2", "none in line 3"),
        ("participant_id|x\nsub-01|1\n |2", "none in line 3"),
    ],
)
def test_participants_that_cannot_be_told(tmp_path: Path, text: str, got: str) -> None:
    with pytest.raises(UserError) as caught:
        people(tmp_path, text)
    assert caught.value.got == got


# --- columns from elsewhere -----------------------------------------------------------------------------------------

WIDE = "participant_id|BDI_ses-pre|BDI_ses-post\nsub-01|14|10\nsub-02|n/a|9\nsub-03|20,5|7"
LONG = "participant_id|session_id|anxiety|note\n01|ses-pre|3,5|a\n02|pre|4|b\n01|ses-post|2|c\n02|post|5|d\n9|pre|1|e"


def test_wide_columns_and_their_difference(tmp_path: Path) -> None:
    found = people(
        tmp_path, WIDE,
        before={"column": "BDI_ses-pre"}, change={"column": "BDI_ses-post", "minus": "BDI_ses-pre"},
    )  # fmt: skip
    np.testing.assert_array_equal(found["before"], [14, np.nan, 20.5])
    np.testing.assert_array_equal(found["change"], [-4, np.nan, -13.5])


def test_long_tables_and_the_difference_of_columns_above(tmp_path: Path) -> None:
    write(tmp_path / "ecr.tsv", LONG)
    found = people(
        tmp_path, "participant_id|x\nsub-03|1\nsub-02|2\nsub-01|3",
        late={"file": "ecr.tsv", "column": "anxiety", "session": "post"},
        early={"file": "ecr.tsv", "column": "anxiety", "session": "pre"},
        gain={"column": "late", "minus": "early"},
    ).loc[list(NAMES)]  # fmt: skip
    np.testing.assert_array_equal(found["early"], [3.5, 4, np.nan])
    np.testing.assert_array_equal(found["gain"], [-1.5, 1, np.nan])
    assert list(found["x"]) == [3, 2, 1]


def test_a_table_with_one_row_for_each(tmp_path: Path) -> None:
    write(tmp_path / "more.tsv", "participant_id|site\n03|b\n01|a")
    found = people(tmp_path, "participant_id|x\nsub-01|1\nsub-03|2", place={"file": "more.tsv", "column": "site"})
    assert list(found["place"]) == ["a", "b"]


@pytest.mark.parametrize(
    ("columns", "must", "got", "todo"),
    [
        ({"column": "BDI_pre"}, "BDI_ses-pre, BDI_ses-post", "`BDI_pre`", "did you mean `BDI_ses-pre`?"),
        ({"file": "ecr.tsv", "column": "anxiety"}, "one row for each", "several for sub-01", "add `session: LABEL`"),
        ({"file": "ecr.tsv", "column": "anxiety", "session": "pro"}, "(post, pre)", "`pro`", "choose one"),
        ({"file": "ecr.tsv", "column": "anxiet", "session": "pre"}, "anxiety", "`anxiet`", "`anxiety`?"),
        ({"file": "ecr.tsv", "column": "anxiety", "minus": "note", "session": "pre"}, "numbers to subtract",
         "text in `note`: a, b", "take `minus` out"),
        ({"file": "none.tsv", "column": "x"}, "a table", "No such file", "correct the path"),
        ({"file": "other.tsv", "column": "x"}, "rows for the participants", "rows for sub-77", "participant_id"),
        ({"file": "flat.tsv", "column": "x", "session": "pre"}, "a column of the table", "`session_id`", "correct"),
    ],
)  # fmt: skip
def test_a_column_that_cannot_be_made(tmp_path: Path, columns: dict[str, Any], must: str, got: str, todo: str) -> None:
    write(tmp_path / "ecr.tsv", LONG)
    write(tmp_path / "other.tsv", "participant_id|x\nsub-77|1")
    write(tmp_path / "flat.tsv", "participant_id|x\nsub-01|1")
    with pytest.raises(UserError) as caught:
        people(tmp_path, WIDE, score=columns)
    error = caught.value
    assert (must in error.must, got in error.got, todo in error.todo) == (True, True, True)
    assert error.where == "cohort.yaml, key columns.score" or error.where.endswith("none.tsv")


@pytest.mark.parametrize("name", ["age", "mean_fd", "pre", "weeks"])
def test_a_column_has_a_name_of_its_own(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match="a name that no other column has"):
        people(tmp_path, "participant_id|age\nsub-01|1", **{name: {"column": "age"}})


@pytest.mark.parametrize(
    ("columns", "must"),
    [
        ({"BDI-pre": {"column": "x"}}, "a name that a formula can hold"),
        ({"2nd": {"column": "x"}}, "a name that a formula can hold"),
        ({"x": {"column": "x", "session": "pre"}}, "the session of a table that `file` names"),
    ],
)
def test_columns_that_no_file_can_have(tmp_path: Path, columns: dict[str, Any], must: str) -> None:
    with pytest.raises(UserError) as caught:
        people(tmp_path, "participant_id|x\nsub-01|1", **columns)
    assert must in caught.value.must
