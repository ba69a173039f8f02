"""Put panels together as one figure of a paper, each at its own size, with letters; one panel stays as it is.

The letters are a figure of matplotlib as large as the whole; the panels are placed into its SVG, PDF and PNG as they
were drawn.
"""

from __future__ import annotations

import string
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from xml.etree import ElementTree

from connect.config import read
from connect.errors import UserError
from connect.provenance import FORMATS, KEY, merged, opened, read_stamp, sealed
from connect.settings.figure import Figure
from connect.tables import written

STRIP = 5.0
"""Height above each row of panels, in which the letters stand, mm."""

DPI = 300
POINTS = 72 / 25.4
"""Points per mm."""

_NAMESPACES = {
    "": "http://www.w3.org/2000/svg",
    "xlink": "http://www.w3.org/1999/xlink",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "cc": "http://creativecommons.org/ns#",
    "dc": "http://purl.org/dc/elements/1.1/",
}


@dataclass(frozen=True)
class Panel:
    """A drawn figure and its place in the whole; lengths in mm, from the upper left corner."""

    svg: Path
    letter: str
    x: float
    y: float
    width: float
    height: float


def compose(figure: Path, panels: Sequence[Path], svg: Path, pdf: Path, png: Path) -> None:
    """Write the one figure of a recipe: what was drawn of it, or its panels together.

    Parameters
    ----------
    figure
        Recipe of the figure (YAML).
    panels
        What was drawn, as SVG with PDF and PNG beside it: the figure itself, or its panels, row by row.
    svg
        Output: the figure as SVG.
    pdf
        Output: the figure as PDF.
    png
        Output: the figure as PNG with 300 dots per inch.
    """
    recipe = read(Figure, figure)
    outputs = {"svg": svg, "pdf": pdf, "png": png}
    if recipe.panels:
        _check(recipe, panels, figure)
        placed, size = arrange(recipe.panels, panels)
        contents = _together(recipe, figure, placed, size)
    else:
        contents = {kind: panels[0].with_suffix(f".{kind}").read_bytes() for kind in FORMATS}
    for kind, path in outputs.items():
        with written(path) as aside:
            aside.write_bytes(contents[kind])


def arrange(rows: Sequence[Sequence[str]], panels: Sequence[Path]) -> tuple[list[Panel], tuple[float, float]]:
    """Return the place of each panel, and the width and height of the whole, mm.

    Parameters
    ----------
    rows
        Names of the panels, row by row.
    panels
        Their SVGs, in this order.
    """
    placed, letters, files = [], iter(string.ascii_lowercase), iter(panels)
    top = widest = 0.0
    for row in rows:
        left = tallest = 0.0
        for _ in row:
            path = next(files)
            width, height = size_of(path)
            placed.append(Panel(path, next(letters), left, top + STRIP, width, height))
            left, tallest = left + width, max(tallest, height)
        top, widest = top + STRIP + tallest, max(widest, left)
    return placed, (widest, top)


def size_of(svg: Path) -> tuple[float, float]:
    """Return the width and height of an SVG of matplotlib, mm."""
    root = ElementTree.fromstring(svg.read_bytes())
    width, height = (float(root.attrib[key].removesuffix("pt")) / POINTS for key in ("width", "height"))
    return width, height


def _check(recipe: Figure, panels: Sequence[Path], figure: Path) -> None:
    names = [name for row in recipe.panels for name in row]
    if [path.stem for path in panels] != names:
        must, got = f"the panels of the recipe, {', '.join(names)}", ", ".join(path.stem for path in panels)
        raise UserError("flag --panels", must, got, "name the SVG of each in this order")
    if len(names) > len(string.ascii_lowercase):
        raise UserError(f"{figure}, key panels", "at most 26 panels", len(names), "make two figures")


def _together(recipe: Figure, figure: Path, placed: Sequence[Panel], size: tuple[float, float]) -> dict[str, bytes]:
    """Return the contents of the three files."""
    text = opened(merged(figure, [read_stamp(panel.svg) for panel in placed]))
    letters = _letters(placed, size, recipe)
    made = {
        "svg": _as_svg(letters["svg"], placed, recipe.title, text),
        "pdf": _as_pdf(letters["pdf"], placed, size[1], recipe.title, text),
        "png": _as_png(letters["png"], placed, recipe.title, text),
    }
    return {kind: sealed(content) for kind, content in made.items()}


def _letters(placed: Sequence[Panel], size: tuple[float, float], recipe: Figure) -> dict[str, bytes]:
    """Return an empty page with the letters of the panels, in each format."""
    from matplotlib import style
    from matplotlib.figure import Figure as Page

    from connect.figures import style_of

    width, height = size
    contents = {}
    with style.context(["default", style_of(recipe)]):
        page = Page(figsize=(width / 25.4, height / 25.4))
        for panel in placed:
            page.text(
                (panel.x + 1) / width,
                1 - (panel.y - STRIP + 1) / height,
                panel.letter,
                weight="bold",
                size=recipe.font_size + 2,
                va="top",
            )
        dates = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {}}
        for kind, metadata in dates.items():
            content = BytesIO()
            page.savefig(content, format=kind, dpi=DPI, metadata=metadata)
            contents[kind] = content.getvalue()
    return contents


def _as_svg(page: bytes, placed: Sequence[Panel], title: str, text: str) -> bytes:
    """Return the page with the panels as SVGs inside it, whose names of parts begin with their letter."""
    for prefix, address in _NAMESPACES.items():
        ElementTree.register_namespace(prefix, address)
    svg, dc = (f"{{{_NAMESPACES[name]}}}" for name in ("", "dc"))
    root = ElementTree.fromstring(page)
    work = next(root.iter(f"{{{_NAMESPACES['cc']}}}Work"))
    for name, content in (("title", title), (KEY.lower(), text)):
        ElementTree.SubElement(work, f"{dc}{name}").text = content
    ElementTree.SubElement(root, f"{svg}title").text = title
    for panel in placed:
        inner = ElementTree.fromstring(panel.svg.read_bytes())
        for metadata in inner.findall(f"{svg}metadata"):
            inner.remove(metadata)
        for part in inner.iter():
            for key, value in part.attrib.items():
                part.set(key, _renamed(key, value, f"{panel.letter}-"))
        lengths = {"x": panel.x, "y": panel.y, "width": panel.width, "height": panel.height}
        inner.attrib |= {key: f"{value * POINTS:.6f}" for key, value in lengths.items()}
        root.append(inner)
    made: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return made


def _renamed(key: str, value: str, prefix: str) -> str:
    """Return an attribute of an SVG in which names of parts begin with a prefix."""
    if key == "id":
        return prefix + value
    if key.endswith("href") and value.startswith("#"):
        return f"#{prefix}{value[1:]}"
    return value.replace("url(#", f"url(#{prefix}")


def _as_pdf(page: bytes, placed: Sequence[Panel], height: float, title: str, text: str) -> bytes:
    from pypdf import PdfReader, PdfWriter, Transformation

    writer = PdfWriter()
    whole = writer.add_page(PdfReader(BytesIO(page)).pages[0])
    for panel in placed:
        move = Transformation().translate(panel.x * POINTS, (height - panel.y - panel.height) * POINTS)
        whole.merge_transformed_page(PdfReader(panel.svg.with_suffix(".pdf")).pages[0], move)
    writer.add_metadata({"/Title": title, "/Subject": text, "/Creator": "connect", "/Producer": "connect"})
    content = BytesIO()
    writer.write(content)
    return content.getvalue()


def _as_png(page: bytes, placed: Sequence[Panel], title: str, text: str) -> bytes:
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    whole = Image.open(BytesIO(page)).convert("RGB")
    for panel in placed:
        with Image.open(panel.svg.with_suffix(".png")) as picture:
            whole.paste(picture.convert("RGB"), (round(panel.x / 25.4 * DPI), round(panel.y / 25.4 * DPI)))
    told = PngInfo()
    for key, value in {"Title": title, "Software": "connect", KEY: text}.items():
        told.add_text(key, value)
    content = BytesIO()
    whole.save(content, format="png", dpi=(DPI, DPI), pnginfo=told)
    return content.getvalue()
