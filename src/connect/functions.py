"""Functions of the user's own: a choice names one as ``file.py:function``, with the path relative to its own file.

A measure, a statistic and a figure can be such a function. The file is read when the workflow starts, so that a wrong
name is told at once, and imported only by the stage that calls the function. What goes wrong in it is told in four
parts, with the line of the file.
"""

from __future__ import annotations

import ast
import importlib.util
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from connect.config import suggest
from connect.errors import UserError

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Own:
    """A function of the user's own.

    Parameters
    ----------
    file
        Python file.
    name
        Name of the function in it.
    """

    file: Path
    name: str

    def __str__(self) -> str:
        """Return the function and its file, as error messages name them."""
        return f"{self.file}, function `{self.name}`"

    def check(self) -> None:
        """Raise a UserError unless the file is there, is Python, and has something of that name; import nothing."""
        try:
            names = set(_names(ast.parse(self.file.read_bytes())))
        except OSError as error:
            todo = "create it, or correct the key `function`, whose path is relative to the file of the choice"
            raise UserError(self.file, "the Python file of a function", error.strerror, todo) from error
        except (SyntaxError, ValueError) as error:
            where = f"{self.file}, line {getattr(error, 'lineno', None) or 1}"
            raise UserError(where, "Python", _told(error), "correct the line") from error
        if self.name not in names:
            got = f"no such name among {', '.join(sorted(names)) or 'none'}"
            todo = f"write `def {self.name}(...):`, or correct the key `function`{suggest(self.name, names)}"
            raise UserError(self, f"a function `{self.name}`", got, todo)

    def load(self) -> Callable[..., Any]:
        """Import the file and return the function; a UserError names the line at which that fails."""
        self.check()
        spec = importlib.util.spec_from_file_location(self.file.stem, self.file)
        if spec is None or spec.loader is None:
            raise UserError(self.file, "a file whose name ends with .py", self.file.name, "rename it")
        module = importlib.util.module_from_spec(spec)
        try:
            spec.loader.exec_module(module)
        except Exception as error:
            todo = "mend the line; a package that it imports must be installed beside connect"
            raise UserError(self._line(error), "Python that can be imported", _told(error), todo) from error
        found: Callable[..., Any] = getattr(module, self.name)
        if not callable(found):
            raise UserError(self, "a function", type(found).__name__, "write `def`, or correct the key `function`")
        return found

    def call(self, function: Callable[..., Any], given: str, what: str, *values: Any) -> Any:
        """Call the function, as :meth:`load` gave it; what it raises becomes a UserError.

        Parameters
        ----------
        function
            The function.
        given
            What it must return, in words.
        what
            What it is called for, such as a scan, in words.
        values
            Its arguments.
        """
        try:
            return function(*values)
        except Exception as error:
            todo = "mend the line, or return NaN for what cannot be computed"
            raise UserError(self._line(error), given, f"{_told(error)}, for {what}", todo) from error

    def _line(self, error: Exception) -> str:
        """Return the file, the last line of it that ran before the error, and the function."""
        frames = traceback.extract_tb(error.__traceback__)
        lines = [frame.lineno for frame in frames if Path(frame.filename) == self.file.absolute()]
        return f"{self.file}{f', line {lines[-1]}' if lines else ''}, function `{self.name}`"


def own_function(function: Path) -> Own:
    """Return the function that a choice names.

    Raises
    ------
    UserError
        If it is written in another form than ``file.py:name``.
    """
    file, _, name = str(function).rpartition(":")
    if not file.endswith(".py") or not name.isidentifier():
        todo = "write the path of the file from the folder of this one, a colon, and the name of the function"
        raise UserError("key function", "`file.py:name`", function, todo)
    return Own(Path(file), name)


def kind_or_function(kind: str, function: Path | None) -> Own | None:
    """Return the function that a choice names in place of a registered kind, or None.

    Raises
    ------
    UserError
        If the choice has neither a kind nor a function, or both.
    """
    if bool(kind) == bool(function):
        got = "both" if kind else "neither"
        raise UserError("key kind", "a `kind`, or a `function` of your own", got, "write one of the two")
    return own_function(function) if function else None


def numbers(found: Any) -> np.ndarray | None:
    """Return what a function gave as a new array of float64, or None if it is not made of real numbers."""
    import numpy as np

    try:
        values = np.asarray(found)
    except ValueError:
        return None
    return values.astype(np.float64) if values.dtype.kind in "biuf" else None


def _names(tree: ast.Module) -> Iterator[str]:
    """Yield the names that a file defines: functions, what is assigned, what is imported."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Assign):
            yield from (target.id for target in node.targets if isinstance(target, ast.Name))
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from (alias.asname or alias.name for alias in node.names)


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
