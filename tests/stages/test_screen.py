"""The screen stage: which scans are kept, why not in words, and which parcels are missing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from connect.acquisition import changed_settings
from connect.cli import main
from connect.denoise.stack import ROWS as DENOISED
from connect.screen import COLUMNS, NEEDED, notes, screen_scans
from connect.settings.cohort import Limits
from connect.tables import read_record, read_table, write_matrix, write_table

SESSIONS = ("pre", "post")
LIMITS = Limits()
ROWS = tuple(COLUMNS)[:-2]
"""Columns of the table of rows, before `kept` and `reason`."""


def rows(*changes: dict[str, Any], n_scans: int = 6) -> pd.DataFrame:
    """Return good scans, the first of them changed."""
    made = []
    for number in range(n_scans):
        sub, ses = f"sub-{number // 2 + 1:02}", f"ses-{SESSIONS[number % 2]}"
        row = {"participant_id": sub, "session_id": ses, "run": "01", "scan": f"{sub}_{ses}_task-rest"}
        row |= {"start": number * 200, "stop": (number + 1) * 200, "n_volumes": 200, "n_kept": 200}
        row |= {"minutes": 6.7, "tdof": 40.5, "n_confounds": 24, "mean_fd": 0.1, "max_fd": 1.0, "unusable": None}
        row |= {"fd_above_02": 0.1, "fd_above_05": 0.0, "mean_dvars": 20.5, "max_std_dvars": 2.5, "tsnr": 60.0}
        row |= {"coverage": 0.98, "fd_dvars": 0.2, "tr": 2.0, "scanner": "Siemens Prisma_fit 3T 167015"}
        made.append(row | (changes[number] if number < len(changes) else {}))
    return pd.DataFrame(made, columns=list(ROWS))


def covered(n_scans: int = 6, n_parcels: int = 20, **missing: Any) -> pd.DataFrame:
    """Return full coverage, with a few values changed: ``p3=(scan, share)``."""
    frame = pd.DataFrame(np.ones((n_scans, n_parcels)), columns=[f"p{n}" for n in range(n_parcels)])
    for parcel, (scan, share) in missing.items():
        frame.loc[scan, parcel] = share
    return frame


def reasons(table: pd.DataFrame, coverage: pd.DataFrame | None = None, limits: Limits = LIMITS) -> list[Any]:
    screened = screen_scans(table, covered(len(table)) if coverage is None else coverage, limits, SESSIONS)
    assert ((screened.kept["kept"] == "yes") == screened.kept["reason"].isna()).all()
    return [None if pd.isna(reason) else reason for reason in screened.kept["reason"]]


def test_a_reason_by_hand_is_no_limit() -> None:
    exclude = {"task-rest": "tired; mean FD was not all"}
    assert notes(screen_scans(rows(), covered(), LIMITS, SESSIONS, exclude), LIMITS) == []


def test_scans_are_excluded_by_hand_with_the_reason() -> None:
    exclude = {"sub-01_ses-post": "fell asleep", "sub-03": "tumour", "sub-0": "no label"}
    moved = rows({}, {"mean_fd": 0.9})
    screened = screen_scans(moved, covered(), LIMITS, SESSIONS, exclude)
    assert screened.kept["kept"].tolist() == ["yes", "no", "yes", "yes", "no", "no"]
    by_hand = [f"by hand: {reason}" for reason in ("fell asleep", "tumour", "tumour")]
    assert screened.kept["reason"].dropna().tolist() == by_hand
    assert screened.causes["exclude"].tolist() == [False, True, False, False, True, True]


def test_good_scans_are_kept() -> None:
    screened = screen_scans(rows(), covered(), LIMITS, SESSIONS)
    assert screened.kept["kept"].tolist() == ["yes"] * 6
    assert screened.kept["reason"].isna().all()
    assert screened.lost.empty
    assert list(screened.lost.columns) == ["scan", "parcel", "coverage"]
    assert notes(screened, LIMITS) == []


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"mean_fd": 0.81234}, "mean FD 0.81 mm is above 0.5 mm"),
        ({"mean_fd": 0.500041234}, "mean FD 0.50004 mm is above 0.5 mm"),
        ({"mean_fd": np.nan}, "mean FD is not known"),
        ({"minutes": 3.2}, "time left 3.2 min is below 4 min"),
        ({"tdof": 9.996}, "tDOF left 9.996 is below 10"),
        ({"tdof": 0.0}, "tDOF left 0 is below 10"),
        (
            {"mean_fd": 1.5, "minutes": 1.0, "tdof": 2.25},
            "mean FD 1.5 mm is above 0.5 mm; time left 1 min is below 4 min; tDOF left 2.25 is below 10",
        ),
        ({"unusable": "mask: empty; must be full", "mean_fd": np.nan, "tdof": np.nan}, "mask: empty; must be full"),
        ({"session_id": "ses-mid"}, "session `mid` is not in the cohort file"),
        ({"session_id": "ses-mid", "unusable": "no mask"}, "no mask"),
        ({"session_id": None}, "it has no session"),
        ({"session_id": "ses-mid", "mean_fd": 2.0}, "session `mid` is not in the cohort file"),
        ({"mean_fd": 0.5, "minutes": 4.0, "tdof": 10.0}, None),
    ],
)
def test_reasons(change: dict[str, Any], reason: str | None) -> None:
    assert reasons(rows(change)) == [reason, None, None, None, None, None]


def test_reasons_follow_the_limits() -> None:
    table = rows({"mean_fd": 0.25}, {"minutes": 8.0}, {"tdof": 30.0})
    limits = Limits(mean_fd=0.2, minutes=6.5, tdof=35)
    assert reasons(table, limits=limits) == [
        "mean FD 0.25 mm is above 0.2 mm", None, "tDOF left 30 is below 35", None, None, None,
    ]  # fmt: skip


def test_missing_parcels() -> None:
    """Two of 20 on the limit are kept and listed, three exclude the scan; no coverage counts as missing."""
    shares = covered(p3=(0, 0.25), p7=(0, np.nan))
    shares.loc[1, ["p0", "p1", "p2"]] = 0.1
    shares.loc[2, "p5"] = 0.5
    assert reasons(rows(), shares)[:3] == [None, "share of missing parcels 0.15 is above 0.1", None]
    lost = screen_scans(rows(), shares, LIMITS, SESSIONS).lost
    expected = pd.DataFrame(
        {"scan": ["sub-01_ses-pre_task-rest"] * 2, "parcel": ["p3", "p7"], "coverage": [0.25, None]}
    )
    pd.testing.assert_frame_equal(lost, expected, check_dtype=False)


def test_the_core_takes_any_index_and_leaves_its_arguments() -> None:
    table, shares = rows({"mean_fd": 2.0}), covered(p3=(5, 0.1))
    shuffled = table.set_axis([9, 3, 7, 1, 0, 2])
    before = shuffled.copy()
    screened = screen_scans(shuffled, shares, LIMITS, SESSIONS)
    pd.testing.assert_frame_equal(shuffled, before)
    assert screened.kept["kept"].tolist() == ["no", *["yes"] * 5]
    assert screened.lost["scan"].tolist() == ["sub-03_ses-post_task-rest"]


def test_a_limit_that_excludes_most_is_told() -> None:
    half = screen_scans(rows(*[{"mean_fd": 0.9}] * 3), covered(), LIMITS, SESSIONS)
    assert notes(half, LIMITS) == []
    most = screen_scans(rows(*[{"mean_fd": 0.9}] * 4), covered(), LIMITS, SESSIONS)
    assert notes(most, LIMITS) == ["limit mean_fd 0.5 excludes 4 of 6 scans"]


class Files:
    """The stage's files in a folder."""

    def __init__(self, folder: Path, table: pd.DataFrame, shares: pd.DataFrame) -> None:
        self.folder = folder
        write_table(folder / "rows.tsv", table)
        write_matrix(folder / "coverage.tsv", shares.to_numpy(), list(shares.columns))
        self.cohort("sessions: {pre: {phase: pre}, post: {phase: post}}")

    def cohort(self, text: str) -> None:
        head = "title: c\nderivatives: .\nparticipants: p.tsv\n"
        (self.folder / "c.yaml").write_text(f"{head}{text}\n")

    def run(self, out: str = "out") -> int:
        names = {"rows": "rows.tsv", "coverage": "coverage.tsv", "cohort": "c.yaml"}
        names |= {"kept": f"{out}/kept.tsv", "lost": f"{out}/lost.tsv"}
        words = [word for key, name in names.items() for word in (f"--{key}", str(self.folder / name))]
        return main(["screen", *words])

    def kept(self) -> pd.DataFrame:
        return read_table(self.folder / "out" / "kept.tsv")

    def lost(self) -> pd.DataFrame:
        return read_table(self.folder / "out" / "lost.tsv")


def test_the_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = rows({"mean_fd": 0.9}, {"unusable": "mask: empty; must be full"} | dict.fromkeys(ROWS[6:20]))
    shares = covered(p2=(3, 0.125))
    shares.loc[1] = np.nan
    files = Files(tmp_path, table, shares)
    assert files.run() == 0
    kept = files.kept()
    assert tuple(kept.columns) == (*ROWS, "kept", "reason")
    assert kept["scan"].tolist() == table["scan"].tolist()
    assert kept["kept"].tolist() == ["no", "no", "yes", "yes", "yes", "yes"]
    assert kept["reason"][1] == kept["unusable"][1] == "mask: empty; must be full"
    assert kept["run"].tolist() == ["01"] * 6
    pd.testing.assert_frame_equal(kept[list(ROWS)], read_table(tmp_path / "rows.tsv"))
    assert files.lost().to_numpy().tolist() == [[table["scan"][3], "p2", 0.125]]
    assert capsys.readouterr() == ("", "")


def test_every_column_is_described(tmp_path: Path) -> None:
    """In a sidecar beside the table, and all of them with their unit where they have one."""
    files = Files(tmp_path, rows(), covered())
    assert files.run() == 0
    described = read_record(tmp_path / "out" / "kept.json")
    assert list(described) == list(files.kept().columns)
    units = {"minutes": "min", "mean_fd": "mm", "max_fd": "mm", "fd_above_02": "0 to 1", "coverage": "0 to 1"}
    units |= {"mean_dvars": "units of the image", "tr": "s"}
    assert {name: described[name]["Units"] for name in units} == units


def test_a_scanner_stays_text(tmp_path: Path) -> None:
    files = Files(tmp_path, rows(*[{"scanner": "0167015"}] * 6), covered())
    assert files.run() == 0
    assert files.kept()["scanner"].tolist() == ["0167015"] * 6


def test_settings_that_change_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Those of excluded scans do not count, and a scanner that is not known is no other one."""
    changes = [{"tr": 2.5}, {}, {"scanner": "GE MR750 3T"}, {"tr": 2.5}, {"tr": 3.0, "mean_fd": 2.0}, {"scanner": None}]
    table = rows(*changes, {"scanner": None}, n_scans=8)
    files = Files(tmp_path, table, covered(8))
    assert files.run() == 0
    assert capsys.readouterr().err.splitlines() == [
        "connect screen: TR differs between the kept scans of 2 participants: sub-01 (ses-post: 2 s; ses-pre: 2.5 s),"
        " sub-02 (ses-post: 2.5 s; ses-pre: 2 s)",
        "connect screen: scanner differs between the kept scans of 1 participant: sub-02"
        " (ses-post: Siemens Prisma_fit 3T 167015; ses-pre: GE MR750 3T)",
    ]
    found = changed_settings(files.kept())
    assert list(found.columns) == ["participant_id", "what", "values"]
    assert found.to_numpy().tolist() == [
        ["sub-01", "tr", "ses-post: 2 s; ses-pre: 2.5 s"],
        ["sub-02", "scanner", "ses-post: Siemens Prisma_fit 3T 167015; ses-pre: GE MR750 3T"],
        ["sub-02", "tr", "ses-post: 2.5 s; ses-pre: 2 s"],
    ]


def test_settings_that_do_not_change_are_a_table_without_rows(tmp_path: Path) -> None:
    files = Files(tmp_path, rows(*[{"scanner": None, "session_id": "ses-pre"}] * 6), covered())
    assert files.run() == 0
    found = changed_settings(files.kept())
    assert found.empty
    assert list(found.columns) == ["participant_id", "what", "values"]


def test_nothing_lost_is_a_table_without_rows(tmp_path: Path) -> None:
    files = Files(tmp_path, rows(), covered())
    assert files.run() == 0
    assert (tmp_path / "out" / "lost.tsv").read_text() == "scan\tparcel\tcoverage\n"
    assert files.kept()["reason"].isna().all()


def test_a_second_run_gives_the_same_bytes(tmp_path: Path) -> None:
    files = Files(tmp_path, rows({"mean_fd": 0.9}), covered(p2=(3, 0.125), p3=(3, np.nan)))
    for out in ("out", "again"):
        files.run(out)
    for name in ("kept.tsv", "lost.tsv"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "again" / name).read_bytes()


def test_the_user_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    poor = {"mean_fd": 0.9}
    changes = [poor, poor, poor, poor | {"tdof": 3.0}, poor, {"session_id": "ses-mid"}]
    files = Files(tmp_path, rows(*changes, n_scans=8), covered(8))
    assert files.run() == 0
    assert capsys.readouterr().err.splitlines() == [
        "connect screen: scans left out because session `mid` is not in the cohort file: 1",
        "connect screen: limit mean_fd 0.5 excludes 5 of 8 scans",
    ]


@pytest.mark.parametrize(
    ("table", "cohort", "parts"),
    [
        (
            rows(*[{"mean_fd": 0.9}] * 5, {"tdof": 1.0}),
            "",
            ["key limits", "all 6 excluded: mean_fd 5, tdof 1", "loosen the limit `mean_fd` (0.5), which excludes 5"],
        ),
        (
            rows(*[{"mean_fd": 0.9}] * 2, *[{"unusable": "no mask"}] * 4),
            "limits: {mean_fd: 0.2}",
            ["key limits", "all 6 excluded: unusable 4, mean_fd 2", "loosen the limit `mean_fd` (0.2)"],
        ),
        (rows(*[{"unusable": "no mask"}] * 6), "", ["all 6 excluded: unusable 6", "mend the scans", "no mask"]),
        (
            rows(*[{"session_id": "ses-prae"}] * 6),
            "",
            ["c.yaml, key sessions", "(prae)", "lists pre, post", "did you mean `prae`?"],
        ),
        (rows().drop(columns="tdof"), "", ["column `tdof`"]),
        (rows().drop(columns="scanner"), "", ["column `scanner`"]),
        (rows(n_scans=5), "", ["coverage.tsv", "one row per scan (5)", "6 rows", "run denoise again"]),
        (
            rows(),
            "exclude: {sub-01_run-2: eyes open}",
            ["c.yaml, key exclude", "entities of the names of scans", "`sub-01_run-2`, no scan"],
        ),
        (rows(), "limits: {mean_fdd: 0.3}", ["did you mean `mean_fd`?"]),
    ],
)
def test_mistakes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], table: pd.DataFrame, cohort: str, parts: list[str]
) -> None:
    files = Files(tmp_path, table, covered())
    files.cohort("sessions: {pre: {phase: pre}, post: {phase: post}}\n" + cohort)
    assert files.run() == 2
    told = capsys.readouterr().err
    assert [line.partition(":")[0] for line in told.splitlines()[1:]] == ["where", "must be", "got", "to do"]
    for part in parts:
        assert part in told
    assert not (tmp_path / "out").exists()


def test_denoise_writes_what_screen_needs() -> None:
    assert set(NEEDED) <= set(DENOISED)
    assert (*DENOISED, "kept", "reason") == tuple(COLUMNS)
