"""`connect doctor`: nothing to say of the sample, and of each thing that is broken what, where and what to do."""

from __future__ import annotations

import importlib.metadata
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import nibabel
import numpy as np
import pytest
import yaml

from connect import cli
from connect.doctor import installation
from connect.doctor.findings import Finding, Findings
from connect.errors import UserError

LABELS = ("where:   ", "must be: ", "got:     ", "to do:   ")
PEOPLE = tuple(f"sub-{number:02}" for number in (1, 2, 3, 4, 5, 7, 8, 9, 10, 11, 12, 13))
PLAN = {
    "cohorts": {"sample": ["training-by-time"]},
    "atlases": ["seitzman2018"],
    "strategies": ["36p", "acompcor"],
    "measures": ["correlation"],
    "figures": ["slopegraph"],
}


class Study:
    """A folder like that of somebody who is about to run the sample, with twelve of its people."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def file(self, path: str) -> Path:
        return self.folder / path

    def edit(self, path: str, old: str, new: str) -> None:
        text = self.file(path).read_text()
        assert old in text, f"{old!r} is not in {path}"
        self.file(path).write_text(text.replace(old, new))

    def plan(self, **changes: object) -> None:
        self.file("config/config.yaml").write_text(yaml.safe_dump({**PLAN, **changes}))

    def scan(self, person: str, session: str, end: str) -> Path:
        return next(self.file(f"data_sample/{person}/ses-{session}/func").glob(f"*{end}"))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Path:
    folder = tmp_path_factory.mktemp("doctor")
    shutil.copytree(root / "config", folder / "config")
    for name in ("participants.tsv", "dataset_description.json"):
        folder.joinpath("data_sample").mkdir(exist_ok=True)
        shutil.copy(root / "data_sample" / name, folder / "data_sample" / name)
    shutil.copytree(root / "data_sample" / "phenotype", folder / "data_sample" / "phenotype")
    for person in PEOPLE:
        shutil.copytree(root / "data_sample" / person, folder / "data_sample" / person)
    shutil.copy(root / "Snakefile", folder / "Snakefile")
    Study(folder).plan()
    for name in ("data_sample/participants.tsv", "config/cohorts/sample.scans.tsv"):
        head, *rows = folder.joinpath(name).read_text().splitlines(keepends=True)
        folder.joinpath(name).write_text(head + "".join(row for row in rows if row.startswith(PEOPLE)))
    return folder


@pytest.fixture
def study(whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    folder = tmp_path / "study"
    shutil.copytree(whole, folder)
    monkeypatch.chdir(folder)
    # The installation is what other tests are about.
    monkeypatch.setattr("connect.doctor.check_installation", lambda found, folder: found.ok("not looked at"))
    return Study(folder)


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = cli.main(["doctor", *words])
    told = capsys.readouterr()
    return code, told.out, told.err


def findings(told: str) -> Iterator[tuple[str, list[str]]]:
    """Yield the level and the lines of every finding."""
    lines = [line[2:] for line in told.splitlines() if line.startswith("  ")]
    starts = [number for number, line in enumerate(lines) if not line.startswith("  ")]
    for start, stop in zip(starts, [*starts[1:], len(lines)], strict=True):
        yield lines[start][:9].strip(), [lines[start][9:], *(line[9:] for line in lines[start + 1 : stop])]


# --- what is as it should be ---------------------------------------------------------------------------------------


def test_the_sample_has_nothing_to_fix(study: Study, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(study.folder.rglob("*"))
    code, told, errors = run(capsys)
    assert (code, errors) == (0, "")
    assert {level for level, _ in findings(told)} == {"ok"}
    assert "model training-by-time: 11 of 12 participants (6 training, 5 waiting)" in told
    assert "confounds: all columns that 2 strategies need, in every scan" in told
    assert told.splitlines()[-1] == f"{len(list(findings(told)))} ok, 0 to look at, 0 to fix"
    assert sorted(study.folder.rglob("*")) == before, "something was written"


def test_a_cohort_that_the_plan_does_not_name(study: Study, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, errors = run(capsys, "--cohort", "other")
    assert code == 2
    assert "must be: a cohort of config/config.yaml (sample)" in errors


# --- what is broken ------------------------------------------------------------------------------------------------


def image(path: Path, shape: tuple[int, ...], affine: np.ndarray | None = None, tr: float = 2.5) -> None:
    made = nibabel.Nifti1Image(np.ones(shape, np.uint8), nibabel.load(path).affine if affine is None else affine)
    if len(shape) == 4:
        made.header["pixdim"][4] = tr
        made.header.set_xyzt_units("mm", "sec")
    nibabel.save(made, path)


def other_grid(study: Study) -> None:
    mask = study.scan("sub-03", "pre", "brain_mask.nii.gz")
    image(mask, nibabel.load(mask).shape, np.diag([3.0, 3, 3, 1]))


def other_tr(study: Study) -> None:
    sidecar = study.scan("sub-03", "pre", "preproc_bold.json")
    sidecar.write_text(json.dumps({**json.loads(sidecar.read_text()), "RepetitionTime": 2.0}))


def without_column(study: Study, column: str) -> None:
    for person in PEOPLE[:4]:
        table = study.scan(person, "pre", "timeseries.tsv")
        table.write_text(table.read_text().replace(column, "other", 1))


def shorter(study: Study) -> None:
    table = study.scan("sub-03", "pre", "timeseries.tsv")
    table.write_text("".join(table.read_text().splitlines(keepends=True)[:-3]))


def arm_of_one(study: Study) -> None:
    lines = study.file("data_sample/participants.tsv").read_text().splitlines(keepends=True)
    lines = [*(line.replace("waiting", "training") for line in lines[:-1]), lines[-1].replace("training", "waiting")]
    study.file("data_sample/participants.tsv").write_text("".join(lines))


def unequal_trs(study: Study) -> None:
    table = study.file("config/cohorts/sample.scans.tsv")
    first, *lines = table.read_text().splitlines(keepends=True)
    table.write_text(first + lines[0].replace("\t2.5\t", "\t2\t") + "".join(lines[1:]))


def relation(study: Study, **changes: str) -> None:
    study.plan(cohorts={"sample": ["oxytocin-and-change"]})
    for old, new in changes.items():
        study.edit("config/phenotypes/oxytocin.yaml", old, new)


BROKEN: dict[str, tuple[Callable[[Study], object], str, str, str]] = {
    "no Snakefile": (lambda study: study.file("Snakefile").unlink(), "to fix", "workflow", "a folder with a Snakefile"),
    "no plan": (lambda study: study.file("config/config.yaml").unlink(), "to fix", "plan", "start a study with"),
    "plan is no YAML": (
        lambda study: study.file("config/config.yaml").write_text("a: ["), "to fix", "plan", "valid YAML"
    ),
    "unknown key": (lambda study: study.plan(atlas=["x"]), "to fix", "choices", "did you mean `atlases`?"),
    "no such strategy": (lambda study: study.plan(strategies=["36"]), "to fix", "choices", "did you mean `36p.yaml`?"),
    "two mistakes": (
        lambda study: study.plan(strategies=["36"], measures=["nothing"]),
        "to fix", "choices", "config/measures/nothing.yaml",
    ),
    "no scans table": (
        lambda study: study.file("config/cohorts/sample.scans.tsv").unlink(), "to fix", "choices", "connect index"
    ),
    "figure of a calibration": (
        lambda study: study.plan(figures=["calibration"]), "to fix", "choices", "`calibration: standard`"
    ),
    "atlas in another space": (
        lambda study: study.edit("config/atlases/seitzman2018.yaml", "MNI152NLin2009cAsym", "Other"),
        "to fix", "choices", "an atlas for scans in",
    ),
    "parcels table": (
        lambda study: study.file("config/atlases/seitzman2018.tsv").unlink(), "to fix", "atlas seitzman2018", "fetch"
    ),
    "domains": (
        lambda study: study.edit("config/domains/seitzman2018.yaml", "Salience", "Silence"),
        "to fix", "domains of seitzman2018", "Silence",
    ),
    "figure without a model": (
        lambda study: study.plan(figures=["slopegraph", "relation"]), "warning", "figures", "got:     relation"
    ),
    "font of a figure": (
        lambda study: study.edit("config/figures/slopegraph.yaml", "kind:", "font: No Such Font\nkind:"),
        "to fix", "figure slopegraph", "No Such Font",
    ),
    "session without phase": (
        lambda study: study.edit("config/cohorts/sample.yaml", "  post: {phase: post}\n", ""),
        "warning", "sessions", "nothing of post",
    ),
    "session without scans": (
        lambda study: study.edit("config/cohorts/sample.yaml", "sessions:\n", "sessions:\n  late: {phase: other}\n"),
        "warning", "sessions", "no scan of late",
    ),
    "no session of the table": (
        lambda study: study.edit("config/cohorts/sample.yaml", "  pre: {phase: pre}\n  post:", "  before:"),
        "to fix", "sessions", "sessions of the scans table (post, pre)",
    ),
    "exclude": (
        lambda study: study.edit("config/cohorts/sample.yaml", "dates:", "exclude: {sub-99: gone}\ndates:"),
        "to fix", "exclude", "`sub-99`, no scan",
    ),
    "limits": (
        lambda study: study.edit("config/cohorts/sample.yaml", "dates:", "limits: {minutes: 9}\ndates:"),
        "warning", "limits", "excludes 24 of 24 scans by their length alone",
    ),
    "motion": (
        lambda study: study.edit("config/cohorts/sample.yaml", "dates:", "limits: {mean_fd: 0.01}\ndates:"),
        "warning", "motion", "24 of 24 scans move more than that",
    ),
    "missing image": (
        lambda study: study.scan("sub-03", "pre", "bold.nii.gz").unlink(), "to fix", "files", "1 missing: sub-03"
    ),
    "broken image": (
        lambda study: study.scan("sub-03", "pre", "preproc_bold.nii.gz").write_bytes(b"no image"),
        "to fix", "scan sub-03_ses-pre", "a 4-D NIfTI image",
    ),
    "mask on another grid": (other_grid, "to fix", "scan sub-03_ses-pre", "the grid of the BOLD image"),
    "TR of the sidecar": (other_tr, "to fix", "scan sub-03_ses-pre", "got:     144 volumes, TR 2 s"),
    "TR of the header": (other_tr, "warning", "TR", "2 s in JSON, 2.5 s in its header"),
    "another length": (
        lambda study: image(study.scan("sub-03", "pre", "preproc_bold.nii.gz"), (4, 4, 4, 9)),
        "to fix", "scan sub-03_ses-pre", "the grid of the BOLD image: 4 x 4 x 4",
    ),
    "TRs of one person": (unequal_trs, "warning", "acquisition", "TR differs between the scans of 1 participant"),
    "TRs of the cohort": (unequal_trs, "warning", "TR", "2 s (1 scans), 2.5 s (23 scans)"),
    "confounds of a strategy": (
        lambda study: without_column(study, "csf_derivative1"), "to fix", "strategy 36p", "4 of 24 scans lack it"
    ),
    "sidecar of CompCor": (
        lambda study: study.scan("sub-03", "pre", "timeseries.json").unlink(),
        "to fix", "strategy acompcor", "which says what each CompCor component is",
    ),
    "no displacement": (
        lambda study: without_column(study, "framewise_displacement"), "to fix", "scan sub-01", "framewise_displacement"
    ),
    "confounds are shorter": (shorter, "to fix", "scan sub-03_ses-pre", "144 rows, one per volume"),
    "no participants table": (
        lambda study: study.file("data_sample/participants.tsv").unlink(), "to fix", "participants", "key participants"
    ),
    "participant without a row": (
        lambda study: study.edit("data_sample/participants.tsv", "sub-03\t", "sub-33\t"),
        "warning", "participants", "no row for sub-03, who will not be analysed",
    ),
    "a date that is none": (
        lambda study: study.edit("data_sample/sub-03/sub-03_sessions.tsv", "ses-pre\t", "ses-pre\tMay "),
        "to fix", "participants", "ISO 8601",
    ),
    "model column": (
        lambda study: study.edit("data_sample/participants.tsv", "group", "arm"),
        "to fix", "model training-by-time", "columns of the participants table",
    ),
    "arm of one person": (arm_of_one, "to fix", "model training-by-time", "waiting"),
    "few people": (
        lambda study: study.plan(cohorts={"sample": ["change-in-training"]}),
        "warning", "model change-in-training", "5 x group is waiting",
    ),
    "phenotype file": (
        lambda study: relation(study, **{"file: ": "file: no-"}), "to fix", "phenotype oxytocin", "correct the path"
    ),
    "phenotype column": (
        lambda study: relation(study, **{"column: ": "column: no_"}), "to fix", "phenotype oxytocin", "no_"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_broken_is_told_in_four_parts(name: str, study: Study, capsys: pytest.CaptureFixture[str]) -> None:
    breaks, level, what, part = BROKEN[name]
    breaks(study)
    code, told, errors = run(capsys)
    wrong = [lines for found, lines in findings(told) if found == level and lines[0].startswith(what)]
    assert any(part in line for lines in wrong for line in lines), told
    for lines in wrong:
        assert [line[: len(LABELS[0])] for line in lines[1:]] == list(LABELS)
    assert code == (2 if "to fix" in [found for found, _ in findings(told)] else 0)
    assert bool(errors) == bool(code)


def test_many_mistakes_of_one_kind_are_counted(study: Study, capsys: pytest.CaptureFixture[str]) -> None:
    for person in PEOPLE:
        study.scan(person, "pre", "preproc_bold.nii.gz").write_bytes(b"no image")
    _, told, errors = run(capsys)
    wrong = [lines for level, lines in findings(told) if level == "to fix"]
    assert len(wrong) == 4
    assert "got:     9 more with mistakes of this kind" in wrong[3]
    assert "got:     4 to fix" in errors


def test_a_cohort_to_be_fetched_is_none_with_missing_files(study: Study, capsys: pytest.CaptureFixture[str]) -> None:
    study.plan(cohorts={"ds003007": ["cbt-by-time"]})
    code, told, _ = run(capsys)
    assert code == 0, told
    assert "to be fetched: 294 of 294 files, 17." in told
    assert "models: not tried, as data/ds003007/dataset/participants.tsv is still to be fetched" in told


def test_too_little_disk_for_a_download(
    study: Study, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    study.plan(cohorts={"ds003007": ["cbt-by-time"]})
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1e9, total=2e9))
    code, told, _ = run(capsys)
    assert code == 2
    assert "to do:   make room, or set `keep_images: false`" in told


# --- the installation ----------------------------------------------------------------------------------------------


def looked_at(check: Callable[..., None], *values: object) -> list[Finding]:
    found = Findings("installation")
    check(found, *values)
    return found.found


def only(found: list[Finding], level: str, *parts: str) -> None:
    (wrong,) = [one for one in found if one.level != "ok"]
    assert wrong.level == level
    assert isinstance(wrong.error, UserError)
    assert all(part in str(wrong) for part in parts), str(wrong)


def test_this_installation_can_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    assert not [str(one) for one in looked_at(installation.check_installation, tmp_path) if one.level == "to fix"]


def test_python_is_too_new(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 14, 1))
    only(looked_at(installation.check_python), "warning", "Python 3.11 to 3.13", "got:     3.14.1")


def test_another_version_than_the_pin(monkeypatch: pytest.MonkeyPatch) -> None:
    pins = ["numpy==1.0.0", f"pandas=={importlib.metadata.version('pandas')}", "unheard-of==1; extra == 'dev'"]
    monkeypatch.setattr(importlib.metadata, "requires", lambda _: pins)
    only(looked_at(installation.check_packages), "to fix", "numpy", "(pinned: 1.0.0)", "file of constraints")


def test_packages_that_are_not_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: SimpleNamespace(cached="/nowhere/x.pyc"))
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    only(looked_at(installation.check_byte_code), "warning", "unset PYTHONDONTWRITEBYTECODE", "compileall")


def test_several_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("threadpoolctl.threadpool_info", lambda: [{"internal_api": "openblas", "num_threads": 8}])
    only(looked_at(installation.check_threads), "warning", "openblas: 8", "OPENBLAS_NUM_THREADS=1")


def test_snakemake_is_not_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    found = looked_at(installation.check_snakemake)
    assert [one.level for one in found] == ["to fix", "to fix"]
    for name in ("snakemake", "connect"):
        tmp_path.joinpath(name).write_text("#!/bin/sh\n")
        tmp_path.joinpath(name).chmod(0o755)
    assert [one.level for one in looked_at(installation.check_snakemake)] == ["warning", "warning"]


def test_disk_and_shared_memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    only(looked_at(installation.check_shared_memory, tmp_path / "none"), "warning", "none that can be written")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1e9, total=2**20))
    only(looked_at(installation.check_disk, tmp_path), "warning", "got:     1.0 GB")
    only(looked_at(installation.check_shared_memory, tmp_path), "warning", "1 MB", "--shm-size")


def test_a_font_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connect.figures.STYLE", {"font.sans-serif": ["No Such Font"]})
    only(looked_at(installation.check_fonts), "warning", "the font No Such Font of figures")
