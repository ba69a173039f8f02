"""Print a script with which a shell completes commands, flags, files and names of choices.

The script is made once, of the signatures of all commands, and then knows everything by itself: nothing of the program
starts when somebody presses Tab.
"""

from __future__ import annotations

import argparse
import sys
from typing import Any, Literal

import shtab

from connect import COMMANDS, STAGES
from connect.cli import about, add_flags, function_of

FOLDERS = {
    "cohort": "cohorts",
    "atlases": "atlases",
    "strategies": "strategies",
    "measures": "measures",
    "calibration": "calibrations",
}
"""Flags that take names of choices: the folder of the files that are named so."""


def completion(shell: Literal["bash", "zsh", "fish"], /) -> None:
    """Print the script with which a shell completes the words of this program.

    Parameters
    ----------
    shell
        The shell. Where its script belongs says docs/how-to/use-the-command-line.md.
    """
    sys.stdout.write(shtab.complete(program(), shell))


def program() -> argparse.ArgumentParser:
    """Return the argument parser of the whole program, in which every argument says how it is completed."""
    made = argparse.ArgumentParser(prog="connect")
    commands = made.add_subparsers(metavar="COMMAND")
    for name in (*COMMANDS, *STAGES):
        one = commands.add_parser(name, help=about(name))
        add_flags(one, function_of(name))
        for action in one._actions:
            if action.metavar == "PATH":
                action.complete = shtab.FILE  # type: ignore[attr-defined]
            elif action.metavar == "VALUE" and action.dest in FOLDERS:
                action.complete = _names(FOLDERS[action.dest])  # type: ignore[attr-defined]
    return made


def _names(kind: str) -> dict[str, Any]:
    """Return how each shell finds the names of the choices of a kind, in the folder in which it is then."""
    listed = f"ls config/{kind} 2>/dev/null | sed -n s/.yaml//p"
    found: dict[str, Any] = shtab.cmd(listed)
    # What shtab makes for zsh looks once, when the script is read.
    function = f"_connect_{kind}"
    preamble = {**found["preamble"], "zsh": f"{function}() {{\n  compadd -- $({listed})\n}}\n"}
    return {**found, "zsh": function, "preamble": preamble}
