"""What the site adds to the pages: the gallery, pages and files from outside of docs/, and formulas.

The pages are plain Markdown that a code host shows as it is. Their links to files outside of docs/ would lead out of
the site; here they lead to copies inside it.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

from latex2mathml.converter import convert
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from connect.config import read
from connect.reference import anchor
from connect.settings.figure import Figure

ROOT = Path(__file__).parents[1]
PAGES = {
    "README.md": "project/readme.md",
    "CONTRIBUTING.md": "project/contributing.md",
    "CHANGELOG.md": "project/changelog.md",
    "data_sample/README.md": "project/sample.md",
}
"""Pages of the project that stand outside of docs/, and where they are in the site."""

addresses: set[str] = set()
"""Addresses outside of the site to which pages link."""

FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(\]\()([^)\s#]+)(#[^)\s]*)?(?=\))")
DOI = re.compile(r"\bdoi:(10\.\d{4,}/[^\s`|]+?)(?=[.,;:)\]]*(?:\s|$))")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Set what YAML cannot name: anchors as code hosts make them, and formulas as MathML."""
    fence = {"name": "math", "class": "math", "format": mathml}
    config.mdx_configs["pymdownx.superfences"] = {"custom_fences": [fence]}
    config.mdx_configs["toc"] = {"permalink": True, "slugify": lambda text, _: anchor(text), "toc_depth": "2-3"}
    config.watch += [str(ROOT / name) for name in (*PAGES, "config/figures")]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages of the project, the gallery, and every file outside of docs/ to which a page links."""
    sources = {file.src_uri: f"docs/{file.src_uri}" for file in files.documentation_pages()}
    sources |= {place: name for name, place in PAGES.items()}
    copied = {path for source in sources.values() for path in outward(source)}
    for name, place in PAGES.items():
        text = relinked((ROOT / name).read_text(encoding="utf-8"), name, place)
        files.append(File.generated(config, place, content=text))
    for path in sorted(copied):
        files.append(File.generated(config, f"files/{path}", abs_src_path=str(ROOT / path)))
    folder = Path(config.config_file_path).parent / config.extra["figures"]
    text, pictures = gallery(ROOT / "config" / "figures", folder)
    files.append(File.generated(config, "gallery.md", content=text))
    for name, picture in pictures.items():
        files.append(File.generated(config, f"gallery/{name}", abs_src_path=str(picture)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001 - mkdocs names them
    """Turn links that lead out of docs/ to the copies inside the site."""
    place = page.file.src_uri
    return markdown if page.file.generated_by else relinked(markdown, f"docs/{place}", place)


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001 - mkdocs names them
    """Note the addresses to which a page links."""
    addresses.update(re.findall(r'href="(https?://[^"]+)"', html))
    return html


def on_post_build(config: MkDocsConfig) -> None:
    """List the addresses outside of the site, which nothing fetches."""
    (Path(config.site_dir) / "links.txt").write_text("\n".join([*sorted(addresses), ""]), encoding="utf-8")


def relinked(text: str, source: str, place: str) -> str:
    """Return a page whose links lead to the places that their targets have in the site, and whose DOIs are links.

    Parameters
    ----------
    text
        Markdown.
    source
        Path of the page in the project, from which its links lead.
    place
        Path of the page in the site.
    """

    def moved(match: re.Match[str]) -> str:
        head, link, rest = match[1], match[2], match[3] or ""
        target = reached(link, source)
        if target is None:
            return match[0]
        return f"{head}{posixpath.relpath(there(target), posixpath.dirname(place) or '.')}{rest}"

    parts = re.split(f"({FENCE.pattern})", text, flags=FENCE.flags)
    return "".join(
        part if n % 2 else DOI.sub(r"[doi:\1](<https://doi.org/\1>)", LINK.sub(moved, part))
        for n, part in enumerate(parts)
    )


def reached(link: str, source: str) -> str | None:
    """Return the path in the project to which a link of a page leads, or None for an address."""
    return None if "://" in link else posixpath.normpath(posixpath.join(posixpath.dirname(source), link))


def there(path: str) -> str:
    """Return where a file of the project is in the site."""
    return PAGES.get(path) or (path.removeprefix("docs/") if path.startswith("docs/") else f"files/{path}")


def outward(source: str) -> set[str]:
    """Return the files outside of docs/ to which a page of the project links, but those that are pages of the site."""
    text = FENCE.sub("", (ROOT / source).read_text(encoding="utf-8"))
    targets = {reached(match[2], source) for match in LINK.finditer(text)} - {None}
    return {path for path in map(str, targets) if there(path).startswith("files/") and (ROOT / path).is_file()}


def gallery(recipes: Path, drawn: Path) -> tuple[str, dict[str, Path]]:
    """Return the page of every figure recipe with its picture above the YAML, and the pictures by name.

    Parameters
    ----------
    recipes
        Folder of the recipes.
    drawn
        Folder of the figures.
    """
    lines, pictures = ["# Gallery", "", INTRODUCTION], {}
    for path in sorted(recipes.glob("*.yaml")):
        figure, picture = read(Figure, path), drawn / f"{path.stem}.svg"
        lines += ["", f"## {path.stem}", "", f"**{figure.title}.** {figure.caption}", ""]
        if picture.is_file():
            pictures[picture.name] = picture
            lines += [f"![{figure.title}](gallery/{picture.name})"]
        else:
            lines += ["*Not drawn yet: `make docs` draws it.*"]
        lines += ["", "```yaml", f"# config/figures/{path.name}", path.read_text(encoding="utf-8").strip(), "```"]
    return "\n".join([*lines, ""]), pictures


INTRODUCTION = """Every figure that ships with the project, drawn from the sample cohort at the size of its recipe, with
the recipe under it. `snakemake figures/NAME.svg` draws one; `figures` of the plan names those of the report. To change
one, copy its file ([how](how-to/choose-or-add.md#a-figure)); more: [Figures of a paper](how-to/figures-of-a-paper.md).
What each kind shows stands under [draw](stages/draw.md)."""


def mathml(source: str, language: str, css_class: str, options: Any, md: Any, **rest: Any) -> str:  # noqa: ARG001 - a fence's
    """Return a formula in LaTeX as MathML, which browsers draw themselves."""
    lines = (convert(line, display="block") for line in source.strip().split("\n\n"))
    return f'<div class="{css_class}">{"".join(lines)}</div>'
