"""`connect calibrate` on a finished study: only what is missing runs, and the answer stands on the screen."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml

from .study import ROOT, Study


def calibrate(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    command = ["connect", "calibrate", *arguments]
    return subprocess.run(
        command, cwd=folder, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False
    )


@pytest.mark.slow
def test_every_model_of_the_plan_is_tried_and_told(copy: Study) -> None:
    for name in ("workflow", "profiles"):
        shutil.copytree(ROOT / name, copy.file(name))
    shutil.copy(ROOT / "Snakefile", copy.file("Snakefile"))
    models = ("training-by-time", "change-in-training", "change-in-waiting")
    copy.file("config", "calibrations", "tiny.yaml").write_text("sets: 50\nscenarios: [own-flipped, unequal-arms]\n")
    before = copy.digests()
    plan = yaml.safe_load(copy.file("config", "config.yaml").read_text())
    other = {**plan, "cohorts": {"sample": list(models)}, "strategies": plan["strategies"][:1]}
    copy.file("config", "config.yaml").write_text(yaml.safe_dump({**plan, "cohorts": {"elsewhere": ["change"]}}))
    copy.file("other.yaml").write_text(yaml.safe_dump(other))
    done = calibrate(copy.folder, "other.yaml", "--calibration", "tiny", "--cores", "2")
    assert done.returncode == 0, done.stderr[-3000:]
    made = {path for path in copy.digests() if path not in before}
    parts = ("rates.json", "rates.tsv", "trust.json", "trust.txt")
    assert made == {f"sample/challenge/tiny/{model}/{part}" for model in models for part in parts}
    assert {path: digest for path, digest in copy.digests().items() if path in before} == before
    for model in models:
        assert copy.file("results", "sample", "challenge", "tiny", model, "trust.txt").read_text() in done.stdout
    rates = pd.read_csv(copy.file("results", "sample", "challenge", "tiny", models[0], "rates.tsv"), sep="\t")
    broken = rates[(rates["scenario"] == "unequal-arms") & (rates["correction"] == "nbs")].set_index("test")["rate"]
    assert broken["residuals"] > 0.3 > 2 * broken["unequal"]


def test_a_folder_without_a_workflow_is_told(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "config", tmp_path / "config")
    done = calibrate(tmp_path, "config/config.yaml")
    assert done.returncode == 2
    for part in ("where:", "a folder with a Snakefile", "to do:   change to the folder of the study"):
        assert part in done.stderr


def test_a_wrong_plan_is_told_before_anything_runs(tmp_path: Path) -> None:
    (tmp_path / "plan.yaml").write_text("cohort: {sample: [change]}\n")
    done = calibrate(tmp_path, "plan.yaml")
    assert done.returncode == 2
    assert "did you mean `cohorts`?" in done.stderr
    assert calibrate(tmp_path, "none.yaml").returncode == 2
