"""`connect completion`: real shells complete commands, flags, files and names of choices, at once."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import subprocess
import termios
import time
from pathlib import Path

import pytest
import shtab

from connect import COMMANDS, STAGES, cli
from connect.completion import program

LINES = {
    "connect par": ["parcellate"],
    "connect doctor --co": ["--cohort", "--config"],
    "connect doctor --cohort ": ["mine", "theirs"],
    "connect export config/config.yaml --strategies 3": ["36p"],
    "connect parcellate --on-unusable ": ["record", "stop"],
    "connect export config/con": ["config/config.yaml"],
    "connect init study --fmriprep fm": ["fmriprep"],
}
"""What is typed, and what may follow."""

BASH = """
source ./script
COMP_WORDS=({line})
[[ "{line}" == *" " ]] && COMP_WORDS+=("")
COMP_CWORD=$(( ${{#COMP_WORDS[@]}} - 1 ))
start=${{EPOCHREALTIME/./}}
_shtab_connect
echo $(( ${{EPOCHREALTIME/./}} - start ))
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


@pytest.fixture(scope="module")
def scripts() -> dict[str, str]:
    made = program()
    return {shell: shtab.complete(made, shell) for shell in ("bash", "zsh", "fish")}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("cohorts/mine.yaml", "cohorts/mine.scans.tsv", "cohorts/theirs.yaml", "strategies/36p.yaml"):
        tmp_path.joinpath("config", name).parent.mkdir(parents=True, exist_ok=True)
        tmp_path.joinpath("config", name).touch()
    tmp_path.joinpath("config", "config.yaml").touch()
    tmp_path.joinpath("fmriprep").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("line", LINES)
def test_bash(line: str, here: Path, scripts: dict[str, str]) -> None:
    here.joinpath("script").write_text(scripts["bash"])
    done = subprocess.run(["bash", "-c", BASH.format(line=line)], capture_output=True, text=True, check=True)
    microseconds, *found = done.stdout.splitlines()
    assert sorted(found) == LINES[line]
    assert int(microseconds) < 300_000
    assert done.stderr == ""


@pytest.mark.skipif(not shutil.which("fish"), reason="needs fish")
@pytest.mark.parametrize("line", LINES)
def test_fish(line: str, here: Path, scripts: dict[str, str]) -> None:
    here.joinpath("script").write_text(scripts["fish"])
    words = ["fish", "--no-config", "-c", f"source ./script; complete -C '{line}'"]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert sorted(found.split("\t")[0].rstrip("/") for found in done.stdout.splitlines()) == LINES[line]


@pytest.mark.skipif(not shutil.which("zsh"), reason="needs zsh")
@pytest.mark.parametrize(
    "line", [line for line, found in LINES.items() if line.startswith(("connect par", "connect doctor"))]
)
def test_zsh(line: str, here: Path, scripts: dict[str, str]) -> None:
    """A real terminal, as zsh completes in no other: what is typed grows, or a list appears below it."""
    here.joinpath("_connect").write_text(scripts["zsh"])
    environment = {**os.environ, "TERM": "dumb", "PS1": "> "}
    child, terminal = pty.fork()
    if child == 0:
        os.execvpe("zsh", ["zsh", "-f", "-i"], environment)
    termios.tcsetwinsize(terminal, (50, 200))
    type_(terminal, "fpath=($PWD $fpath); autoload -Uz compinit && compinit -u -D; echo rea''dy\n")
    assert "ready" in until(terminal, "ready")
    type_(terminal, f"{line}\t\t")
    last = LINES[line][-1]
    assert last in until(terminal, last)
    type_(terminal, "\x15exit\n")
    os.close(terminal)
    os.waitpid(child, 0)


def type_(terminal: int, text: str) -> None:
    os.write(terminal, text.encode())


def until(terminal: int, wanted: str, seconds: float = 20) -> str:
    """Return what a terminal shows, up to what is waited for."""
    shown, end = "", time.monotonic() + seconds
    while wanted not in shown and time.monotonic() < end:
        if select.select([terminal], [], [], 0.1)[0]:
            shown += os.read(terminal, 4096).decode(errors="replace")
    return shown


def test_the_command_prints_the_script(capsys: pytest.CaptureFixture[str], scripts: dict[str, str]) -> None:
    assert cli.main(["completion", "bash"]) == 0
    assert capsys.readouterr().out == scripts["bash"]
    told = re.search(r"^_shtab_connect_subparsers=\((.*)\)$", scripts["bash"], re.MULTILINE)
    assert told
    assert {*COMMANDS, *STAGES} == set(told[1].split())


def test_another_shell_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["completion", "powershell"]) == 2
    assert "bash" in capsys.readouterr().err
