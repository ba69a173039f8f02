"""The site that `make docs` builds: whole, strict, and without a network."""

from __future__ import annotations

import html
import json
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from connect.config import read
from connect.settings.figure import Figure

ROOT = Path(__file__).parents[1]
HOOKS = SimpleNamespace(**runpy.run_path(str(ROOT / "website" / "hooks.py")))
RECIPES = sorted(path.stem for path in (ROOT / "config" / "figures").glob("*.yaml"))
LOADED = re.compile(r'<(?:script|img|iframe)[^>]* src="?([^" >]+)|<link[^>]* rel="?stylesheet"?[^>]* href="?([^" >]+)')


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the site, built strictly; the gallery shows figures of the sample if they are drawn."""
    folder = tmp_path_factory.mktemp("site")
    words = ["build", "--quiet", "--config-file", str(ROOT / "website" / "mkdocs.yml"), "--site-dir", str(folder)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", *words], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def pages(site: Path) -> list[Path]:
    return sorted(site.rglob("*.html"))


def test_every_page_is_there(site: Path) -> None:
    built = {path.relative_to(site).with_suffix(".md").as_posix() for path in pages(site)}
    written = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    assert {re.sub(r"README\.md$", "index.md", name) for name in written} <= built
    assert {"gallery.md", "project/readme.md", "project/contributing.md", "project/sample.md"} <= built


def test_nothing_is_loaded_from_the_network(site: Path) -> None:
    for page in pages(site):
        loaded = [one or other for one, other in LOADED.findall(page.read_text(encoding="utf-8"))]
        assert loaded
        for link in loaded:
            assert "//" not in link, (page, link)
            assert page.name == "404.html" or (page.parent / link.partition("?")[0]).exists(), (page, link)
    for sheet in site.rglob("*.css"):
        assert not re.search(r"(?:@import|url\()\s*[\"']?(?:https?:)?//", sheet.read_text(encoding="utf-8")), sheet


def test_search_works_from_disk(site: Path) -> None:
    """The index is a script, and the worker that asks it does not need a server."""
    index = (site / "search" / "search_index.js").read_text(encoding="utf-8")
    found = json.loads(index.removeprefix("var __index = "))["docs"]
    assert any("regression to the mean" in entry["title"].lower() for entry in found)
    assert (site / "assets" / "iframe-worker.js").is_file()
    assert "assets/iframe-worker.js" in (site / "index.html").read_text(encoding="utf-8")


def test_formulas_are_drawn_by_the_browser(site: Path) -> None:
    page = (site / "science" / "what-a-change-means.html").read_text(encoding="utf-8")
    assert page.count("<math ") == (ROOT / "docs/science/what-a-change-means.md").read_text().count("```math")
    assert "<mfrac>" in page


def test_links_out_of_the_docs_lead_to_copies(site: Path) -> None:
    readme = (site / "project" / "readme.html").read_text(encoding="utf-8")
    assert 'href="../files/config/config.yaml"' in readme
    assert (site / "files/config/config.yaml").read_bytes() == (ROOT / "config/config.yaml").read_bytes()
    assert 'href="../how-to/add-a-cohort.html"' in readme
    assert 'href="project/readme.html"' in (site / "index.html").read_text(encoding="utf-8")


def test_addresses_outside_are_listed(site: Path) -> None:
    found = (site / "links.txt").read_text(encoding="utf-8").split()
    assert found == sorted(set(found))
    assert "https://doi.org/10.1016/S0306-4530(02)00108-7" in found
    assert all(re.fullmatch(r"https://[\w.-]+(/\S*)?", address) for address in found)


def test_the_gallery_has_every_recipe(site: Path) -> None:
    page = (site / "gallery.html").read_text(encoding="utf-8")
    text = html.unescape(re.sub(r"<[^>]+>", "", page))
    for name in RECIPES:
        assert f'<h2 id="{name}">' in page
        assert f"# config/figures/{name}.yaml" in text
        assert f"kind: {read(Figure, ROOT / f'config/figures/{name}.yaml').kind}" in text


def test_the_gallery_shows_what_is_drawn(tmp_path: Path) -> None:
    (tmp_path / "motion.svg").write_text("<svg/>")
    text, pictures = HOOKS.gallery(ROOT / "config" / "figures", tmp_path)
    assert pictures == {"motion.svg": tmp_path / "motion.svg"}
    assert "![Head motion before and after](gallery/motion.svg)" in text
    assert text.count("*Not drawn yet") == len(RECIPES) - 1


def test_make_docs_draws_every_recipe() -> None:
    told = subprocess.run(["make", "--dry-run", "docs"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert sorted(re.findall(r"figures/([\w-]+)\.svg", told)) == RECIPES


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[a](../README.md#try-it)", "[a](../project/readme.md#try-it)"),
        ("[a](../config/config.yaml)", "[a](../files/config/config.yaml)"),
        ("[a](scale.md) ![b](images/x.png)", "[a](../scale.md) ![b](../images/x.png)"),
        ("[a](https://doi.org/x)", "[a](https://doi.org/x)"),
        ("(A 2000, doi:10.1/b(02)c-7). d", "(A 2000, doi:10.1/b(02)c-7). d"),
        ("(A, doi:10.1000/b(02)c-7). d", "(A, [doi:10.1000/b(02)c-7](<https://doi.org/10.1000/b(02)c-7>)). d"),
        ("```sh\n[a](../README.md)\n```", "```sh\n[a](../README.md)\n```"),
    ],
)
def test_links_lead_to_the_place_in_the_site(text: str, expected: str) -> None:
    assert HOOKS.relinked(text, "docs/page.md", "deeper/page.md") == expected
