"""Raw BIDS through the rule `preprocess`, with an executable that stands in for fMRIPrep, to screened scans."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import yaml

from connect.cli import main

from ..bucket import serving
from ..rawfiles import replicate
from .study import ROOT, Study

PEOPLE, SESSIONS = ("sub-01", "sub-02"), ("ses-pre", "ses-post")
SPACE = "space-MNI152NLin2009cAsym_res-2"
PLAN = {
    "cohorts": {"raw": ["change"]}, "atlases": ["seitzman2018"], "strategies": ["none"], "measures": ["correlation"],
    "figures": [],
}  # fmt: skip

pytestmark = pytest.mark.slow


def write_raw(folder: Path) -> None:
    """Write two participants with two sessions of rest (5 min) and one of a task."""
    folder.mkdir()
    (folder / "dataset_description.json").write_text('{"Name": "raw", "BIDSVersion": "1.9.0"}')
    (folder / "participants.tsv").write_text("participant_id\n" + "".join(f"{person}\n" for person in PEOPLE))
    made = nib.Nifti1Image(np.zeros((2, 2, 2, 60), np.int16), np.eye(4))
    made.header["pixdim"][4] = 5.0
    for person in PEOPLE:
        for session in SESSIONS:
            for kind, name in (("anat", "T1w"), ("func", "task-rest_bold"), ("func", "task-nback_bold")):
                path = folder / person / session / kind / f"{person}_{session}_{name}.nii.gz"
                path.parent.mkdir(parents=True, exist_ok=True)
                nib.save(made, path)
    for task in ("rest", "nback"):
        (folder / f"task-{task}_bold.json").write_text(json.dumps({"RepetitionTime": 5.0, "TaskName": task}))


def choose(folder: Path, plan: dict[str, object]) -> None:
    """Write a plan and the shipped choices."""
    for kind in ("atlases", "domains", "strategies", "measures", "models"):
        shutil.copytree(ROOT / "config" / kind, folder / "config" / kind)
    (folder / "config" / "config.yaml").write_text(yaml.safe_dump(plan))


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """Return a study of a raw cohort, before anything ran."""
    folder = tmp_path_factory.mktemp("preprocess")
    write_raw(folder / "raw")
    choose(folder, PLAN)
    (folder / "license.txt").touch()
    indexed(folder, "raw")
    return Study(folder)


def indexed(folder: Path, cohort: str) -> None:
    """Index the raw dataset in a folder named like the cohort."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert main(["index", cohort, "--cohort", cohort, "--preprocess"]) == 0


@pytest.fixture(autouse=True)
def stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the executable on the path; the licence of FreeSurfer is not there."""
    monkeypatch.setenv("PATH", f"{ROOT / 'tests' / 'workflow' / 'bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("FS_LICENSE", raising=False)


def output(person: str) -> str:
    return f"data/raw/fmriprep/{person}"


def test_a_failure_keeps_the_work_and_success_removes_it(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    person = PEOPLE[0]
    log, work = study.file("logs", "preprocess", "raw", f"{person}.log"), study.file("work")
    failed = study.snakemake("--cores", "2", output(person))
    assert failed.returncode != 0
    assert "license" in log.read_text()
    assert log.read_text().startswith("from the start")
    assert not study.file(output(person)).exists()
    assert [path.name for path in work.glob("*/raw/*/nipype/computed")] == ["computed"]

    monkeypatch.setenv("FS_LICENSE", "license.txt")
    study.run("--cores", "2", output(person))
    assert log.read_text().startswith("resumed")
    assert not [*work.glob("*/raw/*")]
    func = study.file(output(person), person, SESSIONS[0], "func")
    assert (func / f"{person}_{SESSIONS[0]}_task-rest_{SPACE}_desc-preproc_bold.nii.gz").is_file()
    assert not [*func.glob("*nback*")]


def test_only_what_changes_fmriprep_repeats_it(study: Study) -> None:
    def planned() -> bool:
        done = study.snakemake("--dry-run", output(PEOPLE[0]))
        assert done.returncode == 0, done.stderr
        return "rule preprocess" in done.stdout

    path = "config/cohorts/raw.yaml"
    text = study.file(path).read_text()
    study.file(path).write_text(text + "limits: {minutes: 4.5}\n")
    assert not planned()
    study.edit(path, "--task-id rest", "--task-id rest --fs-no-reconall")
    assert planned()
    study.file(path).write_text(text)


def test_raw_scans_are_preprocessed_and_screened(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    screened = "results/raw/screen/seitzman2018/none/scans.tsv"
    made = sum(study.file(output(person)).is_dir() for person in PEOPLE)
    planned = study.planned()
    assert {name: planned[name] for name in ("preprocess", "fetch", "parcellate", "compare", "report")} == {
        "preprocess": len(PEOPLE) - made, "fetch": 4, "parcellate": 4, "compare": 1, "report": 1,
    }  # fmt: skip
    monkeypatch.setenv("FS_LICENSE", "license.txt")
    study.run("--cores", "2", screened)
    table = pd.read_csv(study.file(screened), sep="\t")
    assert sorted(table["scan"]) == [f"{p}_{s}_task-rest_{SPACE}" for p in PEOPLE for s in sorted(SESSIONS)]
    assert table["kept"].all()
    assert "preprocess" not in study.planned()


def test_real_datasets_are_planned_by_participant_and_scan(shared_data: Path, tmp_path: Path) -> None:
    choose(tmp_path, {**PLAN, "cohorts": {"ds001408": ["change"], "ds005016": ["change"]}})
    for accession in ("ds001408", "ds005016"):
        replicate(shared_data / "openneuro" / accession, tmp_path / accession)
        indexed(tmp_path, accession)
    planned = Study(tmp_path).planned()
    scans = 2 * 52 + 347
    assert (planned["preprocess"], planned["fetch"], planned["parcellate"]) == (52 + 147, scans, scans)


def test_an_accession_without_derivatives_is_fetched_and_preprocessed(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The raw files of the task come from the bucket, the others do not; one participant is enough to see it."""
    bucket = tmp_path / "buckets" / "openneuro.org"
    shutil.copytree(study.file("raw"), bucket / "ds000001")
    (tmp_path / "buckets" / "openneuro-derivatives").mkdir()
    choose(tmp_path, {**PLAN, "cohorts": {"ds000001": ["change"]}})
    (tmp_path / "license.txt").touch()
    monkeypatch.setenv("FS_LICENSE", "license.txt")
    monkeypatch.chdir(tmp_path)
    person = PEOPLE[0]
    with serving(tmp_path / "buckets") as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
        assert main(["index", "openneuro:ds000001", "--cohort", "ds000001", "--preprocess"]) == 0
        Study(tmp_path).run("--cores", "2", f"data/ds000001/fmriprep/{person}")
    images = {path.name for path in (tmp_path / "data" / "ds000001" / "dataset").rglob("*.nii.gz")}
    assert images == {f"{person}_{session}_{kind}.nii.gz" for session in SESSIONS for kind in ("T1w", "task-rest_bold")}
    made = tmp_path / "data" / "ds000001" / "fmriprep" / person / person / SESSIONS[0] / "func"
    assert (made / f"{person}_{SESSIONS[0]}_task-rest_{SPACE}_desc-preproc_bold.nii.gz").is_file()
