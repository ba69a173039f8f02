"""The command line: flags from signatures, mistakes in four parts and exit code 2."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys
import types
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import pytest

from connect import COMMANDS, STAGES, __version__, cli
from connect.errors import UserError

LABELS = ("where:   ", "must be: ", "got:     ", "to do:   ")


def stage(
    series: Path,
    parts: Sequence[Path],
    count: int = 3,
    share: float = 0.5,
    mode: Literal["stop", "record"] = "stop",
    name: str = "",
) -> None:
    """Do a thing.

    More on the thing.

    Parameters
    ----------
    series
        Where 50 % of it goes,
        on two lines.
    parts
        What it is made of.
    mode
        How.

    Raises
    ------
    UserError
        Never.
    """


def place(folder: Path, /, cohort: str) -> None:
    """Take a folder without a flag.

    Parameters
    ----------
    folder
        The folder.
    cohort
        The cohort.
    """


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Replace the command `index` by a function that records how it was called, or raises what it is told to."""
    calls: dict[str, Any] = {}

    def index(fmriprep: Path, /, cohort: str, task: str = "") -> None:
        """Record."""
        calls.update(fmriprep=fmriprep, cohort=cohort, task=task)
        if "error" in calls:
            raise calls["error"]

    module = types.ModuleType("connect.index")
    module.index = index  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "connect.index", module)
    return calls


# --- running -------------------------------------------------------------------------------------------------------


def test_positional_and_flags_reach_the_function(command: dict[str, Any]) -> None:
    assert cli.main(["index", "some/folder", "--cohort", "c"]) == 0
    assert command == {"fmriprep": Path("some/folder"), "cohort": "c", "task": ""}


def test_a_mistake_is_told_in_four_labelled_lines(command: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    command["error"] = UserError("a.yaml, line 3", "a number", "'x'", "correct it")
    assert cli.main(["index", ".", "--cohort", "c"]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    head, *parts = told.err.splitlines()
    assert head == "connect index: wrong input"
    assert parts == [label + text for label, text in zip(LABELS, command["error"].parts().values(), strict=True)]


def test_an_error_of_ours_keeps_its_traceback(command: dict[str, Any]) -> None:
    command["error"] = ZeroDivisionError()
    with pytest.raises(ZeroDivisionError):
        cli.main(["index", ".", "--cohort", "c"])


def test_unknown_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["parcelate"]) == 2
    told = capsys.readouterr().err
    assert "did you mean `parcellate`?" in told
    assert all(label in told for label in LABELS)


@pytest.mark.parametrize("words", [["--cohort", "c"], ["."], [".", "--cohort", "c", "--tusk", "x"]])
def test_wrong_flags_exit_with_2(command: dict[str, Any], words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["index", *words]) == 2
    told = capsys.readouterr().err
    assert all(label in told for label in LABELS)
    assert not command


def test_as_a_program(tmp_path: Path) -> None:
    """A mistake of the user's leaves no traceback and exit code 2."""
    words = [sys.executable, "-c", "import sys; from connect.cli import main; sys.exit(main())"]
    words += ["index", "nowhere", "--cohort", "c"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert [line[: len(LABELS[0])] for line in done.stderr.splitlines()[1:]] == list(LABELS)
    assert list(tmp_path.iterdir()) == []


# --- help ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [[], ["-h"], ["--help"]])
def test_overview(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(words) == 0
    told = capsys.readouterr().out
    shown = [line.split()[0] for line in told.splitlines() if line.startswith("  ")]
    assert shown == [*COMMANDS, *STAGES]
    assert "index       Write the scans table of a cohort" in told


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"connect {__version__}\n"


def test_flags_come_from_the_signature() -> None:
    made = cli.parser(stage)
    given = made.parse_args(["--series", "s", "--parts", "a", "b", "--count", "4", "--mode", "record"])
    assert vars(given) == {
        "series": Path("s"),
        "parts": [Path("a"), Path("b")],
        "count": 4,
        "share": 0.5,
        "mode": "record",
        "name": "",
    }
    assert made.description == "Do a thing."


def test_help_comes_from_the_docstring() -> None:
    told = " ".join(cli.parser(stage).format_help().split())
    assert "--series PATH Where 50 % of it goes, on two lines." in told
    assert "--parts PATH [PATH ...] What it is made of." in told
    assert "--mode {stop,record} How. (default: stop)" in told
    assert "--share VALUE (default: 0.5)" in told
    assert "Raises" not in told


def test_positional_only_parameters_have_no_flag() -> None:
    told = cli.parser(place).format_usage()
    assert told == "usage: connect place [-h] --cohort VALUE PATH\n"


@pytest.mark.parametrize("words", [["--mode", "x"], ["--count", "x"], []])
def test_wrong_values_are_refused(words: list[str]) -> None:
    with pytest.raises(UserError, match=r"to do: +run `connect stage --help`"):
        cli.parser(stage).parse_args(["--series", "s", *words, "--parts"])


@pytest.mark.parametrize("name", [*COMMANDS, *STAGES])
def test_every_command_has_a_parser_and_returns_nothing(name: str) -> None:
    function = getattr(importlib.import_module(f"connect.{name}"), name)
    assert cli.parser(function).description
    assert inspect.signature(function).return_annotation in (None, "None")
