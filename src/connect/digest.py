"""A digest of the code that a stage consists of, so that editing the code re-runs that stage and nothing before it."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parent


def code(stage: str) -> str:
    """Return a digest of a stage's module and of every module of connect that it imports, directly or not.

    Comments and docstrings do not count: only what changes the program does.
    """
    parts = [_shape(path) for path in sorted(modules(stage))]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def modules(name: str) -> set[Path]:
    """Return the files of a module of connect and of the modules and templates that it needs."""
    found: set[Path] = set()
    waiting = [name]
    while waiting:
        path = _file(waiting.pop())
        if path is not None and path not in found:
            found.add(path)
            waiting.extend(_imports(path))
    return found


def _file(name: str) -> Path | None:
    path = PACKAGE.joinpath(*name.split("."))
    candidates = (path.with_suffix(".py"), path / "__init__.py")
    return next((candidate for candidate in candidates if candidate.is_file()), None)


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "connect":
            base = node.module.removeprefix("connect").lstrip(".")
            if base:
                yield base
            yield from (f"{base}.{alias.name}".lstrip(".") for alias in node.names)


@cache
def _shape(path: Path) -> str:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:]
    return ast.dump(tree)
