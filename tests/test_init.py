"""`connect init`: a folder that runs, from flags, guesses or answers; and nothing at all where something is wrong."""

from __future__ import annotations

import doctest
import io
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from glob import glob
from pathlib import Path

import pandas as pd
import pytest
import yaml

from connect import cli, shipped
from connect.config import read
from connect.doctor.cohort import check_cohort
from connect.doctor.configuration import check_configuration
from connect.doctor.findings import Findings
from connect.doctor.models import check_models
from connect.init import files, guesses
from connect.reference import settings
from connect.scans import read_scans
from connect.settings.cohort import Cohort

from .derivatives import run as write_run
from .workflow.study import counted

KINDS = {"atlases": "atlas", "strategies": "strategy", "domains": "domains"}
PEOPLE = [f"sub-{number:02}" for number in range(1, 17)]


class Terminal(io.StringIO):
    """Standard input at which somebody answers."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    return tmp_path


@pytest.fixture
def sample(here: Path, root: Path) -> Path:
    """Return a folder in which fMRIPrep's is easily found: links to the sample's, and tables of its own."""
    folder = here / "derivatives" / "fmriprep"
    folder.mkdir(parents=True)
    for path in (root / "data_sample").iterdir():
        folder.joinpath(path.name).symlink_to(path)
    table = folder / "participants.tsv"
    table.unlink()
    table.write_bytes((root / "data_sample" / "participants.tsv").read_bytes())
    return folder


def answered(monkeypatch: pytest.MonkeyPatch, *answers: str) -> None:
    waiting: Iterator[str] = iter(answers)
    monkeypatch.setattr(sys, "stdin", Terminal())
    monkeypatch.setattr("builtins.input", lambda _: next(waiting))


def checked(cohort: str) -> Findings:
    """Return what `connect doctor` finds in the folder in which we are."""
    found = Findings("study")
    choices = check_configuration(found, Path("config/config.yaml"))
    assert choices is not None
    check_models(found, cohort, choices, check_cohort(found, cohort, choices))
    return found


def arms(table: Path, column: str, levels: list[str]) -> None:
    rows = [f"{one}\t{levels[number % len(levels)]}" for number, one in enumerate(PEOPLE)]
    table.write_text("\n".join([f"participant_id\t{column}", *rows, ""]))


# --- a folder that runs --------------------------------------------------------------------------------------------


def test_guesses_make_a_folder_in_which_the_workflow_can_run(
    sample: Path, here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["init", "study", "--cohort", "mine"]) == 0
    told = capsys.readouterr().out
    assert told.endswith(f"wrote {here / 'study'}\nnext: cd study; connect doctor; snakemake\n")
    assert "participants: 16" in told
    assert "CHECK" not in told
    monkeypatch.chdir(here / "study")
    cohort = read(Cohort, "config/cohorts/mine.yaml")
    assert {label: session.phase for label, session in cohort.sessions.items()} == {"pre": "pre", "post": "post"}
    assert cohort.dates is not None
    assert cohort.derivatives.resolve() == sample.resolve()
    assert "CHECK" not in Path("config/cohorts/mine.yaml").read_text()
    assert len(read_scans("config/cohorts/mine.scans.tsv")) == 31
    for path in Path("config").glob("*/*.yaml"):
        read(settings(KINDS.get(path.parent.name, path.parent.name.removesuffix("s"))), path)
    plan = yaml.safe_load(Path("config/config.yaml").read_text())
    assert plan["cohorts"] == {"mine": ["training-against-waiting", "change-in-training", "change-in-waiting"]}
    assert not {"relation", "calibration"} & set(plan["figures"])
    assert [one for one in checked("mine").found if one.level == "to fix"] == []
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    command = ["snakemake", "--dry-run", "--quiet", "rules"]
    done = subprocess.run(command, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    jobs = counted(done.stdout)
    assert (jobs["parcellate"], jobs["compare"], jobs["report"]) == (31, 3 * len(plan["strategies"]), 1)
    page = Path("README.md").read_text()
    assert all(Path(name).exists() for name in ("Snakefile", "profiles/default/config.yaml", ".gitignore"))
    assert all(f"`{name}" in page for name in ("config/config.yaml", "config/cohorts/mine.scans.tsv", "Snakefile"))


def test_six_questions_are_asked_and_a_wrong_answer_again(
    sample: Path, here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    table = "derivatives/fmriprep/participants.tsv"
    answered(
        monkeypatch, "nowhere", "", "my cohort", "mine", "pre", "post, pre", "nowhere.tsv", table,
        "age 30", "group training", "-3", "8",
    )  # fmt: skip
    assert cli.main(["init", "study"]) == 0
    told = capsys.readouterr().out
    assert [line[0] for line in told.splitlines() if line[1:3] == ". "] == list("123456")
    assert told.count("   to do:   ") == 6
    cohort = read(Cohort, here / "study/config/cohorts/mine.yaml")
    weeks = {label: (session.phase, session.weeks) for label, session in cohort.sessions.items()}
    assert weeks == {"post": ("pre", 0), "pre": ("post", 8)}
    plan = yaml.safe_load((here / "study/config/config.yaml").read_text())
    assert plan["cohorts"]["mine"][0] == "waiting-against-training"


def test_flags_answer_and_yes_takes_guesses(sample: Path, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answered(monkeypatch)
    words = ["--fmriprep", str(sample), "--sessions", "pre", "post", "--arms", "none", "--weeks", "none", "--yes"]
    assert cli.main(["init", "study", *words]) == 0
    plan = yaml.safe_load((here / "study/config/config.yaml").read_text())
    assert list(plan["cohorts"].values()) == [["change"]]
    (cohort,) = (here / "study/config/cohorts").glob("*.yaml")
    assert read(Cohort, cohort).dates is None


def test_numbered_arms_in_a_column_that_no_formula_can_hold(
    sample: Path, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arms(sample / "participants.tsv", "Treatment Arm", ["1", "2", "3"])
    assert cli.main(["init", "study", "--cohort", "mine", "--arms", "Treatment", "Arm", "3"]) == 0
    monkeypatch.chdir(here / "study")
    plan = yaml.safe_load(Path("config/config.yaml").read_text())
    assert plan["cohorts"]["mine"] == [
        *("arms-differ", "1-against-3", "2-against-3"),
        *("change-in-1", "change-in-2", "change-in-3"),
    ]
    found = checked("mine")
    assert [str(one) for one in found.found if one.level == "to fix"] == []
    tried = [one for one in found.found if one.what.startswith("model ")]
    assert len(tried) == 6


def test_what_to_check_is_told(sample: Path, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = sample / "participants.tsv"
    table.write_text("".join(line for line in table.read_text().splitlines(keepends=True) if "sub-03" not in line))
    assert cli.main(["init", "study", "--cohort", "mine"]) == 0
    told = capsys.readouterr().out
    assert f"- CHECK {table.relative_to(here)}: no row for sub-03, who will not be analysed" in told


def test_a_participants_table_can_be_made(sample: Path, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cli.main(["init", "study", "--cohort", "mine", "--participants", "new"]) == 0
    monkeypatch.chdir(here / "study")
    assert list(pd.read_csv("participants.tsv")["participant_id"]) == PEOPLE
    assert [one for one in checked("mine").found if one.level == "to fix"] == []


def test_strategies_without_their_confounds_are_left_out(
    sample: Path, here: Path, capsys: pytest.CaptureFixture[str], root: Path
) -> None:
    for person in (sample / "sub-01", sample / "sub-02"):
        source = person.resolve()
        person.unlink()
        for path in source.rglob("*"):
            if path.is_file():
                place = person / path.relative_to(source)
                place.parent.mkdir(parents=True, exist_ok=True)
                place.symlink_to(path)
        for table in person.rglob("*timeseries.tsv"):
            text = table.read_text()
            table.unlink()
            table.write_text(text.replace("global_signal", "other_signal"))
    assert cli.main(["init", "study", "--cohort", "mine"]) == 0
    plan = yaml.safe_load((here / "study/config/config.yaml").read_text())
    shown = yaml.safe_load((root / "config/config.yaml").read_text())
    assert plan["strategies"] == [name for name in shown["strategies"] if name != "36p" and "gsr" not in name]
    assert "- strategy 36p is left out: " in capsys.readouterr().out
    assert {path.stem for path in (here / "study/config/strategies").iterdir()} == set(plan["strategies"])


# --- what is refused -----------------------------------------------------------------------------------------------


def refused(words: list[str], capsys: pytest.CaptureFixture[str], *parts: str) -> None:
    assert cli.main(["init", *words]) == 2
    told = capsys.readouterr().err
    assert [line[:9] for line in told.splitlines()[1:]] == ["where:   ", "must be: ", "got:     ", "to do:   "]
    assert all(part in told for part in parts), told


def test_a_folder_that_holds_something_is_left_alone(
    sample: Path, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "study").mkdir()
    (here / "study" / "thesis.md").write_text("all of it")
    refused(["study"], capsys, "a new folder", "it holds thesis.md")
    assert [path.name for path in (here / "study").iterdir()] == ["thesis.md"]
    (here / "file").touch()
    refused(["file"], capsys, "got:     a file")


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["--cohort", "a b"], ["flag --cohort", "letters, digits and `-`"]),
        (["--sessions", "pre", "late"], ["flag --sessions", "(post, pre)", "pre late"]),
        (["--arms", "age", "30"], ["flag --arms", "group: training, waiting"]),
        (["--arms", "group", "placebo"], ["flag --arms", "(training, waiting)", "`placebo`"]),
        (["--weeks", "soon"], ["flag --weeks", "soon"]),
        (["--participants", "none.tsv"], ["flag --participants", "no file none.tsv"]),
        (["--fmriprep", "elsewhere"], ["flag --fmriprep", "no folder elsewhere"]),
        (["--space", "MNI152NLin6Asym"], ["MNI152NLin2009cAsym:res-7", "choose one"]),
    ],
)
def test_wrong_flags_leave_no_folder(
    words: list[str], parts: list[str], sample: Path, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    refused(["study", *words], capsys, *parts)
    assert not (here / "study").exists()


def test_what_cannot_be_guessed_must_be_given(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    refused(["study"], capsys, "flag --fmriprep", "nothing that it could be", "give `--fmriprep`")


def test_another_table_than_that_of_the_participants(
    sample: Path, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = here / "other.tsv"
    other.write_text("participant_id\nsub-99\n")
    refused(["study", "--participants", str(other)], capsys, "rows for sub-99; scans of sub-01")


def test_scans_without_sessions(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for task in ("drug", "placebo"):
        write_run(here / "fmriprep", f"sub-01_task-{task}")
    refused(["study"], capsys, "no scan with a session", "`--sessions-by task` (drug, placebo)")


def test_the_end_of_the_input_is_no_answer(
    sample: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def closed(_: str) -> str:
        raise EOFError

    monkeypatch.setattr(sys, "stdin", Terminal())
    monkeypatch.setattr("builtins.input", closed)
    refused(["study"], capsys, "flag --fmriprep", "the end of the input")


# --- guesses, and what comes with the package ----------------------------------------------------------------------


def test_doctests() -> None:
    for module in (guesses, files):
        assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize(
    ("columns", "guess"),
    [
        ({"sex": ["F", "M"]}, "none"),
        ({"sex": ["F", "M"], "group": ["drug", "placebo"]}, "group placebo"),
        ({"Arm": ["CBT", "TAU"]}, "Arm TAU"),
        ({"treatment": ["a", "b"]}, "treatment b"),
    ],
)
def test_the_guess_of_arms(columns: dict[str, list[str]], guess: str) -> None:
    assert guesses.guess_arms(columns) == guess


def test_columns_that_may_hold_arms_have_a_few_levels_of_several_people() -> None:
    table = pd.DataFrame(
        {
            "participant_id": ["sub-1", "sub-2", "sub-3", "sub-4", "sub-5"],
            "arm": [1.0, 2.0, 1.0, 2.0, None],
            "site": ["a", "a", "a", "b", "b"],
            "age": [20, 21, 22, 23, 24],
        }
    )
    assert guesses.levels(table, ["sub-1", "sub-2", "sub-3", "sub-4"]) == {"arm": ["1", "2"]}


def test_the_package_takes_workflow_choices_and_profiles_along(root: Path) -> None:
    data = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]["connect"]
    package = root / "src" / "connect"
    # As setuptools reads the patterns: a path of pathlib would not follow the links.
    packed = {Path(path) for one in data for path in glob(one, root_dir=package, recursive=True)}  # noqa: PTH207
    for folder in (shipped.CONFIG, shipped.PROFILES, Path(shipped.SNAKEFILE).parent):
        inside = folder.relative_to(package)
        own = (path for path in folder.rglob("*") if path.suffix in (".yaml", ".smk", ".tsv"))
        there = {inside / path.relative_to(folder) for path in own}
        assert there
        assert there <= packed
        assert folder.resolve().parent == root
    assert Path(shipped.SNAKEFILE).is_file()
