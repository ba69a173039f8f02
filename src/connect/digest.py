"""A digest of the code that a stage consists of, so that editing the code re-runs that stage and nothing before it."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

PACKAGE = Path(__file__).parent
TEMPLATES = (".html", ".css", ".js", ".bib", ".md")


class Code(NamedTuple):
    """What a file does, and which modules of connect it imports."""

    shape: str
    imports: tuple[str, ...] = ()


def code(stage: str) -> str:
    """Return a digest of a stage's module and of every module of connect that it imports, directly or not.

    Comments and docstrings do not count: only what changes the program does.
    """
    parts = [_read(path).shape for path in sorted(modules(stage))]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def modules(name: str) -> set[Path]:
    """Return the files of a module of connect and of the modules that it needs.

    What lies beside the modules of a package and is none, such as a page's template, belongs to the package.
    """
    found: set[Path] = set()
    waiting = [name]
    while waiting:
        path = _file(waiting.pop())
        if path is not None and path not in found:
            found.add(path)
            waiting.extend(_read(path).imports)
            if path.name == "__init__.py":
                beside = (*path.parent.iterdir(), *path.parent.glob("templates/*"))
                found.update(file for file in beside if file.suffix in TEMPLATES)
    return found


def _file(name: str) -> Path | None:
    path = PACKAGE.joinpath(*name.split("."))
    candidates = (path.with_suffix(".py"), path / "__init__.py")
    return next((candidate for candidate in candidates if candidate.is_file()), None)


# Every start of the workflow, and of each of its jobs on a cluster, asks for the digests of all stages.
@cache
def _read(path: Path) -> Code:
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        return Code(text)
    tree = ast.parse(text)
    nodes = list(ast.walk(tree))
    imports = tuple(name for node in nodes for name in _imports(node))
    for node in nodes:
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            node.body = [statement for statement in node.body if not _is_text(statement)]
    return Code(ast.dump(tree), imports)


def _imports(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name.removeprefix("connect.") for alias in node.names if alias.name.startswith("connect."))
    elif isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "connect":
        base = node.module.removeprefix("connect").lstrip(".")
        if base:
            yield base
        yield from (f"{base}.{alias.name}".lstrip(".") for alias in node.names)


def _is_text(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
