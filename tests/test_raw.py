"""`connect index --preprocess`: raw BIDS under the names that fMRIPrep will give its scans."""

from __future__ import annotations

import csv
import doctest
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import connect.index.raw
from connect.cli import main
from connect.config import read
from connect.errors import UserError
from connect.files import read_files
from connect.index.raw import Found, find_raw
from connect.index.trees import Folder
from connect.scans import read_scans
from connect.settings.cohort import Cohort, Preprocess, Selection

from .bucket import serving
from .rawfiles import raw, replicate, volumes

SPACE = "MNI152NLin2009cAsym:res-2"
MNI = "space-MNI152NLin2009cAsym_res-2"


def found(folder: Path, space: str = SPACE, task: str = "", **selection: Any) -> Found:
    only = {"only": {"task": (task,)}} if task else {}
    return find_raw(Folder(folder), "c", space, Selection(**only, **selection))


def refused(folder: Path) -> UserError:
    with pytest.raises(UserError) as caught:
        found(folder)
    return caught.value


def test_examples() -> None:
    assert doctest.testmod(connect.index.raw).failed == 0


# --- names ---------------------------------------------------------------------------------------------------------


# As the classes of fMRIPrep 25.2.5 that write derivatives name them, when run on images of these names.
@pytest.mark.parametrize(
    ("bold", "space", "image", "confounds"),
    [
        ("sub-01_task-rest", SPACE, f"sub-01_task-rest_{MNI}", "sub-01_task-rest"),
        (
            "sub-01_ses-1preEEG_task-rest_run-01",
            SPACE,
            f"sub-01_ses-1preEEG_task-rest_run-01_{MNI}",
            "sub-01_ses-1preEEG_task-rest_run-01",
        ),
        (
            "sub-01_task-rest_acq-mb_ce-x_rec-norm_dir-AP_run-2_part-mag",
            SPACE,
            f"sub-01_task-rest_acq-mb_ce-x_rec-norm_dir-AP_run-2_part-mag_{MNI}",
            "sub-01_task-rest_acq-mb_ce-x_rec-norm_dir-AP_run-2_part-mag",
        ),
        (
            "sub-01_task-rest_dir-AP_acq-mb",
            SPACE,
            f"sub-01_task-rest_acq-mb_dir-AP_{MNI}",
            "sub-01_task-rest_acq-mb_dir-AP",
        ),
        ("sub-01_task-rest_echo-1", SPACE, f"sub-01_task-rest_{MNI}", "sub-01_task-rest"),
        (
            "sub-01_task-rest",
            "MNIPediatricAsym:res-2:cohort-1",
            "sub-01_task-rest_space-MNIPediatricAsym_cohort-1_res-2",
            "sub-01_task-rest",
        ),
        (
            "sub-01_task-rest",
            "MNI152NLin2009cAsym:res-native",
            "sub-01_task-rest_space-MNI152NLin2009cAsym",
            "sub-01_task-rest",
        ),
        ("sub-01_task-rest", "MNI152NLin6Asym", "sub-01_task-rest_space-MNI152NLin6Asym", "sub-01_task-rest"),
    ],
)
def test_derivatives_are_named_as_fmriprep_names_them(
    bold: str, space: str, image: str, confounds: str, tmp_path: Path
) -> None:
    session = "ses-1preEEG/" if "ses-" in bold else ""
    files = found(raw(tmp_path, f"sub-01/{session}func/{bold}_bold"), space).files
    folder = f"data/c/fmriprep/sub-01/sub-01/{session}func"
    assert [file.uri for file in files] == [
        f"{folder}/{image}_desc-preproc_bold.nii.gz",
        f"{folder}/{image}_desc-preproc_bold.json",
        f"{folder}/{image}_desc-brain_mask.nii.gz",
        f"{folder}/{confounds}_desc-confounds_timeseries.tsv",
        f"{folder}/{confounds}_desc-confounds_timeseries.json",
    ]


def test_a_scan_and_its_files_stand_in_a_folder_of_its_own(tmp_path: Path) -> None:
    (scan,), files, _ = found(raw(tmp_path, "sub-01/ses-a/func/sub-01_ses-a_task-rest_acq-x_run-1_bold"))
    name = f"sub-01_ses-a_task-rest_acq-x_run-1_{MNI}"
    assert scan.name == name
    assert (scan.participant_id, scan.session_id, scan.task, scan.acq, scan.run) == (
        "sub-01",
        "ses-a",
        "rest",
        "x",
        "1",
    )
    assert (scan.space, scan.res, scan.tr, scan.n_volumes) == ("MNI152NLin2009cAsym", "2", 2.0, 20)
    assert scan.bold == f"{name}/{name}_desc-preproc_bold.nii.gz"
    assert {scan.bold, scan.mask, scan.confounds} < {file.path for file in files}
    assert {(file.scan, file.size, file.checksum) for file in files} == {(name, None, "")}


# --- what fMRIPrep takes -------------------------------------------------------------------------------------------


def test_echoes_are_one_scan_and_phase_images_none(tmp_path: Path) -> None:
    run = "sub-01/func/sub-01_task-rest_run-1"
    raw(tmp_path, *(f"{run}_echo-{n}_part-{part}_bold" for n in (1, 2, 3) for part in ("mag", "phase")))
    (scan,), files, _ = found(tmp_path)
    assert scan.name == f"sub-01_task-rest_run-1_{MNI}"
    assert files[0].uri.endswith(f"/sub-01_task-rest_run-1_part-mag_{MNI}_desc-preproc_bold.nii.gz")


@pytest.mark.parametrize("second", ["echo-2_", ""])
def test_two_images_of_a_run_are_refused(second: str, tmp_path: Path) -> None:
    raw(tmp_path, "sub-01/func/sub-01_task-rest_echo-1_bold", f"sub-01/func/sub-01_task-rest_{second}bold")
    error = refused(tmp_path)
    assert "three echoes" in error.must
    assert sorted(error.got.split(" and ")) == sorted(
        f"sub-01/func/sub-01_task-rest_{part}bold.nii.gz" for part in ("echo-1_", second)
    )


@pytest.mark.parametrize("part", ["chunk-1", "acq-a+b"])
def test_a_name_that_fmriprep_would_change_is_refused(part: str, tmp_path: Path) -> None:
    error = refused(raw(tmp_path, f"sub-01/func/sub-01_task-rest_{part}_bold"))
    assert error.got == part
    assert error.where.endswith(f"sub-01_task-rest_{part}_bold.nii.gz")


def test_what_fmriprep_leaves_out_is_told(tmp_path: Path) -> None:
    raw(tmp_path, "sub-01/func/sub-01_task-rest_run-1_bold", "sub-03/func/sub-03_task-rest_run-1_bold")
    raw(tmp_path, "sub-01/func/sub-01_task-rest_run-2_bold", n_volumes=5)
    raw(tmp_path, "sub-02/func/sub-02_task-nback_bold")
    (tmp_path / "sub-03" / "anat" / "sub-03_T1w.nii.gz").unlink()
    scans, _, notes = found(tmp_path)
    assert [scan.name for scan in scans] == [f"sub-01_task-rest_run-1_{MNI}"]
    assert "tasks left out: nback (1 images); choose with --task" in notes
    assert "CHECK participants without a scan that fits: sub-02" in notes
    assert "CHECK participants left out, they have no T1w image: sub-03" in notes
    assert "CHECK runs left out, fMRIPrep needs 6 volumes: sub-01/func/sub-01_task-rest_run-2_bold.nii.gz" in notes


def test_only_short_runs_or_no_anatomy_or_no_raw_data_are_refused(tmp_path: Path) -> None:
    assert refused(raw(tmp_path / "short", "sub-01/func/sub-01_task-rest_bold", n_volumes=5)).must.endswith("6 volumes")
    raw(tmp_path / "bare", "sub-01/func/sub-01_task-rest_bold")
    (tmp_path / "bare" / "sub-01" / "anat" / "sub-01_T1w.nii.gz").unlink()
    assert refused(tmp_path / "bare").must == "a T1w image of each participant"
    raw(tmp_path / "made", f"sub-01/func/sub-01_task-rest_{MNI}_desc-preproc_bold")
    assert refused(tmp_path / "made").got.startswith("no image")
    raw(tmp_path / "plain", "sub-01/func/sub-01_task-rest_bold")
    (tmp_path / "plain" / "dataset_description.json").unlink()
    assert refused(tmp_path / "plain").got == "no dataset_description.json"


def test_timing_and_scanner_are_inherited(tmp_path: Path) -> None:
    raw(tmp_path, *(f"sub-0{n}/func/sub-0{n}_task-rest_bold" for n in (1, 2)), header=2.5, tr=None)
    top = {"RepetitionTime": 2.2, "Manufacturer": "Siemens", "MagneticFieldStrength": 3}
    (tmp_path / "task-rest_bold.json").write_text(json.dumps(top))
    (tmp_path / "sub-02" / "func" / "sub-02_task-rest_bold.json").write_text('{"RepetitionTime": 2.4}')
    scans, _, notes = found(tmp_path)
    assert [(scan.tr, scan.scanner) for scan in scans] == [(2.2, "Siemens 3T"), (2.4, "Siemens 3T")]
    assert any("TR conflicts in 2 scans" in note for note in notes)


def test_uncompressed_images_without_sidecar(tmp_path: Path) -> None:
    raw(tmp_path, "sub-01/func/sub-01_task-rest_bold", tr=None)
    image = tmp_path / "sub-01" / "func" / "sub-01_task-rest_bold.nii.gz"
    image.with_suffix("").write_bytes(volumes(30, 1.5))
    image.unlink()
    (scan,), _, notes = found(tmp_path)
    assert (scan.tr, scan.n_volumes) == (1.5, 30)
    assert scan.bold.endswith(".nii.gz")
    assert any(note.startswith("CHECK TR taken from the header") for note in notes)


def test_sessions_of_raw_scans_are_told_apart_as_the_selection_says(tmp_path: Path) -> None:
    """The scan carries the new label, its files come from where fMRIPrep writes the old one."""
    visits = [f"sub-01/ses-{n}/func/sub-01_ses-{n}_task-rest_dir-{way}_bold" for n in (1, 2) for way in ("AP", "PA")]
    raw(tmp_path, *visits)
    (tmp_path / "sub-01" / "sub-01_sessions.tsv").write_text("session_id\tdrug\nses-1\tlsd\nses-2\tsham\n")
    scans, files, notes = found(tmp_path, sessions_by=("drug",))
    names = [f"sub-01_ses-{drug}_task-rest_dir-{way}_{MNI}" for drug in ("lsd", "sham") for way in ("AP", "PA")]
    assert [scan.name for scan in scans] == names
    assert [scan.mask for scan in scans] == [f"{name}/{name}_desc-brain_mask.nii.gz" for name in names]
    uris = {file.path: file.uri for file in files}
    assert uris[scans[3].bold].endswith(f"ses-2/func/sub-01_ses-2_task-rest_dir-PA_{MNI}_desc-preproc_bold.nii.gz")
    assert any("scans of several `dir` (AP, PA)" in note for note in notes)


# --- the command ---------------------------------------------------------------------------------------------------


def test_the_command_writes_three_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = raw(
        tmp_path / "raw",
        *(f"sub-0{n}/ses-{s}/func/sub-0{n}_ses-{s}_task-rest_bold" for n in (1, 2) for s in ("pre", "post")),
    )
    (folder / "participants.tsv").write_text("participant_id\nsub-01\nsub-02\n")
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    assert main(["index", "../raw", "--cohort", "c", "--preprocess"]) == 0
    scans = read_scans("config/cohorts/c.scans.tsv")
    files = read_files("config/cohorts/c.files.tsv")
    cohort = read(Cohort, "config/cohorts/c.yaml")
    assert Counter(file.scan for file in files) == {scan.name: 5 for scan in scans}
    assert len(scans) == 4
    assert cohort.preprocess == Preprocess(Path("../raw"), SPACE, "--task-id rest")
    assert (cohort.derivatives, cohort.participants) == (Path("data/c"), Path("../raw/participants.tsv"))
    assert main(["index", "../raw", "--cohort", "c", "--preprocess", "--space", "MNI152NLin6Asym:res-1"]) == 0
    told = capsys.readouterr().out
    assert "`preprocess` has the space MNI152NLin2009cAsym:res-2, but indexed was: MNI152NLin6Asym:res-1" in told


def test_an_accession_without_derivatives_is_indexed_from_its_bucket(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = raw(tmp_path / "buckets/openneuro.org/ds000001", "sub-01/ses-a/func/sub-01_ses-a_task-rest_bold")
    (folder / "sub-01" / "ses-a" / "func" / "sub-01_ses-a_task-faces_bold.json").write_text("{}")
    (folder / "sub-01" / "ses-a" / "fmap").mkdir()
    (folder / "sub-01" / "ses-a" / "fmap" / "sub-01_ses-a_dir-AP_epi.json").write_text("{}")
    (folder / "participants.tsv").write_text("participant_id\nsub-01\n")
    (tmp_path / "buckets" / "openneuro-derivatives").mkdir()
    monkeypatch.chdir(tmp_path)
    with serving(tmp_path / "buckets") as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", server.url)
        assert main(["index", "openneuro:ds000001", "--cohort", "c", "--preprocess"]) == 0
    (scan,) = read_scans("config/cohorts/c.scans.tsv")
    rows = {file.path: file.uri for file in read_files("config/cohorts/c.files.tsv")}
    cohort = read(Cohort, "config/cohorts/c.yaml")
    assert (scan.n_volumes, scan.tr) == (20, 2.0)
    assert rows[scan.bold].startswith("data/c/fmriprep/sub-01/sub-01/ses-a/func/")
    assert rows["dataset/participants.tsv"] == "s3://openneuro.org/ds000001/participants.tsv"
    assert cohort.participants == Path("data/c/dataset/participants.tsv")
    assert cohort.preprocess == Preprocess(Path("data/c/dataset"), SPACE, "--task-id rest")
    of_participant = {Path(path).name for path in rows if path.startswith("dataset/sub-01/")}
    anatomy = {"sub-01_ses-a_T1w.nii.gz"} & of_participant
    assert of_participant - anatomy - {"sub-01_T1w.nii.gz"} == {
        "sub-01_ses-a_task-rest_bold.nii.gz",
        "sub-01_ses-a_task-rest_bold.json",
        "sub-01_ses-a_dir-AP_epi.json",
    }


def test_a_raw_folder_without_the_flag_says_how(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    raw(tmp_path, "sub-01/func/sub-01_task-rest_bold")
    monkeypatch.chdir(tmp_path)
    assert main(["index", ".", "--cohort", "c"]) == 2
    assert "if this is the raw dataset, add `--preprocess`" in capsys.readouterr().err


# --- the settings --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("space", ["T1w", "fsaverage", "MNI152NLin6Asym T1w", "MNI152NLin6Asym:den-91k", ""])
def test_spaces_without_volumes_of_a_template_are_refused(space: str) -> None:
    with pytest.raises(UserError, match="one standard space"):
        Preprocess(Path("raw"), space)


@pytest.mark.parametrize(
    "arguments", ["--output-spaces T1w", "--level=minimal", "--fs-no-reconall -w /scratch", "--echo-idx 1"]
)
def test_arguments_that_the_rule_sets_or_cannot_know_are_refused(arguments: str) -> None:
    with pytest.raises(UserError, match="that the workflow does not set"):
        Preprocess(Path("raw"), SPACE, arguments)


def test_unbalanced_quotes_are_refused() -> None:
    with pytest.raises(UserError, match="close the quotes"):
        Preprocess(Path("raw"), SPACE, "--dummy-scans '2")


# --- real listings -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accession", "n_people", "sessions", "arms"),
    [
        ("ds001408", 52, {"ses-1preEEG": 52, "ses-2postEEG": 52}, {"control": 26, "NF": 26}),
        ("ds005016", 147, {"ses-01": 146, "ses-02": 97, "ses-03": 104}, {"MBSR+": 46, "SMH": 44, "n/a": 57}),
    ],
)
def test_openneuro_datasets_without_derivatives(
    accession: str,
    n_people: int,
    sessions: dict[str, int],
    arms: dict[str, int],
    shared_data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    replicate(shared_data / "openneuro" / accession, tmp_path / "raw")
    monkeypatch.chdir(tmp_path)
    assert main(["index", "raw", "--cohort", accession, "--preprocess"]) == 0
    scans = read_scans(f"config/cohorts/{accession}.scans.tsv")
    cohort = read(Cohort, f"config/cohorts/{accession}.yaml")
    assert len({scan.participant_id for scan in scans}) == n_people
    assert Counter(scan.session_id for scan in scans) == sessions
    assert {scan.task for scan in scans} == {"rest"}
    with cohort.participants.open(encoding="utf-8-sig", newline="") as file:
        groups = {row["participant_id"]: row["group"] for row in csv.DictReader(file, delimiter="\t")}
    assert Counter(groups[person] for person in {scan.participant_id for scan in scans}) == arms
