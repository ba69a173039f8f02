"""`connect gather`: a list that changes when something of a scan does, and only then."""

from __future__ import annotations

from pathlib import Path

import pytest

from connect.cli import main
from connect.scans import Scan, write_scans

SCANS = [Scan(f"sub-{n}", "", "rest", "", "", "MNI", "", 2.0, "", 9, "bold", "mask", f"c{n}.tsv") for n in (1, 2)]


@pytest.fixture
def words(tmp_path: Path) -> list[str]:
    write_scans(tmp_path / "scans.tsv", SCANS)
    for scan in SCANS:
        (tmp_path / "raw" / scan.name).mkdir(parents=True)
        (tmp_path / "raw" / scan.name / "series.tsv").write_text(f"a\n{scan.name}\n")
        (tmp_path / scan.confounds).write_text("csf\n1\n")
    paths = {"scans": "scans.tsv", "raw": "raw", "derivatives": ".", "gathered": "out/list.tsv"}
    return ["gather", *(word for name, path in paths.items() for word in (f"--{name}", str(tmp_path / path)))]


def listed(folder: Path, words: list[str]) -> list[list[str]]:
    assert main(words) == 0
    return [line.split("\t") for line in (folder / "out" / "list.tsv").read_text().splitlines()]


def test_a_row_per_scan_with_digests(tmp_path: Path, words: list[str]) -> None:
    header, first, second = listed(tmp_path, words)
    assert header == ["scan", "raw", "confounds"]
    assert [first[0], second[0]] == [scan.name for scan in SCANS]
    assert first[1] != second[1]
    assert len(first[1]) == len(first[2]) == 16
    assert listed(tmp_path, words) == [header, first, second]


@pytest.mark.parametrize(
    ("path", "column"),
    [(f"raw/{SCANS[1].name}/series.tsv", 1), (f"raw/{SCANS[1].name}/new.tsv", 1), ("c2.tsv", 2), ("c2.json", 2)],
)
def test_what_changes_in_a_scan_changes_its_row(tmp_path: Path, words: list[str], path: str, column: int) -> None:
    before = listed(tmp_path, words)
    (tmp_path / path).write_text("other")
    after = listed(tmp_path, words)
    assert after[:2] == before[:2]
    assert [n for n in range(3) if after[2][n] != before[2][n]] == [column]


@pytest.mark.parametrize(("path", "part"), [(f"raw/{SCANS[1].name}", "no such folder"), ("c2.tsv", "No such file")])
def test_what_is_missing_is_told(
    tmp_path: Path, words: list[str], capsys: pytest.CaptureFixture[str], path: str, part: str
) -> None:
    (tmp_path / path).rename(tmp_path / "gone")
    assert main(words) == 2
    told = capsys.readouterr().err
    assert part in told
    assert path in told
    assert not list((tmp_path / "out").iterdir())
