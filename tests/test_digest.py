"""The digest of a stage's code: it changes with what the program does, and with nothing else."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from connect import STAGES, digest


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Copy the package and let the digest read the copy."""
    copy = tmp_path / "connect"
    shutil.copytree(digest.PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(digest, "PACKAGE", copy)
    digest._read.cache_clear()
    yield copy
    digest._read.cache_clear()


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Let the digest read a package of two stages with a helper each and one in common."""
    package = tmp_path / "small"
    (package / "settings").mkdir(parents=True)
    (package / "page").mkdir()
    (package / "one.py").write_text('"""One."""\nfrom connect.helper import f\nfrom connect.settings.kind import K\n')
    (package / "two.py").write_text('"""Two."""\nimport connect.other as o\nfrom connect import common\nimport json\n')
    (package / "page" / "__init__.py").write_text("from connect.page import parts\n")
    (package / "page" / "parts.py").write_text("Y = 1\n")
    (package / "helper.py").write_text("from connect.common import g\n\n\ndef f():\n    return g()\n")
    (package / "common.py").write_text('def g():\n    """Give 1."""\n    return 1\n')
    (package / "other.py").write_text("X = 1\n")
    (package / "settings" / "kind.py").write_text('class K:\n    a = 1\n    """What a is."""\n')
    (package / "page" / "page.html").write_text("<p>")
    (package / "page" / "templates").mkdir()
    (package / "page" / "templates" / "page.js").write_text("let x = 1;")
    monkeypatch.setattr(digest, "PACKAGE", package)
    digest._read.cache_clear()
    yield package
    digest._read.cache_clear()


def changed(package: Path, file: str, old: str, new: str) -> set[str]:
    """Edit a file; return the stages whose digest changes by that."""
    stages = [path.stem for path in package.glob("*.py")] + ["page"]
    before = {stage: digest.code(stage) for stage in stages}
    path = package / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    digest._read.cache_clear()
    return {stage for stage in stages if digest.code(stage) != before[stage]}


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("helper.py", "return g()", "return g()  # why"),
        ("helper.py", "\n\n\ndef", "\n\n\n# why\n\ndef"),
        ("one.py", "One.", "The first."),
        ("one.py", '"""One."""\n', ""),
        ("common.py", "Give 1.", "Return 1."),
        ("common.py", '    """Give 1."""\n', ""),
        ("settings/kind.py", "What a is.", "Something else."),
        ("common.py", "return 1", "return (1)"),
    ],
)
def test_comments_docstrings_and_layout_do_not_count(small: Path, file: str, old: str, new: str) -> None:
    assert changed(small, file, old, new) == set()


@pytest.mark.parametrize(
    ("file", "old", "new", "expected"),
    [
        ("one.py", "import f", "import f as h", {"one"}),
        ("helper.py", "g()", "g() + 1", {"one", "helper"}),
        ("common.py", "return 1", "return 2", {"one", "two", "helper", "common"}),
        ("other.py", "X = 1", "X = 2", {"two", "other"}),
        ("settings/kind.py", "a = 1", "a = 2", {"one"}),
        ("page/page.html", "<p>", "<b>", {"page"}),
        ("page/templates/page.js", "x = 1", "x = 2", {"page"}),
        ("page/parts.py", "Y = 1", "Y = 2", {"page"}),
        ("two.py", "import json", "import csv", {"two"}),
    ],
)
def test_code_counts_where_it_is_needed(small: Path, file: str, old: str, new: str, expected: set[str]) -> None:
    assert changed(small, file, old, new) == expected


def test_modules_of_the_small_package(small: Path) -> None:
    found = {path.relative_to(small).as_posix() for path in digest.modules("one")}
    assert found == {"one.py", "helper.py", "common.py", "settings/kind.py"}


def test_a_new_import_brings_its_module_in(small: Path) -> None:
    assert changed(small, "one.py", '"""One."""', "from connect.other import X") == {"one"}
    assert changed(small, "other.py", "X = 1", "X = 2") == {"one", "two", "other"}


def test_digests_of_the_real_stages_are_stable(package: Path) -> None:
    """A copy elsewhere gives the same digests: no path is in them."""
    copied = {stage: digest.code(stage) for stage in STAGES}
    digest._read.cache_clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(digest, "PACKAGE", Path(digest.__file__).parent)
        assert {stage: digest.code(stage) for stage in STAGES} == copied


def test_a_stage_does_not_depend_on_another(package: Path) -> None:
    before = {stage: digest.code(stage) for stage in STAGES}
    for edited in STAGES:
        path = digest._file(edited)
        assert path
        text = path.read_text()
        path.write_text(text + "\n\nEDITED = True\n")
        digest._read.cache_clear()
        now = {stage: digest.code(stage) for stage in STAGES}
        assert {stage for stage in STAGES if now[stage] != before[stage]} == {edited}
        path.write_text(text)


def test_code_that_stages_share_counts_for_them(package: Path) -> None:
    before = {stage: digest.code(stage) for stage in STAGES}
    path = package / "errors.py"
    path.write_text(path.read_text() + "\n\nEDITED = True\n")
    digest._read.cache_clear()
    assert all(digest.code(stage) != before[stage] for stage in STAGES)
