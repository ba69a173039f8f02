"""Layouts in the wild: from a folder through `connect index` and the cohort file to what is compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from connect.changes import by_session, parts_of
from connect.config import read
from connect.errors import UserError
from connect.index import index
from connect.outcome import Outcome, select
from connect.parcellate import parcellate
from connect.people import read_people
from connect.rows import phases_of
from connect.scans import Scan, read_scans
from connect.settings.cohort import Cohort, Selection
from connect.settings.model import Model

from .derivatives import MNI, run
from .scanfiles import BOLD, SHAPE, save, small_scan

SHEET, TABLE = Path("config/cohorts/c.yaml"), Path("config/cohorts/c.scans.tsv")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty fMRIPrep folder, in the project that is the working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path / "fmriprep"


def tree(folder: Path, *stems: str, people: int = 3, **options: Any) -> None:
    """Write the same runs for several participants, and their table."""
    for number in range(1, people + 1):
        for stem in stems:
            run(folder, f"sub-0{number}_{stem}", **options)
    rows = "".join(f"sub-0{number}\t{number}\n" for number in range(1, people + 1))
    (folder / "participants.tsv").write_text(f"participant_id\tage\n{rows}")


def visits(folder: Path, name: str, text: str) -> Path:
    """Write `sub-*_sessions.tsv`, whose columns are parted by blanks here, into the raw dataset."""
    path = folder.parent / name / f"{name}_sessions.tsv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join("\t".join(line.split()) + "\n" for line in text.split(";")))
    return path


def indexed(folder: Path, **options: Any) -> list[Scan]:
    index(folder, cohort="c", **options)
    return read_scans(TABLE)


def edit(**changes: Any) -> None:
    """Change keys of the cohort file."""
    SHEET.write_text(yaml.safe_dump({**yaml.safe_load(SHEET.read_text()), **changes}))


def labels(scans: Sequence[Scan], participant: str = "sub-01") -> list[str]:
    return sorted(f"{scan.session_id}/{scan.run}" for scan in scans if scan.participant_id == participant)


def compared(scans: Sequence[Scan], **options: Any) -> tuple[Outcome, Mapping[str, float]]:
    """Return what the cohort file makes of the scans, and the number that each scan stands for."""
    cohort = read(Cohort, SHEET)
    values = np.random.default_rng(0).normal(size=(len(scans), 1))
    kept = pd.DataFrame(
        {
            "participant_id": [scan.participant_id for scan in scans],
            "session_id": [scan.session_id or None for scan in scans],
            "mean_fd": 0.1,
            "kept": ["yes" if scan.session_id.removeprefix("ses-") in cohort.sessions else "no" for scan in scans],
            "reason": None,
        }
    )
    chosen = (kept["kept"] == "yes").to_numpy()
    model = Model(question="?", formula="~ 1", contrast="mean", motion_covariate=False, **options)
    people = read_people(cohort.participants, cohort, kept, SHEET)
    sessions = by_session(values[chosen], kept[chosen], cohort)
    outcome = select(
        sessions, people, kept, model, parts_of(model.condition, cohort, "m", phases_of(model)), cohort, "m"
    )
    of = {
        scan.bold.rpartition("/")[2].split("_space")[0]: float(value[0])
        for scan, value in zip(scans, values, strict=True)
    }
    found = outcome.of(sessions.connectomes)[:, 0]
    return outcome, {**of, **dict(zip(outcome.rows["participant_id"], found, strict=True))}


def told(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().out


# --- what tells sessions apart --------------------------------------------------------------------------------------


def test_labels_with_meaning(folder: Path) -> None:
    tree(folder, "ses-1preEEG_task-rest", "ses-2postEEG_task-rest")
    _, value = compared(indexed(folder))
    for name in ("sub-01", "sub-03"):
        expected = value[f"{name}_ses-2postEEG_task-rest"] - value[f"{name}_ses-1preEEG_task-rest"]
        assert value[name] == pytest.approx(expected)


def test_conditions_that_are_tasks(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tree(folder, "task-drug", "task-placebo")
    indexed(folder)
    assert not SHEET.exists()
    assert "what tells them apart: `--sessions-by task` (drug, placebo)" in told(capsys)
    scans = indexed(folder, sessions_by=["task"])
    assert labels(scans) == ["ses-drug/", "ses-placebo/"]
    assert read(Cohort, SHEET).selection == Selection(sessions_by=("task",))
    out = told(capsys)
    assert "sessions are told apart by task" in out
    assert "averaged" not in out
    edit(sessions={"drug": {"phase": "post", "condition": "drug"}, "placebo": {"phase": "post", "condition": "sham"}})
    assert indexed(folder) == scans
    _, value = compared(scans, outcome="post", condition="drug - sham")
    assert value["sub-02"] == pytest.approx(value["sub-02_task-drug"] - value["sub-02_task-placebo"])


def test_runs_that_are_before_and_after(folder: Path) -> None:
    tree(folder, "task-rest_run-01", "task-rest_run-02")
    scans = indexed(folder, sessions_by=["run"])
    assert labels(scans) == ["ses-01/01", "ses-02/02"]
    assert {label: one.phase for label, one in read(Cohort, SHEET).sessions.items()} == {"01": "pre", "02": "post"}
    _, value = compared(scans)
    assert value["sub-02"] == pytest.approx(value["sub-02_task-rest_run-02"] - value["sub-02_task-rest_run-01"])


def crossover(folder: Path) -> None:
    """Two visits with a run before and one after, in an order that the raw dataset says for each participant."""
    tree(folder, *(f"ses-{visit}_task-rest_run-{number}" for visit in (1, 2) for number in (1, 2)))
    visits(folder, "sub-01", "session_id treatment;ses-1 psilocybin;ses-2 placebo")
    visits(folder, "sub-02", "treatment session_id;placebo ses-1;psilocybin ses-2")
    visits(folder, "sub-03", "session_id treatment;1 psilocybin;2 placebo")


def test_conditions_that_are_not_the_session(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    crossover(folder)
    scans = indexed(folder, sessions_by=["treatment", "run"])
    expected = [f"ses-{drug}{number}/{number}" for drug in ("placebo", "psilocybin") for number in (1, 2)]
    assert [labels(scans, name) for name in ("sub-01", "sub-02", "sub-03")] == [expected] * 3
    assert scans[0].name == f"sub-01_ses-psilocybin1_task-rest_run-1_{MNI}_res-2"
    assert "CHECK sessions that became one" not in told(capsys)
    edit(
        sessions={
            f"{drug}{number}": {"phase": phase, "condition": drug}
            for drug in ("placebo", "psilocybin")
            for number, phase in ((1, "pre"), (2, "post"))
        }
    )
    _, value = compared(scans, condition="psilocybin - placebo")
    for name, drug, sham in (("sub-01", 1, 2), ("sub-02", 2, 1), ("sub-03", 1, 2)):
        of = {(visit, number): value[f"{name}_ses-{visit}_task-rest_run-{number}"] for visit in (1, 2)
              for number in (1, 2)}  # fmt: skip
        assert value[name] == pytest.approx(of[drug, 2] - of[drug, 1] - of[sham, 2] + of[sham, 1])


def test_sessions_that_become_one_are_its_runs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tree(folder, *(f"ses-{visit}_task-rest" for visit in (1, 2, 3)), people=1)
    visits(folder, "sub-01", "session_id stage;ses-1 before;ses-2 after;ses-3 after")
    scans = indexed(folder, sessions_by=["stage"])
    assert labels(scans) == ["ses-after/1", "ses-after/2", "ses-before/"]
    assert len({scan.name for scan in scans}) == 3
    out = told(capsys)
    assert "CHECK sessions that became one, as runs that are averaged: sub-01 (ses-2 and ses-3 are ses-after)" in out
    edit(sessions={"before": {"phase": "pre"}, "after": {"phase": "post"}})
    _, value = compared(scans)
    after = (value["sub-01_ses-2_task-rest"] + value["sub-01_ses-3_task-rest"]) / 2
    assert value["sub-01"] == pytest.approx(after - value["sub-01_ses-1_task-rest"])


def test_runs_of_sessions_that_become_one_keep_their_numbers_where_they_differ(folder: Path) -> None:
    tree(folder, "ses-1_task-rest_run-2", "ses-2_task-rest_run-1", "ses-3_task-rest_run-1", people=1)
    visits(folder, "sub-01", "session_id stage;ses-1 a;ses-2 a;ses-3 b")
    scans = indexed(folder, sessions_by=["stage"])
    assert labels(scans) == ["ses-a/1", "ses-a/2", "ses-b/1"]
    assert all(f"_run-{scan.run}_" in scan.bold for scan in scans)


def test_labels_that_become_the_same_are_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tree(folder, "ses-1_task-rest", "ses-2_task-rest", people=2)
    visits(folder, "sub-01", "session_id dose;ses-1 low-dose;ses-2 none")
    visits(folder, "sub-02", "session_id dose;ses-1 none;ses-2 lowdose")
    indexed(folder, sessions_by=["dose"])
    assert "CHECK different labels make the session lowdose: `low-dose`; `lowdose`" in told(capsys)


def test_what_a_scan_has_no_label_of_is_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tree(folder, "ses-1_task-rest_run-1", "ses-2_task-rest", people=1)
    visits(folder, "sub-01", "session_id drug;ses-1 n/a;ses-2 lsd")
    assert labels(indexed(folder, sessions_by=["drug", "run"])) == ["ses-1/1", "ses-lsd/"]
    out = told(capsys)
    assert "CHECK 1 scans without `drug`: sub-01_ses-1_task-rest_run-1 is in ses-1" in out
    assert "CHECK 1 scans without `run`: sub-01_ses-2_task-rest is in ses-lsd" in out


@pytest.mark.parametrize(
    ("text", "where", "must", "got", "todo"),
    [
        (None, "sub-02/sub-02_sessions.tsv", "session_id and treatment", "no such file in", "write it"),
        ("session_id treatment;ses-1 a", "sub-02_sessions.tsv", "a row for ses-2", "rows for ses-1", "add the row"),
        ("session_id treatmant;ses-1 a", "sub-02_sessions.tsv", "column `treatment`", "treatmant", "`treatmant`?"),
        ("treatment;a", "sub-02_sessions.tsv", "column `session_id`", "columns treatment", "add the column"),
        ("session_id treatment;1 a;ses-1 b", "sub-02_sessions.tsv", "once", "ses-1 twice", "remove one"),
    ],
)
def test_a_table_of_sessions_that_does_not_say_it(
    folder: Path, text: str | None, where: str, must: str, got: str, todo: str
) -> None:
    crossover(folder)
    path = visits(folder, "sub-02", text or "-")
    if text is None:
        path.unlink()
    with pytest.raises(UserError) as caught:
        indexed(folder, sessions_by=["treatment", "run"])
    error = caught.value
    assert error.where.endswith(where)
    assert (must in error.must, got in error.got, todo in error.todo) == (True, True, True)
    assert not TABLE.exists()


def test_without_sessions_there_is_nothing_to_look_up(folder: Path) -> None:
    tree(folder, "task-rest_run-1", "task-rest_run-2")
    with pytest.raises(UserError, match="no `ses-` in the file name"):
        indexed(folder, sessions_by=["treatment"])


def test_flags_override_the_cohort_file_and_say_so(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tree(folder, "ses-1_task-rest_run-1", "ses-1_task-rest_run-2")
    indexed(folder, sessions_by=["run"], space="MNI152NLin2009cAsym:res-2")
    assert yaml.safe_load(SHEET.read_text())["selection"] == {
        "space": "MNI152NLin2009cAsym:res-2", "sessions_by": ["run"],
    }  # fmt: skip
    assert labels(indexed(folder)) == ["ses-1/1", "ses-2/2"]
    assert "its `selection` is not" not in told(capsys)
    assert labels(indexed(folder, sessions_by=["session"])) == ["ses-1/1", "ses-1/2"]
    assert f"CHECK {SHEET}: its `selection` is not what the flags said" in told(capsys)


# --- which images are scans -----------------------------------------------------------------------------------------


def test_a_run_that_is_not_at_rest_is_left_out(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tree(folder, *(f"ses-{ses}_task-rest_run-0{number}" for ses in ("pre", "post") for number in (1, 2)))
    run(folder, "sub-04_ses-pre_task-rest")
    indexed(folder)
    edit(selection={"only": {"run": [1]}})
    assert labels(indexed(folder)) == ["ses-post/01", "ses-pre/01"]
    assert "runs left out: 02 (6 images), n/a (1 images); `selection.only.run` says so" in told(capsys)
    edit(selection={"only": {"run": [1, "n/a"]}})
    assert labels(indexed(folder), "sub-04") == ["ses-pre/"]


@pytest.mark.parametrize(
    ("only", "where", "must", "got", "todo"),
    [
        ({"run": [3]}, "key selection.only.run", "labels of the images: 1, 2", "3", "choose among them"),
        ({"dir": ["n/a"], "acq": ["a"]}, "key selection.only.acq", "labels of the images: n/a", "a", "choose"),
        ({"task": ["rset"]}, "key selection.only.task or flag --task", "rest", "rset", "did you mean `rest`?"),
        ({"runs": [1]}, "config/cohorts/c.yaml, line 8, key selection: key only", "one of: session", "`runs`", "`run`"),
    ],
)
def test_a_selection_of_what_is_not_there(
    folder: Path, only: dict[str, list[Any]], where: str, must: str, got: str, todo: str
) -> None:
    tree(folder, "ses-pre_task-rest_run-1", "ses-post_task-rest_run-2")
    indexed(folder)
    edit(selection={"only": only})
    with pytest.raises(UserError) as caught:
        indexed(folder)
    error = caught.value
    assert where.split(", ")[-1] in error.where
    assert (must in error.must, got in error.got, todo in error.todo) == (True, True, True)


def test_images_that_differ_in_direction_are_scans_of_their_own(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tree(folder, *(f"ses-{ses}_task-rest_dir-{way}_run-1" for ses in ("pre", "post") for way in ("AP", "PA")))
    scans = indexed(folder)
    assert scans[0].name == f"sub-01_ses-post_task-rest_dir-AP_run-1_{MNI}_res-2"
    assert len({scan.name for scan in scans}) == 12
    assert "CHECK scans of several `dir` (AP, PA), which are averaged within a session; choose one" in told(capsys)
    edit(selection={"only": {"dir": ["AP"]}})
    assert {scan.name.split("_")[3] for scan in indexed(folder)} == {"dir-AP"}
    assert "averaged" not in told(capsys)


def test_several_tasks_of_one_session_are_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tree(folder, "ses-pre_task-rest", "ses-pre_task-restclosed")
    indexed(folder)
    assert "CHECK scans of several tasks (rest, restclosed), which are averaged within a session" in told(capsys)


# --- who is listed --------------------------------------------------------------------------------------------------


def test_participants_without_a_row_or_without_scans(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tree(folder, "ses-pre_task-rest", "ses-post_task-rest", people=4)
    (folder / "participants.tsv").write_text("participant_id\tage\n 01 \t30\nsub-02\t31\n03\t32\nsub-99\t33\n")
    scans = indexed(folder)
    out = told(capsys)
    assert "CHECK" in next(line for line in out.splitlines() if "no row for sub-04, who will not be analysed" in line)
    assert "lists 1 participants without scans: sub-99" in out
    outcome, _ = compared(scans)
    assert "no row for sub-04, who cannot be analysed" in capsys.readouterr().err
    people = outcome.people.set_index("participant_id")
    assert people["analysed"].to_dict() == {f"sub-0{n}": "yes" for n in (1, 2, 3)} | {"sub-99": "no", "sub-04": "no"}
    assert people["reason"].dropna().to_dict() == {"sub-99": "no scans", "sub-04": "no row in participants.tsv"}


def test_cells_in_doubt_are_told_before_anything_runs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tree(folder, "ses-pre_task-rest", "ses-post_task-rest", people=2)
    rows = ("participant_id\ta\tb\tc\td", "sub-01\t1,5\t1,5\t1,234\tx,y", "sub-02\tN/A\t1.5\t2,345\tz")
    (folder / "participants.tsv").write_text("\n".join(rows) + "\n")
    indexed(folder)
    out = told(capsys)
    assert "column a: commas are read as decimal commas" in out
    assert "column b: commas and points, such as 1,5 and 1.5; no model can use it" in out
    assert "column c: three digits after every comma, such as 1,234" in out
    assert "missing values are not written n/a in a" in out
    assert "column d" not in out


# --- how scans were measured ----------------------------------------------------------------------------------------


def test_sites_with_different_times(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, tr, n_volumes in (("sub-01", 2.0, 150), ("sub-02", 2.05, 140), ("sub-03", 0.8, 500)):
        for ses in ("pre", "post"):
            run(folder, f"{name}_ses-{ses}_task-rest", tr=tr, header=tr, n_volumes=n_volumes)
    scans = indexed(folder)
    assert [(scan.tr, scan.n_volumes) for scan in scans[::2]] == [(2.0, 150), (2.05, 140), (0.8, 500)]
    out = told(capsys)
    assert "TR:           0.8, 2, 2.05 s" in out
    assert "TR differs" not in out


def test_uncompressed_images_and_files_of_another_system(folder: Path) -> None:
    tree(folder, "ses-pre_task-rest", "ses-post_task-rest", extension=".nii", mask=".nii")
    for path in list(folder.rglob("sub-*")):
        if path.is_file():
            path.with_name(f"._{path.name}").write_bytes(b"\0\5\x16\7")
    (folder / "._sub-01").write_bytes(b"\0\5\x16\7")
    (folder / "._participants.tsv").write_bytes(b"\0\5\x16\7")
    scans = indexed(folder)
    assert len(scans) == 6
    assert all(scan.bold.endswith("_bold.nii") and scan.mask.endswith("_mask.nii") for scan in scans)
    assert not any("._" in path for scan in scans for path in (scan.bold, scan.mask, scan.confounds))
    compared(scans)


def test_uncompressed_image_and_mask_give_the_same_series(tmp_path: Path) -> None:
    found = []
    for suffix in (".nii.gz", ".nii"):
        files = small_scan(tmp_path / suffix[1:], suffix)
        hole = np.ones(SHAPE)
        hole[0, 0, 0] = 0
        mask = save(files.mask.with_name(f"mask{suffix}"), hole, BOLD, "uint8")
        parcellate(files.bold, mask, files.confounds, [files.atlas()], files.series)
        found.append(files.result())
    (names, series, coverage), (others, same, covered) = found
    assert (names, coverage) == (others, covered)
    np.testing.assert_array_equal(series, same)


# --- limits that exclude nearly everyone ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n_volumes", "line"),
    [
        (90, "limit minutes 4 excludes 6 of 6 scans by their length alone (they last 3.75 min)"),
        (
            100,
            "limit minutes 4 excludes most scans as soon as censoring takes 4 % of their volumes (they last 4.17 min)",
        ),
        (108, ""),
    ],
)
def test_scans_that_are_short_for_the_limit(
    folder: Path, capsys: pytest.CaptureFixture[str], n_volumes: int, line: str
) -> None:
    tree(folder, "ses-pre_task-rest", "ses-post_task-rest", tr=2.5, header=2.5, n_volumes=n_volumes)
    for _ in range(2):
        indexed(folder)
        out = told(capsys)
        assert (f"CHECK {line}" in out) if line else ("limit minutes" not in out)
    edit(limits={"minutes": 3.0})
    indexed(folder)
    assert "limit minutes" not in told(capsys)
