"""The tutorial, typed as it stands: its commands run in order, and print what the pages show.

A block of `sh` or `python` is run, one of `yaml` is written to the file that its first line names, and one of `text` is
what the block before it printed.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .study import ROOT, Study

pytestmark = pytest.mark.slow

PAGES = sorted((ROOT / "docs" / "tutorial").glob("[0-9]*.md"))
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SHARED = ("Snakefile", "workflow", "profiles", "data_sample", "Makefile", "pyproject.toml", "constraints.txt")
COMMANDS = {"sh": ["bash", "-euo", "pipefail", "-c"], "python": [sys.executable, "-c"]}


@pytest.fixture(scope="module")
def project(finished: Study, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the project in which `make sample` has run, in less time than it takes."""
    folder = tmp_path_factory.mktemp("tutorial") / "connect"
    shutil.copytree(finished.folder, folder, symlinks=True)
    for name in SHARED:
        (folder / name).symlink_to(ROOT / name)
    (folder / ".venv").mkdir()
    (folder / ".venv" / "bin").symlink_to(Path(sys.executable).parent)
    (folder / ".venv" / "ready").touch()
    return folder


def run(project: Path, language: str, code: str) -> str:
    """Run a snippet in the folder of the project, and return what it printed."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    options = {"cwd": project, "env": {**os.environ, "PATH": path}, "capture_output": True, "text": True}
    done = subprocess.run([*COMMANDS[language], code], check=False, **options)
    assert done.returncode == 0, f"{code}\n{done.stdout[-1000:]}\n{done.stderr[-2000:]}"
    return done.stdout


def elsewhere() -> list[tuple[Path, str]]:
    """Return page and code of Python that reads the sample's results, on other pages than these."""
    pages = sorted(path for path in (ROOT / "docs").rglob("*.md") if path not in PAGES)
    found = [(page, *block) for page in pages for block in FENCE.findall(page.read_text(encoding="utf-8"))]
    return [(page, code) for page, language, code in found if language == "python" and "results/sample/" in code]


def lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.rstrip().splitlines()]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_step_runs_and_prints_what_it_shows(project: Path, page: Path) -> None:
    printed = None
    for language, code in FENCE.findall(page.read_text(encoding="utf-8")):
        if language == "text":
            assert printed is not None
            assert lines(printed) == lines(code)
        elif language == "yaml":
            head = re.match(r"# (config/\S+\.yaml)\n", code)
            assert head, code
            (project / head[1]).write_text(code, encoding="utf-8")
        else:
            printed = run(project, language, code)


@pytest.mark.parametrize(("page", "code"), elsewhere(), ids=lambda value: getattr(value, "stem", None))
def test_python_about_the_sample_on_other_pages_runs(finished: Study, page: Path, code: str) -> None:
    run(finished.folder, "python", code)


def test_every_step_has_something_to_type() -> None:
    assert len(PAGES) == 8
    for page in PAGES:
        assert COMMANDS.keys() & {language for language, _ in FENCE.findall(page.read_text(encoding="utf-8"))}, page
