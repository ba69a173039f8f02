"""`connect index`: from an fMRIPrep folder to a scans table and the draft of a cohort file."""

from __future__ import annotations

import csv
import doctest
import json
import os
from pathlib import Path

import nibabel
import numpy as np
import pytest

import connect.index.draft
import connect.index.scanners
from connect.config import read
from connect.errors import UserError
from connect.index import index
from connect.index.draft import Origin, draft, find_participants, guess_phases
from connect.index.folders import sources
from connect.index.scanners import scanner
from connect.scans import Scan, read_scans
from connect.settings.cohort import Cohort

from .derivatives import MNI, image, run


@pytest.fixture
def fmriprep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder of two participants with two sessions each; the working directory is the project around it."""
    project = tmp_path / "project"
    folder = project / "fmriprep"
    for sub in ("sub-01", "sub-02"):
        for ses in ("ses-pre", "ses-post"):
            run(folder, f"{sub}_{ses}_task-rest")
    (folder / "participants.tsv").write_text("participant_id\tgroup\nsub-01\ta\nsub-02\tb\n")
    monkeypatch.chdir(project)
    return folder


def indexed(folder: Path, **options: str) -> list[Scan]:
    index(folder, cohort="c", **options)
    return read_scans("config/cohorts/c.scans.tsv")


def refused(folder: Path, **options: str) -> UserError:
    with pytest.raises(UserError) as caught:
        index(folder, cohort="c", **options)
    assert not Path("config/cohorts/c.scans.tsv").exists()
    return caught.value


# --- what is found -------------------------------------------------------------------------------------------------


def test_scans_and_cohort_file(fmriprep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scans = indexed(fmriprep)
    assert [scan.name for scan in scans] == [
        f"{sub}_{ses}_task-rest_{MNI}_res-2" for sub in ("sub-01", "sub-02") for ses in ("ses-post", "ses-pre")
    ]
    assert scans[0] == Scan(
        participant_id="sub-01",
        session_id="ses-post",
        task="rest",
        acq="",
        run="",
        space="MNI152NLin2009cAsym",
        res="2",
        tr=2.0,
        scanner="",
        n_volumes=4,
        bold=f"sub-01/ses-post/func/sub-01_ses-post_task-rest_{MNI}_res-2_desc-preproc_bold.nii.gz",
        mask=f"sub-01/ses-post/func/sub-01_ses-post_task-rest_{MNI}_res-2_desc-brain_mask.nii.gz",
        confounds="sub-01/ses-post/func/sub-01_ses-post_task-rest_desc-confounds_timeseries.tsv",
    )
    cohort = read(Cohort, "config/cohorts/c.yaml")
    assert cohort.derivatives.resolve() == fmriprep.resolve()
    assert cohort.participants.resolve() == fmriprep.resolve() / "participants.tsv"
    assert {label: session.phase for label, session in cohort.sessions.items()} == {"pre": "pre", "post": "post"}
    text = Path("config/cohorts/c.yaml").read_text()
    assert "derivatives: ../../fmriprep\n" in text
    assert "CHECK" in text
    told = capsys.readouterr().out
    for words in (
        "participants: 2",
        "ses-pre (2 participants)",
        "scans:        4 (4 volumes)",
        "MNI152NLin2009cAsym:res-2",
        "TR:           2 s",
        "scanners:     not known (4 scans)",
        "one session:  none",
        "no TR conflicts",
        "next: ",
    ):
        assert words in told


def test_rows_are_sorted_by_path_and_stable(fmriprep: Path) -> None:
    scans = indexed(fmriprep)
    first = Path("config/cohorts/c.scans.tsv").read_bytes()
    assert [scan.bold for scan in scans] == sorted(scan.bold for scan in scans)
    indexed(fmriprep)
    assert Path("config/cohorts/c.scans.tsv").read_bytes() == first


def test_an_existing_cohort_file_is_kept(fmriprep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sheet = Path("config/cohorts/c.yaml")
    sheet.parent.mkdir(parents=True)
    mine = "title: Mine\nderivatives: ../../elsewhere\nparticipants: p.tsv\nsessions: {pre: {phase: pre}}\n"
    sheet.write_text(mine)
    indexed(fmriprep)
    assert sheet.read_text() == mine
    told = capsys.readouterr().out
    assert "left as it is" in told
    assert "`derivatives` is elsewhere, but" in told
    assert "says nothing of the sessions post" in told


def test_a_broken_cohort_file_is_told_and_nothing_written(fmriprep: Path) -> None:
    sheet = Path("config/cohorts/c.yaml")
    sheet.parent.mkdir(parents=True)
    sheet.write_text("titel: Mine\n")
    assert "did you mean `title`" in refused(fmriprep).todo


def test_nothing_is_written_to_the_fmriprep_folder(fmriprep: Path) -> None:
    before = sorted(fmriprep.rglob("*"))
    indexed(fmriprep)
    assert sorted(fmriprep.rglob("*")) == before


def test_runs_and_acquisitions(fmriprep: Path) -> None:
    for stem in ("sub-03_ses-pre_task-rest_run-1", "sub-03_ses-pre_task-rest_run-2", "sub-03_ses-pre_task-rest_acq-mb"):
        run(fmriprep, stem)
    found = {(scan.acq, scan.run) for scan in indexed(fmriprep) if scan.participant_id == "sub-03"}
    assert found == {("", "1"), ("", "2"), ("mb", "")}


def test_participants_with_one_session_and_without_a_scan(fmriprep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(fmriprep, "sub-03_ses-pre_task-rest")
    (fmriprep / "sub-04" / "anat").mkdir(parents=True)
    indexed(fmriprep)
    told = capsys.readouterr().out
    assert "one session:  sub-03" in told
    assert "participants without a scan that fits: sub-04" in told
    assert "no row for sub-03" in told


def test_no_sessions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    run(tmp_path / "fmriprep", "sub-01_task-rest")
    (scan,) = indexed(tmp_path / "fmriprep")
    assert scan.session_id == ""
    with Path("config/cohorts/c.scans.tsv").open() as file:
        (row,) = csv.DictReader(file, delimiter="\t")
    assert row["session_id"] == "n/a"
    assert not Path("config/cohorts/c.yaml").exists()
    told = capsys.readouterr().out
    assert "none (1 participants)" in told
    assert "no cohort file is written; nothing in their names tells them apart" in told


def test_what_is_no_scan_is_ignored(fmriprep: Path) -> None:
    expected = indexed(fmriprep)
    func = fmriprep / "sub-01" / "ses-pre" / "func"
    (func / f"._sub-01_ses-pre_task-rest_{MNI}_res-2_desc-preproc_bold.nii.gz").touch()
    (func / "sub-01_ses-pre_task-rest_space-fsLR_den-91k_bold.dtseries.nii").touch()
    (func / "sub-01_ses-pre_task-rest_space-MNI152NLin6Asym_desc-smoothAROMAnonaggr_bold.nii.gz").touch()
    for skipped in ("sourcedata", "sub-01/figures", "sub-01/log", "sub-01/.cache", "freesurfer", "sub-01/anat"):
        (fmriprep / skipped).mkdir(parents=True)
        (fmriprep / skipped / f"sub-01_ses-x_task-rest_{MNI}_res-2_desc-preproc_bold.nii.gz").touch()
    assert indexed(fmriprep) == expected


def test_uncompressed_images_and_old_confounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run(tmp_path / "fmriprep", "sub-01_task-rest", extension=".nii", confounds="regressors")
    (scan,) = indexed(tmp_path / "fmriprep")
    assert scan.bold.endswith("_bold.nii")
    assert scan.mask.endswith("_mask.nii.gz")
    assert scan.confounds.endswith("_desc-confounds_regressors.tsv")


def test_both_names_of_confounds(fmriprep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    func = fmriprep / "sub-01" / "ses-pre" / "func"
    (func / "sub-01_ses-pre_task-rest_desc-confounds_regressors.tsv").touch()
    assert all(scan.confounds.endswith("_timeseries.tsv") for scan in indexed(fmriprep))
    assert "under both names" in capsys.readouterr().out


def test_entities_beyond_the_table_pair_up(fmriprep: Path) -> None:
    run(fmriprep, "sub-03_ses-pre_task-rest_dir-AP_run-1")
    scan = indexed(fmriprep)[-1]
    assert "_dir-AP_run-1_space-" in scan.mask
    assert scan.confounds.endswith("_dir-AP_run-1_desc-confounds_timeseries.tsv")


# --- which space and task ------------------------------------------------------------------------------------------


def test_default_space(fmriprep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(fmriprep, "sub-01_ses-pre_task-rest", space="space-MNI152NLin6Asym")
    run(fmriprep, "sub-01_ses-pre_task-rest", space="space-T1w")
    run(fmriprep, "sub-01_ses-pre_task-rest", space="")
    assert {scan.space for scan in indexed(fmriprep)} == {"MNI152NLin2009cAsym"}
    assert "spaces left out: MNI152NLin6Asym, T1w, native" in capsys.readouterr().out


def test_the_only_standard_space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for space in ("space-MNI152NLin6Asym", "space-T1w", ""):
        run(tmp_path / "fmriprep", "sub-01_task-rest", space=space)
    assert [scan.space for scan in indexed(tmp_path / "fmriprep")] == ["MNI152NLin6Asym"]


@pytest.mark.parametrize(
    ("spaces", "got"),
    [
        (("space-MNI152NLin6Asym", "space-MNIInfant"), "2 among MNI152NLin6Asym, MNIInfant"),
        (("space-T1w", ""), "0 among T1w, native"),
    ],
)
def test_no_obvious_space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spaces: tuple[str, str], got: str) -> None:
    monkeypatch.chdir(tmp_path)
    for space in spaces:
        run(tmp_path / "fmriprep", "sub-01_task-rest", space=space)
    error = refused(tmp_path / "fmriprep")
    assert error.got == got
    assert "--space" in error.todo


def test_asked_space_and_runs_without_it(fmriprep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(fmriprep, "sub-01_ses-pre_task-rest", space="space-MNI152NLin6Asym_res-2")
    (scan,) = indexed(fmriprep, space="MNI152NLin6Asym")
    assert (scan.space, scan.res) == ("MNI152NLin6Asym", "2")
    told = capsys.readouterr().out
    assert "CHECK 3 runs without an image in MNI152NLin6Asym:res-2: sub-01/ses-post/" in told
    assert "participants without a scan that fits: sub-02" in told


def test_unknown_space(fmriprep: Path) -> None:
    error = refused(fmriprep, space="MNI152NLin2009cAsim:res-2")
    assert "did you mean `MNI152NLin2009cAsym:res-2`?" in error.todo
    assert refused(fmriprep, space="MNI152NLin2009cAsym:res-1").must == "one of: MNI152NLin2009cAsym:res-2"


def test_several_resolutions(fmriprep: Path) -> None:
    run(fmriprep, "sub-01_ses-pre_task-rest", space=f"{MNI}_res-1")
    run(fmriprep, "sub-01_ses-pre_task-rest", space=MNI)
    error = refused(fmriprep)
    assert error.got == ", ".join(f"MNI152NLin2009cAsym:res-{res}" for res in ("native", "1", "2"))
    assert [scan.res for scan in indexed(fmriprep, space="MNI152NLin2009cAsym:res-1")] == ["1"]
    assert [scan.res for scan in indexed(fmriprep, space="MNI152NLin2009cAsym:res-native")] == [""]
    assert len(indexed(fmriprep, space="MNI152NLin2009cAsym:res-2")) == 4


def test_template_cohorts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for number in (1, 2):
        run(tmp_path / "fmriprep", "sub-01_task-rest", space=f"space-MNIPediatricAsym_cohort-{number}_res-2")
    (scan,) = indexed(tmp_path / "fmriprep", space="MNIPediatricAsym:cohort-2:res-2")
    assert "_cohort-2_" in scan.bold
    assert scan.confounds.endswith("sub-01_task-rest_desc-confounds_timeseries.tsv")


def test_tasks_at_rest_come_first(fmriprep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(fmriprep, "sub-01_ses-pre_task-nback")
    run(fmriprep, "sub-01_ses-pre_task-RestingClosed")
    assert {scan.task for scan in indexed(fmriprep)} == {"rest", "RestingClosed"}
    assert "tasks left out: nback" in capsys.readouterr().out
    assert {scan.task for scan in indexed(fmriprep, task="nback")} == {"nback"}


def test_all_tasks_where_none_is_at_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for task in ("movie", "nback"):
        run(tmp_path / "fmriprep", f"sub-01_task-{task}")
    assert [scan.task for scan in indexed(tmp_path / "fmriprep")] == ["movie", "nback"]


def test_unknown_task(fmriprep: Path) -> None:
    assert "did you mean `rest`?" in refused(fmriprep, task="rset").todo


# --- repetition time -----------------------------------------------------------------------------------------------


def timed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **options: object) -> float:
    monkeypatch.chdir(tmp_path)
    run(tmp_path / "fmriprep", "sub-01_ses-pre_task-rest", **options)  # type: ignore[arg-type]
    (scan,) = indexed(tmp_path / "fmriprep")
    return scan.tr


def test_conflicting_times(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert timed(tmp_path, monkeypatch, tr=2.2, header=2.0) == 2.2
    told = capsys.readouterr().out
    assert "CHECK TR conflicts in 1 scans, the JSON counts" in told
    assert "2.2 s in JSON, 2 s in its header" in told


@pytest.mark.parametrize(("header", "unit"), [(2.01, "sec"), (2000, "msec"), (2e6, "usec"), (0, "sec"), (2, "unknown")])
def test_agreeing_times(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], header: float, unit: str
) -> None:
    assert timed(tmp_path, monkeypatch, header=header, unit=unit) == 2
    assert "no TR conflicts" in capsys.readouterr().out


@pytest.mark.parametrize(("header", "unit"), [(2.2, "sec"), (2200, "msec")])
def test_time_of_the_header(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], header: float, unit: str
) -> None:
    assert timed(tmp_path, monkeypatch, tr=None, header=header, unit=unit) == 2.2
    assert "TR taken from the header of 1 scans" in capsys.readouterr().out


def test_no_time_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match=r"add `RepetitionTime` to sub-01/ses-pre/func/.*_desc-preproc_bold\.json"):
        timed(tmp_path, monkeypatch, tr=None, header=0)


def test_inherited_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "fmriprep"
    (folder / "sub-01" / "ses-pre").mkdir(parents=True)
    (folder / "task-rest_bold.json").write_text('{"RepetitionTime": 3}')
    (folder / "task-nback_bold.json").write_text('{"RepetitionTime": 5}')
    (folder / "sub-01" / "ses-p").mkdir()
    (folder / "sub-01" / "ses-p" / "sub-01_task-rest_bold.json").write_text('{"RepetitionTime": 7}')
    assert timed(tmp_path, monkeypatch, tr=None, header=3) == 3
    (folder / "sub-01" / "ses-pre" / "sub-01_ses-pre_bold.json").write_text('{"RepetitionTime": 4}')
    assert indexed(folder)[0].tr == 4


@pytest.mark.parametrize("value", ["2.0", 0, -1, float("nan")])
def test_impossible_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: object) -> None:
    with pytest.raises(UserError, match="seconds above 0"):
        timed(tmp_path, monkeypatch, tr=value)


# --- scanner -------------------------------------------------------------------------------------------------------

PRISMA = {
    "Manufacturer": "Siemens",
    "ManufacturersModelName": "Prisma_fit",
    "MagneticFieldStrength": 3,
    "DeviceSerialNumber": "167015",
    "StationName": "AWP167015",
}
PRISMA_WORDS = "Siemens Prisma_fit 3T 167015"


def sidecar(folder: Path, path: str, **values: object) -> None:
    place = folder / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(json.dumps({"RepetitionTime": 2.0, **values}))


@pytest.mark.parametrize(
    ("records", "words"),
    [
        ([PRISMA], PRISMA_WORDS),
        ([{**PRISMA, "DeviceSerialNumber": None}], "Siemens Prisma_fit 3T AWP167015"),
        ([{"Manufacturer": "GE", "MagneticFieldStrength": 1.5}], "GE 1.5T"),
        ([{"MagneticFieldStrength": "3T"}], "3T"),
        ([{"MagneticFieldStrength": 2.89362}], "2.89T"),
        ([{"MagneticFieldStrength": "high"}], "high"),
        ([{"DeviceSerialNumber": 45}], "45"),
        ([{"Manufacturer": " Philips\tMedical\n", "ManufacturersModelName": "n/a"}], "Philips Medical"),
        ([{"Manufacturer": ["GE"], "ManufacturersModelName": True, "DeviceSerialNumber": ""}], ""),
        ([{"StationName": "near"}, {**PRISMA, "StationName": "far"}], PRISMA_WORDS),
        ([{"Manufacturer": "near"}, PRISMA], PRISMA_WORDS.replace("Siemens", "near")),
        ([], ""),
    ],
)
def test_a_scanner_in_words(records: list[dict[str, object]], words: str) -> None:
    assert scanner(records) == words


@pytest.mark.parametrize(
    "path",
    [
        f"sub-01/ses-pre/func/sub-01_ses-pre_task-rest_{MNI}_res-2_desc-preproc_bold.json",
        "sub-01/ses-pre/func/sub-01_ses-pre_task-rest_bold.json",
        "sub-01/sub-01_bold.json",
        "task-rest_bold.json",
    ],
)
@pytest.mark.parametrize("dataset", ["fmriprep", "raw"])
def test_scanner_of_sidecars_near_and_far(fmriprep: Path, dataset: str, path: str) -> None:
    """In the derivatives every sidecar of the image holds, in the raw dataset those of the raw image."""
    sidecar(fmriprep.parent / dataset, path, **PRISMA)
    found = {(scan.participant_id, scan.session_id) for scan in indexed(fmriprep) if scan.scanner == PRISMA_WORDS}
    expected = {("sub-01", "ses-pre")}
    expected |= {("sub-01", "ses-post")} if "ses-pre" not in path else set()
    expected |= {("sub-02", "ses-pre"), ("sub-02", "ses-post")} if "sub-01" not in path else set()
    assert found == (set() if dataset == "raw" and "desc-preproc" in path else expected)


def test_sidecars_complete_each_other_and_the_nearest_counts(fmriprep: Path) -> None:
    raw = fmriprep.parent / "rawdata"
    sidecar(raw, "task-rest_bold.json", **PRISMA)
    sidecar(raw, "sub-01/ses-post/func/sub-01_ses-post_task-rest_bold.json", ManufacturersModelName="Skyra")
    sidecar(fmriprep, "sub-02/sub-02_bold.json", Manufacturer="GE")
    found = [scan.scanner for scan in indexed(fmriprep)]
    assert found == ["Siemens Skyra 3T 167015", PRISMA_WORDS, "GE", "GE"]


@pytest.mark.parametrize(
    ("stem", "raw"),
    [
        ("sub-03_ses-pre_task-rest_acq-mb_run-01", "sub-03_ses-pre_task-rest_acq-mb_run-01_bold.json"),
        ("sub-03_ses-pre_task-rest_dir-AP", "sub-03_ses-pre_task-rest_dir-AP_bold.json"),
        ("sub-03_ses-pre_task-rest", "sub-03_ses-pre_task-rest_echo-2_part-mag_bold.json"),
    ],
)
def test_scanner_of_the_raw_image_of_a_run(fmriprep: Path, stem: str, raw: str) -> None:
    run(fmriprep, stem)
    sidecar(fmriprep.parent, f"sub-03/ses-pre/func/{raw}", **PRISMA)
    assert [scan.participant_id for scan in indexed(fmriprep) if scan.scanner == PRISMA_WORDS] == ["sub-03"]


@pytest.mark.parametrize(
    "raw",
    [
        "sub-01_ses-pre_task-rest_acq-mb_bold.json",
        "sub-01_ses-pre_task-rest_run-02_bold.json",
        "sub-01_ses-pre_task-nback_bold.json",
        "sub-01_ses-pre_task-rest_sbref.json",
        "sub-01_ses-pre_task-rest_desc-preproc_bold.json",
    ],
)
def test_sidecars_of_other_images_say_nothing(fmriprep: Path, raw: str) -> None:
    sidecar(fmriprep.parent, f"sub-01/ses-pre/func/{raw}", **PRISMA)
    assert {scan.scanner for scan in indexed(fmriprep)} == {""}


@pytest.mark.parametrize("key", ["DatasetLinks", "SourceDatasets"])
def test_scanner_of_a_linked_dataset(fmriprep: Path, capsys: pytest.CaptureFixture[str], key: str) -> None:
    raw = fmriprep.parents[1] / "far away"
    links = {"raw": raw.as_uri(), "templateflow": "https://x.org"}
    description = {key: links if key == "DatasetLinks" else [{"URL": raw.as_uri()}]}
    (fmriprep / "dataset_description.json").write_text(json.dumps(description))
    sidecar(raw, "task-rest_bold.json", **PRISMA)
    sidecar(fmriprep.parent / "raw", "task-rest_bold.json", Manufacturer="GE")
    assert {scan.scanner for scan in indexed(fmriprep)} == {PRISMA_WORDS}
    told = capsys.readouterr().out
    assert f"scanners:     {PRISMA_WORDS} (4 scans)" in told
    assert f"scanner of 4 scans read from {raw}" in told


@pytest.mark.parametrize("how", ["broken", "list", "not fetched"])
def test_a_raw_sidecar_that_cannot_be_read_is_told(
    fmriprep: Path, capsys: pytest.CaptureFixture[str], how: str
) -> None:
    """The raw dataset is often not the user's to mend."""
    raw = fmriprep.parent / "bids"
    sidecar(raw, "task-rest_bold.json", **PRISMA)
    bad = raw / "sub-01" / "ses-pre" / "func" / "sub-01_ses-pre_task-rest_bold.json"
    bad.parent.mkdir(parents=True)
    if how == "not fetched":
        bad.symlink_to(".git/annex/objects/nothing")
    else:
        bad.write_text("[]" if how == "list" else "{")
    assert {scan.scanner for scan in indexed(fmriprep)} == {PRISMA_WORDS}
    assert f"CHECK sidecars that could not be read: 1, such as {bad}" in capsys.readouterr().out


def test_settings_that_change_between_sessions(fmriprep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(fmriprep, "sub-01_ses-post_task-rest", tr=2.05, header=2.05)
    for ses, model in (("pre", "Trio"), ("post", "Prisma")):
        sidecar(fmriprep.parent, f"sub-02/ses-{ses}/func/sub-02_ses-{ses}_bold.json", ManufacturersModelName=model)
    indexed(fmriprep)
    told = capsys.readouterr().out
    assert "TR:           2, 2.05 s" in told
    assert "scanners:     not known (2 scans), Prisma (1 scans), Trio (1 scans)" in told
    assert (
        "- CHECK TR differs between the scans of 1 participant: sub-01 (ses-post: 2.05 s; ses-pre: 2 s)\n"
        "- CHECK scanner differs between the scans of 1 participant: sub-02 (ses-post: Prisma; ses-pre: Trio)"
    ) in told


def test_settings_that_do_not_change_are_not_told(fmriprep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sidecar(fmriprep.parent, "task-rest_bold.json", **PRISMA)
    sidecar(fmriprep.parent, "sub-02/sub-02_bold.json", DeviceSerialNumber="2")
    indexed(fmriprep)
    assert "differs" not in capsys.readouterr().out


# --- what is refused -----------------------------------------------------------------------------------------------


def test_missing_folder(fmriprep: Path) -> None:
    assert refused(fmriprep / "nowhere").got == "no such folder"


def test_no_subjects(fmriprep: Path) -> None:
    assert "sub-*" in refused(fmriprep.parent).must


@pytest.mark.parametrize("name", ["a/b", "a.b", "", "ä"])
def test_name_of_the_cohort(fmriprep: Path, name: str) -> None:
    with pytest.raises(UserError, match="letters, digits"):
        index(fmriprep, cohort=name)


@pytest.mark.parametrize("pattern", ["*_desc-preproc_bold.nii.gz", "*_desc-confounds_timeseries.tsv"])
def test_minimal_derivatives(fmriprep: Path, pattern: str) -> None:
    for path in list(fmriprep.rglob(pattern)):
        path.unlink()
    error = refused(fmriprep)
    assert pattern in error.got
    assert "--level full" in error.todo


def test_both_lacking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "fmriprep" / "sub-01" / "func").mkdir(parents=True)
    assert " and no confounds table" in refused(tmp_path / "fmriprep").got


@pytest.mark.parametrize(("pattern", "what"), [("*_mask.nii.gz", "mask of"), ("*_timeseries.tsv", "confounds of")])
def test_missing_partners(fmriprep: Path, pattern: str, what: str) -> None:
    for number in range(4, 10):
        run(fmriprep, f"sub-0{number}_ses-pre_task-rest")
    lost = sorted(fmriprep.rglob(pattern))[1:8]
    for path in lost:
        path.unlink()
    error = refused(fmriprep)
    assert error.got.startswith(f"7 missing: {what} sub-01/ses-pre/func/")
    assert error.got.endswith("and 2 more")


def test_duplicate_scan(fmriprep: Path) -> None:
    twin = run(fmriprep, "sub-01_ses-pre_task-rest", extension=".nii")
    error = refused(fmriprep)
    assert error.where == f"sub-01_ses-pre_task-rest_{MNI}_res-2"
    assert twin in error.got
    assert twin + ".gz" in error.got


@pytest.mark.parametrize("content", [b"", b"not an image", b"\x1f\x8b\x08\x00broken"])
def test_unreadable_image(fmriprep: Path, content: bytes) -> None:
    path = next(fmriprep.rglob("*_bold.nii.gz"))
    path.write_bytes(content)
    assert refused(fmriprep).where == str(path)


def test_truncated_image(fmriprep: Path) -> None:
    path = next(fmriprep.rglob("*_bold.nii.gz"))
    path.write_bytes(path.read_bytes()[:40])
    assert refused(fmriprep).where == str(path)


def test_content_that_was_not_fetched(fmriprep: Path) -> None:
    path = next(fmriprep.rglob("*_bold.nii.gz"))
    path.unlink()
    path.symlink_to(".git/annex/objects/nothing")
    error = refused(fmriprep)
    assert error.where == str(path)
    assert "not fetched" in error.got


def test_image_of_one_volume(fmriprep: Path) -> None:
    path = next(fmriprep.rglob("*_bold.nii.gz"))
    nibabel.save(nibabel.Nifti1Image(np.zeros((2, 2, 2), np.uint8), np.eye(4)), path)
    assert "(2, 2, 2)" in refused(fmriprep).got


# --- the draft of the cohort file ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (["pre", "post"], {"pre": "pre", "post": "post"}),
        (["1preEEG", "2postEEG"], {"1preEEG": "pre", "2postEEG": "post"}),
        (["baseline", "followup"], {"baseline": "pre", "followup": "post"}),
        (["01", "02"], {"01": "pre", "02": "post"}),
        (["V2", "V1", "V3"], {"V1": "pre", "V2": "post"}),
        (["post1", "post2", "pre2"], {"pre2": "pre", "post1": "post"}),
        (["pcbpost", "pcbpre", "psipost", "psipre"], {"pcbpre": "pre", "pcbpost": "post"}),
        (["b", "a", "c"], {"a": "pre", "b": "post"}),
        (["x", "post"], {"x": "pre", "post": "post"}),
        (["base", "x"], {"base": "pre", "x": "post"}),
        (["only"], {"only": "pre"}),
        (["post"], {"post": "post"}),
        ([], {}),
    ],
)
def test_guessed_phases(labels: list[str], expected: dict[str, str]) -> None:
    assert guess_phases(labels) == expected


@pytest.mark.parametrize("labels", [["01", "02", "03"], ["no", "yes"], ["1e3", "2"], ["on"], ["null", "x"]])
def test_every_label_can_be_read_again(tmp_path: Path, labels: list[str]) -> None:
    sheet = tmp_path / "c.yaml"
    sheet.write_text(draft(sheet, Origin(tmp_path, None), labels))
    cohort = read(Cohort, sheet)
    assert set(cohort.sessions) == set(guess_phases(labels))
    for label in labels[2:]:
        assert f"{label}" in sheet.read_text()
        assert label not in cohort.sessions


def test_further_sessions_are_shown_but_not_used(tmp_path: Path) -> None:
    text = draft(tmp_path / "c.yaml", Origin(tmp_path, None), ["pre", "post", "post2"])
    assert "  # post2: {phase: post, condition: NAME}" in text


def test_paths_far_away_are_absolute(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = tmp_path / "a" / "project"
    project.mkdir(parents=True)
    monkeypatch.chdir(project)
    near, far = tmp_path / "a" / "data: 1", tmp_path_factory.mktemp("far")
    for place, written in ((near, "../../../data: 1"), (far, str(far))):
        sheet = Path("config/cohorts/c.yaml")
        sheet.parent.mkdir(parents=True, exist_ok=True)
        sheet.write_text(draft(sheet, Origin(place, None), ["pre"]))
        cohort = read(Cohort, sheet)
        assert str(cohort.derivatives) == os.path.normpath(sheet.parent / written)
        assert cohort.derivatives.resolve() == place.resolve()


PLACES: list[tuple[str, dict[str, object]]] = [
    ("project/fmriprep", {}),
    ("project", {}),
    ("", {}),
    ("project/raw", {}),
    ("project/bids", {}),
    ("linked", {"DatasetLinks": {"raw": "../../linked", "templateflow": "https://x.org"}}),
    ("linked", {"SourceDatasets": [{"URL": "../../linked", "DOI": "10.1/x"}]}),
]


@pytest.mark.parametrize(("place", "description"), PLACES)
def test_where_participants_are_looked_for(tmp_path: Path, place: str, description: dict[str, object]) -> None:
    folder = tmp_path / "project" / "fmriprep"
    folder.mkdir(parents=True)
    (folder / "dataset_description.json").write_text(json.dumps(description))
    (tmp_path / place).mkdir(exist_ok=True)
    table = tmp_path / place / "participants.tsv"
    table.write_text("participant_id\nsub-01\n")
    found = find_participants((folder, *sources(folder)), ["sub-01", "sub-02"])
    assert found is not None
    assert found.resolve() == table
    assert find_participants((folder, *sources(folder)), ["sub-03"]) is None


def test_participants_by_file_address_and_of_a_sibling(tmp_path: Path) -> None:
    folder = tmp_path / "x" / "ds003007-fmriprep"
    folder.mkdir(parents=True)
    sibling, linked = tmp_path / "x" / "ds003007", tmp_path / "far away"
    for place in (sibling, linked):
        place.mkdir()
        (place / "participants.tsv").write_text("participant_id\nsub-01\n")
    assert find_participants((folder, *sources(folder)), ["sub-01"]) == sibling / "participants.tsv"
    (folder / "dataset_description.json").write_text(json.dumps({"DatasetLinks": {"raw": linked.as_uri()}}))
    assert find_participants((folder, *sources(folder)), ["sub-01"]) == linked / "participants.tsv"


def test_participants_that_are_nowhere(fmriprep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (fmriprep / "participants.tsv").unlink()
    indexed(fmriprep)
    assert "no participants.tsv was found" in capsys.readouterr().out
    assert "no participants.tsv was found" in Path("config/cohorts/c.yaml").read_text()


def test_doctests() -> None:
    assert doctest.testmod(connect.index.draft).failed == 0
    assert doctest.testmod(connect.index.scanners).failed == 0


# --- real layouts --------------------------------------------------------------------------------------------------


def test_psilocybin(shared_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    index(shared_data / "psilocybin", cohort="psilocybin", choices=tmp_path)
    scans = read_scans(tmp_path / "cohorts" / "psilocybin.scans.tsv")
    assert len(scans) == 36
    assert {scan.scanner for scan in scans} == {""}
    assert {(scan.space, scan.res, scan.tr, scan.n_volumes) for scan in scans} == {("MNI152NLin6Asym", "3", 3.0, 100)}
    cohort = read(Cohort, tmp_path / "cohorts" / "psilocybin.yaml")
    assert all(
        (cohort.derivatives / path).is_file() for scan in scans for path in (scan.bold, scan.mask, scan.confounds)
    )
    assert cohort.participants.is_file()
    told = capsys.readouterr().out
    assert "scans:        36" in told
    assert "scanners:     not known (36 scans)" in told


def test_openneuro_derivatives(shared_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, folder = shared_data / "openneuro", tmp_path / "ds003007-fmriprep"
    tiny = tmp_path / "tiny.nii.gz"
    image(tiny, n_volumes=240, tr=2.5)
    sidecar = next((source / "ds003007-fmriprep").rglob("*_res-2_desc-preproc_bold.json")).read_text()
    with (source / "ds003007-fmriprep" / "manifest.tsv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            path = folder / row["path"]
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.name.endswith("_desc-preproc_bold.json"):
                path.write_text(sidecar)
            elif path.name.endswith("_bold.nii.gz"):
                path.hardlink_to(tiny)
            else:
                path.touch()
    (folder / "dataset_description.json").write_text(
        (source / "ds003007-fmriprep/dataset_description.json").read_text()
    )
    (tmp_path / "ds003007").mkdir()
    for name in ("participants.tsv", "task-rest_bold.json"):
        (tmp_path / "ds003007" / name).write_bytes((source / "ds003007" / name).read_bytes())
    index(folder, cohort="ds003007", choices=tmp_path / "config")
    scans = read_scans(tmp_path / "config" / "cohorts" / "ds003007.scans.tsv")
    assert len(scans) == 58
    assert {(s.space, s.res, s.tr, s.n_volumes) for s in scans} == {("MNI152NLin2009cAsym", "2", 2.5, 240)}
    cohort = read(Cohort, tmp_path / "config" / "cohorts" / "ds003007.yaml")
    assert cohort.participants.resolve() == tmp_path / "ds003007" / "participants.tsv"
    told = capsys.readouterr().out
    assert "participants: 29" in told
    assert "spaces left out: T1w, native" in told
    assert "no row for" not in told
    assert "scanners:     not known (58 scans)" in told
    raw = tmp_path / "ds003007" / "task-rest_bold.json"
    raw.write_text(json.dumps({**json.loads(raw.read_text()), **PRISMA}))
    index(folder, cohort="ds003007", choices=tmp_path / "config")
    told = capsys.readouterr().out
    assert f"scanners:     {PRISMA_WORDS} (58 scans)" in told
    assert "differs" not in told


def test_sample(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)
    index(Path("data_sample"), cohort="sample", choices=tmp_path)
    made, shipped = (folder / "cohorts" / "sample.scans.tsv" for folder in (tmp_path, root / "config"))
    assert made.read_bytes() == shipped.read_bytes()
