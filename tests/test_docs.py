"""The pages say what is there: links lead somewhere, commands parse, and files that are shown would be accepted."""

from __future__ import annotations

import importlib
import re
import shlex
from pathlib import Path

import pytest

from connect import COMMANDS, STAGES
from connect.cli import parser
from connect.config import read
from connect.reference import kinds
from connect.settings import settings

ROOT = Path(__file__).parents[1]
PAGES = [*(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "config/README.md")), *ROOT.glob("docs/**/*.md")]
FOLDERS = {"cohorts": "cohort", "atlases": "atlas", "strategies": "strategy", "domains": "domains"}

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def blocks(language: str) -> list[tuple[Path, str]]:
    return [(page, code) for page in sorted(PAGES) for kind, code in FENCE.findall(text_of(page)) if kind == language]


def commands() -> list[tuple[Path, str]]:
    lines = [(page, line.strip()) for page, code in blocks("sh") for line in code.replace("\\\n", " ").splitlines()]
    return [(page, line) for page, line in lines if line.startswith("connect ")]


def files() -> list[tuple[Path, str, str]]:
    """Return page, path and text of the choices that pages show: blocks that begin with `# config/...yaml`."""
    headed = [(page, re.match(r"# (config/\S+\.yaml)\n", code), code) for page, code in blocks("yaml")]
    return [(page, head[1], code) for page, head, code in headed if head]


def anchors(page: Path) -> set[str]:
    """Return the anchors of the headings of a page, as code hosts make them."""
    headings = HEADING.findall(FENCE.sub("", text_of(page)))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    links = [link for link in LINK.findall(FENCE.sub("", text_of(page))) if "://" not in link]
    for link in links:
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize(("page", "line"), commands(), ids=lambda value: getattr(value, "stem", None))
def test_commands_exist_with_their_flags(page: Path, line: str) -> None:
    name, *words = shlex.split(line, comments=True)[1:]
    assert name in (*STAGES, *COMMANDS)
    made = parser(getattr(importlib.import_module(f"connect.{name}"), name))
    made.allow_abbrev = False
    try:
        made.parse_args(words)
    except SystemExit as stop:
        pytest.fail(f"`{line}` does not parse ({stop})")


@pytest.mark.parametrize(("page", "path", "code"), files(), ids=lambda value: getattr(value, "stem", None))
def test_choices_that_are_shown_are_valid(page: Path, path: str, code: str, tmp_path: Path) -> None:
    folder = Path(path).parent.name
    kind = "plan" if folder == "config" else FOLDERS.get(folder, folder.removesuffix("s"))
    assert kind in kinds()
    shown = tmp_path / Path(path).name
    shown.write_text(code, encoding="utf-8")
    read(settings(kind), shown)


def test_every_page_is_in_the_table_of_contents() -> None:
    contents = LINK.findall(text_of(ROOT / "docs" / "README.md"))
    pages = {path.relative_to(ROOT / "docs").as_posix() for path in ROOT.glob("docs/*/*.md")}
    assert pages <= {link.partition("#")[0] for link in contents}


def test_there_is_something_to_check() -> None:
    assert len(commands()) > 3
    assert {path.split("/")[1] for _, path, _ in files()} >= {"cohorts", "atlases", "domains", "measures", "models"}
    assert all(re.match(r"# config/\S+\.yaml\n", code) for _, code in blocks("yaml"))
