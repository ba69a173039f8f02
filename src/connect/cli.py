"""The command line: every stage and command is a function, and its parameters are the flags.

``connect denoise --scans a.tsv ...`` calls ``connect.denoise.denoise(scans=Path("a.tsv"), ...)``. Names, types,
defaults and help come from the signature and the docstring of that function, so the two cannot drift apart. Only the
module of the command that runs is imported.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import inspect
import os
import re
import sys
import types
import typing
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, NoReturn

from connect import COMMANDS, STAGES, __version__
from connect.config import suggest
from connect.errors import UserError
from connect.layout import unbraced

ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""Variables that give the linear algebra of numpy one thread, so that results do not depend on their number."""


INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells give it."""


class Flags(argparse.ArgumentParser):
    """An argument parser whose errors have four parts."""

    def error(self, message: str) -> NoReturn:
        """Raise what argparse would print."""
        raise UserError("command line", "the flags that `--help` lists", message, f"run `{self.prog} --help`")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return 0, or 2 after a mistake of the user's, told in four parts on standard error."""
    # Sums over several threads depend on their number in the last digits. numpy reads this when it is first imported.
    os.environ.update(dict.fromkeys(ONE_THREAD, "1"))
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words or words[0] in ("-h", "--help"):
        sys.stdout.write(overview())
        return 0
    if words[0] == "--version":
        sys.stdout.write(f"connect {__version__}\n")
        return 0
    name, *rest = words
    try:
        if name not in (*STAGES, *COMMANDS):
            known = ", ".join((*COMMANDS, *STAGES))
            raise UserError(
                "command line", f"one of: {known}", name, f"run `connect --help`{suggest(name, (*STAGES, *COMMANDS))}"
            )
        function = function_of(name)
        _call(function, vars(parser(function).parse_args(rest)))
    except UserError as error:
        sys.stderr.write(f"connect {name}: wrong input\n{error}\n")
        return 2
    except KeyboardInterrupt:
        sys.stderr.write(f"\nconnect {name}: interrupted\n")
        return INTERRUPTED
    return 0


def function_of(name: str) -> Callable[..., Any]:
    """Return the function of a command or stage; its module is imported."""
    found: Callable[..., Any] = getattr(importlib.import_module(f"connect.{name}"), name)
    return found


def about(name: str) -> str:
    """Return the first line of the module of a command or stage, without importing it."""
    path = Path(__file__).with_name(f"{name}.py")
    source = (path if path.is_file() else path.with_suffix("") / "__init__.py").read_text(encoding="utf-8")
    return (ast.get_docstring(ast.parse(source)) or "").splitlines()[0]


def overview() -> str:
    """Return the help text: every command and stage with the first line of its module, without importing any."""
    lines = ["usage: connect COMMAND [--flag value ...]     connect COMMAND --help", ""]
    for heading, names in (("commands", COMMANDS), ("stages, in the order in which the workflow runs them", STAGES)):
        lines += [f"{heading}:", *(f"  {name:<12}{about(name)}" for name in names), ""]
    return "\n".join(lines)


def parser(function: Callable[..., Any]) -> argparse.ArgumentParser:
    """Return the argument parser of a stage function: one flag per parameter, positional-only ones without a flag."""
    doc = inspect.getdoc(function) or ""
    made = Flags(prog=f"connect {function.__name__}", description=doc.split("\n\n")[0])
    add_flags(made, function)
    return made


def add_flags(made: argparse.ArgumentParser, function: Callable[..., Any]) -> None:
    """Add to an argument parser what a stage function takes."""
    doc = inspect.getdoc(function) or ""
    helps = dict(
        re.findall(r"^(\w+)\n    (.+?)(?=\n\S|\n\n|\Z)", doc.partition("----------\n")[2], re.MULTILINE | re.DOTALL)
    )
    hints = typing.get_type_hints(function)
    for name, parameter in inspect.signature(function).parameters.items():
        options: dict[str, Any] = {
            **_kind(hints[name]),
            "help": " ".join(helps.get(name, "").split()).replace("%", "%%"),
        }
        if parameter.default == ():
            options["nargs"] = "*"
        if parameter.default not in (inspect.Parameter.empty, "", (), None, False):
            options["help"] += f" (default: {parameter.default})"
        if parameter.kind is inspect.Parameter.POSITIONAL_ONLY:
            made.add_argument(name, **options)
        elif parameter.default is inspect.Parameter.empty:
            made.add_argument(f"--{name.replace('_', '-')}", dest=name, required=True, **options)
        else:
            made.add_argument(f"--{name.replace('_', '-')}", dest=name, default=parameter.default, **options)


def _call(function: Callable[..., Any], given: dict[str, Any]) -> None:
    parameters = inspect.signature(function).parameters.values()
    given = {name: _paths(value) if isinstance(value, list) else value for name, value in given.items()}
    first = [given.pop(p.name) for p in parameters if p.kind is inspect.Parameter.POSITIONAL_ONLY]
    function(*first, **given)


def _paths(values: list[Any]) -> list[Any]:
    """Return a list in which `a/{b,c}/d` stands for two paths: what names all universes stays short."""
    patterns = [unbraced(str(value)) if isinstance(value, Path) else [value] for value in values]
    return [type(value)(one) for value, pattern in zip(values, patterns, strict=True) for one in pattern]


def _kind(hint: Any) -> dict[str, Any]:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if hint is bool:
        return {"action": "store_true"}
    if origin is types.UnionType:
        return _kind(args[0])
    if origin is Literal:
        return {"choices": args}
    if origin is not None and issubclass(origin, Sequence):
        return {"nargs": "+", "type": args[0], "metavar": "PATH" if args[0] is Path else "VALUE"}
    return {"type": hint, "metavar": "PATH" if hint is Path else "VALUE"}
