"""The cohorts that are shipped, to the plan of their jobs, on lists of the real files."""

from __future__ import annotations

import csv
import re
import shlex
import shutil
from pathlib import Path

import pytest

from connect.cli import main
from connect.config import read
from connect.files import read_files
from connect.settings.cohort import Cohort
from connect.settings.model import Model

from ..bucket import serving
from ..rawfiles import replicate
from .study import ROOT, Study, sample_study

PLAN = """
atlases: [seitzman2018]
strategies: [36p]
measures: [correlation]
figures: [slopegraph]
cohorts: {sample: [change]}
"""


def study(folder: Path) -> Study:
    shutil.copytree(ROOT / "config", folder / "config")
    (folder / "config" / "config.yaml").write_text(PLAN)
    return Study(folder)


def test_what_ds003007_pins_is_what_was_published(shared_data: Path) -> None:
    published = {}
    for listed, address in (
        ("ds003007", "s3://openneuro.org/ds003007/"),
        ("ds003007-fmriprep", "s3://openneuro-derivatives/fmriprep/ds003007-fmriprep/"),
    ):
        with (shared_data / "openneuro" / listed / "manifest.tsv").open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file, delimiter="\t"):
                published[address + row["path"]] = (int(row["size"]), row["md5"])
    files = read_files(ROOT / "config" / "cohorts" / "ds003007.files.tsv")
    assert {file.uri: (file.size, file.checksum) for file in files}.items() <= published.items()
    assert sum(file.path.endswith("_bold.nii.gz") for file in files) == 58


@pytest.mark.slow
def test_ds003007_is_planned_from_the_shipped_files_alone(tmp_path: Path) -> None:
    made = study(tmp_path)
    counts = made.planned("--config", "cohorts=[ds003007]")
    assert (counts["fetch"], counts["fetch_tables"], counts["parcellate"], counts["compare"]) == (58, 1, 58, 4)
    assert "preprocess" not in counts


@pytest.mark.slow
@pytest.mark.parametrize(("accession", "n_people", "n_scans"), [("ds001408", 52, 104), ("ds005016", 147, 347)])
def test_cohorts_without_derivatives_are_preprocessed(
    accession: str,
    n_people: int,
    n_scans: int,
    shared_data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    replicate(shared_data / "openneuro" / accession, tmp_path / "buckets" / "openneuro.org" / accession)
    (tmp_path / "buckets" / "openneuro-derivatives").mkdir()
    made = study(tmp_path / "study")
    monkeypatch.chdir(made.folder)
    with serving(tmp_path / "buckets") as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
        assert main(["index", f"openneuro:{accession}", "--cohort", accession]) == 2
        assert "must be: published fMRIPrep derivatives" in capsys.readouterr().err
        assert main(["index", f"openneuro:{accession}", "--cohort", accession, "--preprocess"]) == 0
    counts = made.planned("--config", f"cohorts=[{accession}]")
    assert (counts["fetch_raw"], counts["preprocess"], counts["fetch"], counts["parcellate"]) == (
        *(n_people, n_people),
        *(n_scans, n_scans),
    )
    told = capsys.readouterr().out
    assert "exists and is left as it is" in told
    checks = [line for line in told.splitlines() if "CHECK" in line and "CHECK TR" not in line]
    assert len(checks) == 1
    assert "by their length alone (they last 0.667 min)" in checks[0]  # the replica's images are short


@pytest.mark.parametrize("accession", ["ds003007", "ds001408", "ds005016"])
def test_models_compare_arms_that_there_are(accession: str, shared_data: Path) -> None:
    with (shared_data / "openneuro" / accession / "participants.tsv").open(encoding="utf-8-sig", newline="") as file:
        arms = {row["group"] for row in csv.DictReader(file, delimiter="\t")}
    cohort = read(Cohort, ROOT / "config" / "cohorts" / f"{accession}.yaml")
    for name in cohort.models:
        model = read(Model, ROOT / "config" / "models" / f"{name}.yaml")
        assert set(re.findall(r"group\[([^]]+)\]", model.contrast)) <= arms
        assert set(model.where.get("group", ())) <= arms


def test_the_report_is_told_what_was_given_on_the_command_line(tmp_path: Path) -> None:
    done = sample_study(tmp_path).snakemake("--dry-run", "--printshellcmds", "--config", "figures=[motion]")
    assert done.returncode == 0, done.stderr[-2000:]
    command = next(line for line in done.stdout.splitlines() if "connect report" in line).partition("connect ")[2]
    words = shlex.split(command)
    told = words[words.index("--command") + 1]
    assert shlex.split(told) == ["snakemake", "results/sample/report/report.html", "--config", 'figures=["motion"]']
