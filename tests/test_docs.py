"""The pages say what is there: links lead somewhere, commands parse, and files that are shown would be accepted."""

from __future__ import annotations

import ast
import importlib
import re
import shlex
from pathlib import Path

import pytest
from snakemake.cli import get_argument_parser

from connect import COMMANDS, STAGES
from connect.cli import parser
from connect.config import read
from connect.outputs import OUTPUTS, files
from connect.reference import anchor, kinds
from connect.settings import settings

ROOT = Path(__file__).parents[1]
PAGES = [*(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "config/README.md")), *ROOT.glob("docs/**/*.md")]
FOLDERS = {"cohorts": "cohort", "atlases": "atlas", "strategies": "strategy", "domains": "domains"}

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
INDENTED = re.compile(r"^ {4}(\w.*)$", re.MULTILINE)
INLINE = re.compile(r"`(connect [a-z][^`]*)`")
CELL = re.compile(r"`([^`]+)`")
VERB = re.compile(r"^([a-z-]+):.*##", re.MULTILINE)
ELSEWHERE = ("kubernetes",)
"""Executors of Snakemake that the project does not install."""


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def blocks(language: str) -> list[tuple[Path, str]]:
    return [(page, code) for page in sorted(PAGES) for kind, code in FENCE.findall(text_of(page)) if kind == language]


def joined(text: str) -> str:
    """Return a text in which a line that goes on after a backslash is one."""
    return text.replace("\\\n", " ")


def typed(program: str) -> list[tuple[Path, str]]:
    """Return the page and the line of every command of a program that a page shows in a block, fenced or indented."""
    shown = [(page, line) for page, code in blocks("sh") for line in joined(code).splitlines()]
    shown += [(page, line) for page in PAGES for line in INDENTED.findall(joined(FENCE.sub("", text_of(page))))]
    return [(page, line) for page, line in shown if line.split()[:1] == [program]]


def commands() -> list[tuple[Path, str]]:
    return typed("connect")


def choices() -> list[tuple[Path, str, str]]:
    """Return page, path and text of the choices that pages show: blocks that begin with `# config/...yaml`."""
    headed = [(page, re.match(r"# (config/\S+\.yaml)\n", code), code) for page, code in blocks("yaml")]
    return [(page, head[1], code) for page, head, code in headed if head]


def anchors(page: Path) -> set[str]:
    """Return the anchors of the headings of a page, as code hosts make them."""
    return {anchor(heading) for heading in HEADING.findall(FENCE.sub("", text_of(page)))}


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


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_inside_sentences_exist_with_their_flags(page: Path) -> None:
    for shown in INLINE.findall(FENCE.sub("", text_of(page))):
        name, *words = shown.split()[1:]
        assert name in (*STAGES, *COMMANDS), shown
        flags = {word for word in words if word.startswith("--")}
        made = parser(getattr(importlib.import_module(f"connect.{name}"), name))
        assert flags <= {flag for action in made._actions for flag in action.option_strings}, shown


@pytest.mark.parametrize(("page", "line"), typed("snakemake"), ids=lambda value: getattr(value, "stem", None))
def test_snakemake_has_the_flags(page: Path, line: str) -> None:
    words = shlex.split(line, comments=True)[1:]
    if any(name in words for name in ELSEWHERE):
        return
    try:
        get_argument_parser().parse_args(words)
    except SystemExit as stop:
        pytest.fail(f"`{line}` does not parse ({stop})")


def test_verbs_of_make_exist() -> None:
    verbs = VERB.findall((ROOT / "Makefile").read_text(encoding="utf-8"))
    shown = {verb for page in PAGES for verb in re.findall(r"`make ([a-z-]+)`", text_of(page))}
    shown |= {line.split()[1] for _, line in typed("make")}
    assert {"docs", "reference", "sample", "test"} <= shown <= set(verbs)


@pytest.mark.parametrize(
    ("page", "code"),
    [(page, code) for page, code in blocks("python") if not code.startswith("# Snakefile")],
    ids=lambda value: getattr(value, "stem", None),
)
def test_python_compiles_and_imports_what_there_is(page: Path, code: str) -> None:
    for node in ast.walk(ast.parse(code)):
        for name in [alias.name for alias in node.names] if isinstance(node, ast.Import) else []:
            importlib.import_module(name)
        if isinstance(node, ast.ImportFrom):
            module = importlib.import_module(str(node.module))
            assert all(hasattr(module, alias.name) for alias in node.names), code


@pytest.mark.parametrize(("page", "path", "code"), choices(), ids=lambda value: getattr(value, "stem", None))
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
    assert {path.split("/")[1] for _, path, _ in choices()} >= {"cohorts", "atlases", "domains", "measures", "models"}
    assert all(re.match(r"# config/\S+\.yaml\n", code) for _, code in blocks("yaml"))


@pytest.mark.parametrize("stage", STAGES)
def test_a_page_of_a_stage_says_what_why_how_in_out_and_what_can_go_wrong(stage: str) -> None:
    page = text_of(ROOT / "docs" / "stages" / f"{stage}.md")
    opening, *sections = re.split(r"^## ", page, flags=re.MULTILINE)
    named = {section.partition("\n")[0]: section for section in sections}
    assert len(opening.split()) > 20
    assert next(iter(named)) in ("Method", "Why", "What each kind shows", "What stands on the page, in this order")
    assert "doi:" in page or stage in ("fetch", "report")
    assert "In: " in named["In and out"]
    assert "Out" in named["In and out"]
    assert f"cli.md#connect-{stage}" in named["In and out"]
    assert len(named["What can go wrong"].split()) > 40


@pytest.mark.parametrize("stage", STAGES)
def test_files_and_columns_that_a_page_of_a_stage_names_exist(stage: str) -> None:
    """Names in the table of files: outputs that are described, which a run of the sample is held to."""
    page = text_of(ROOT / "docs" / "stages" / f"{stage}.md")
    table = re.search(r"^\| file \| holds \|\n\|[-|]+\|\n((?:\|.*\n)+)", page, re.MULTILINE)
    rows = [row.split(" | ", 1) for row in table[1].splitlines()] if table and stage != "fetch" else []
    ours = [path for rule, path, _ in files(ROOT / "workflow" / "rules") if rule == stage]
    for names, about in rows:
        for name in CELL.findall(names):
            like = re.compile(re.sub(r"<\w+>", "[^/]+", re.escape(name).replace(r"\<", "<").replace(r"\>", ">")))
            assert any(like.fullmatch(path.rpartition("/")[2]) for path in beside(ours)), name
        unknown = set(CELL.findall(about)) - described(stage) - {"n/a", "null", "yes", "no", "scans.tsv"}
        assert not unknown, (names, unknown)


def beside(paths: list[str]) -> list[str]:
    """Return paths, and those of the JSON files that may lie beside tables."""
    return [*paths, *(path.removesuffix(".tsv") + ".json" for path in paths if path.endswith(".tsv"))]


def described(stage: str) -> set[str]:
    """Return the columns and keys of a stage's files, and the words that stand in code where they are described."""
    columns = [column for some in OUTPUTS[stage].values() for output in some for column in output.columns.items()]
    return {word for name, column in columns for word in (name, *CELL.findall(column.about))}
