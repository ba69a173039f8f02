"""The scans table: there and back, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from connect.errors import UserError
from connect.scans import COLUMNS, Scan, read_scans, write_scans


def scan(**changes: object) -> Scan:
    values: dict[str, object] = dict.fromkeys(COLUMNS, "")
    values |= {"participant_id": "sub-01", "session_id": "ses-pre", "task": "rest", "tr": 2.2, "n_volumes": 240}
    values |= {"space": "MNI152NLin6Asym", "bold": "b.nii.gz", "mask": "m.nii.gz", "confounds": "c.tsv"}
    return Scan(**(values | changes))  # type: ignore[arg-type]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return tmp_path / "c.scans.tsv"


def refused(table: Path, text: str) -> UserError:
    table.write_text(text, encoding="utf-8")
    with pytest.raises(UserError) as caught:
        read_scans(table)
    assert str(table) in caught.value.where
    return caught.value


def line(found: Scan, **changes: str) -> str:
    return "\t".join(str({**vars(found), **changes}[column]) or "n/a" for column in COLUMNS)


def text(*lines: str, columns: tuple[str, ...] = COLUMNS) -> str:
    return "\n".join(["\t".join(columns), *lines, ""])


def test_there_and_back(table: Path) -> None:
    scans = [scan(), scan(session_id="", run="1"), scan(participant_id="sub-02", acq="mb", res="2", tr=0.8)]
    scans.append(scan(participant_id="sub-03", scanner="Siemens Prisma_fit 3T 167015"))
    write_scans(table, scans)
    assert read_scans(table) == scans
    assert table.read_text().splitlines()[2].split("\t")[:5] == ["sub-01", "n/a", "rest", "n/a", "1"]
    first = table.read_bytes()
    write_scans(table, read_scans(table))
    assert table.read_bytes() == first


def test_name() -> None:
    assert scan().name == "sub-01_ses-pre_task-rest_space-MNI152NLin6Asym"
    assert scan(session_id="", acq="mb", run="01", res="2").name == (
        "sub-01_task-rest_acq-mb_run-01_space-MNI152NLin6Asym_res-2"
    )


def test_further_columns_are_ignored(table: Path) -> None:
    table.write_text(text(line(scan()) + "\tx", columns=(*COLUMNS, "md5")))
    assert read_scans(table) == [scan()]


@pytest.mark.parametrize("column", COLUMNS)
def test_missing_column(table: Path, column: str) -> None:
    kept = tuple(name for name in COLUMNS if name != column)
    assert f"`{column}`" in refused(table, text(line(scan()), columns=kept)).must


def test_misspelt_column_names_its_neighbour(table: Path) -> None:
    columns = tuple("n_volume" if name == "n_volumes" else name for name in COLUMNS)
    assert "did you mean `n_volume`?" in refused(table, text(line(scan()), columns=columns)).todo


def test_scan_twice(table: Path) -> None:
    error = refused(table, text(line(scan()), line(scan(run="2")), line(scan(bold="other.nii"))))
    assert error.got == f"{scan().name} in lines 2 and 4"


@pytest.mark.parametrize(
    "changes",
    [
        {"tr": "fast"},
        {"tr": "n/a"},
        {"tr": "nan"},
        {"tr": "inf"},
        {"tr": "0"},
        {"n_volumes": "240.5"},
        {"n_volumes": "n/a"},
        {"n_volumes": "0"},
    ],
)
def test_bad_number(table: Path, changes: dict[str, str]) -> None:
    error = refused(table, text(line(scan()), "", line(scan(run="2"), **changes)))
    assert error.where == f"{table}, line 4"
    assert "`tr` (s) and `n_volumes`" in error.must


@pytest.mark.parametrize("column", ["participant_id", "bold", "mask", "confounds"])
def test_missing_value(table: Path, column: str) -> None:
    assert refused(table, text(line(scan(), **{column: "n/a"}))).where == f"{table}, line 2, column {column}"


def test_short_line(table: Path) -> None:
    assert refused(table, text("sub-01\tses-pre")).where.startswith(f"{table}, line 2")


def test_empty_tables(table: Path) -> None:
    assert refused(table, text()).got == "no rows"
    assert "`participant_id`" in refused(table, "").must


def test_missing_file(table: Path) -> None:
    with pytest.raises(UserError) as caught:
        read_scans(table)
    assert caught.value.todo == "run `connect index FMRIPREP_DIR --cohort c`"
