"""Pictures of the page: figures as small as they can be without a loss that can be seen, and smaller where they must.

Lines and letters of a figure stay vectors. What is a raster in it, such as a matrix, keeps its pixels and gets a
palette, which takes a third of the room.
"""

from __future__ import annotations

import base64
import io
import re
from collections import Counter
from dataclasses import dataclass
from urllib.parse import quote

import numpy as np
from PIL import Image

DPI = 130
"""Dots per inch of a figure that had to become a picture."""

_ID = re.compile(r' id="([^"]*)"')
_STYLE = re.compile(r' style="([^"]*)"')
_RASTER = re.compile(r"data:image/png;base64,([A-Za-z0-9+/=\s]+)")
_PATH = re.compile(r'(?<= d=")[^"]*')
_BETWEEN = re.compile(r">\s*\n\s*<")
_LONG = re.compile(r"(\d+\.\d\d)\d+")
_PROLOGUE = re.compile(r"<\?xml.*?\?>\s*|<!DOCTYPE.*?>\s*|<metadata>.*?</metadata>\s*", re.DOTALL)


@dataclass(frozen=True)
class Picture:
    """A figure: its title, what the reader sees, its width in mm, and the image as a data URI."""

    title: str
    caption: str
    width: float
    source: str
    lighter: bool = False


def vector(svg: str) -> str:
    """Return a figure as a data URI: hundredths of a point, each style written once, rasters with a palette."""
    text = _BETWEEN.sub("><", _PROLOGUE.sub("", svg).strip())
    text = _PATH.sub(lambda path: _LONG.sub(r"\1", " ".join(path[0].split())), text)
    text = _RASTER.sub(lambda image: f"data:image/png;base64,{_palette(base64.b64decode(image[1]))}", _short(text))
    return f"data:image/svg+xml,{quote(text, safe=' /:;=,()-+*!@$[]?|~')}"


def lighter(png: bytes, width: float) -> str:
    """Return a figure of a width in mm as a small picture, a data URI."""
    image = Image.open(io.BytesIO(png)).convert("RGB")
    wide = round(width / 25.4 * DPI)
    small = image.resize((wide, round(image.height * wide / image.width)), Image.Resampling.LANCZOS)
    return f"data:image/webp;base64,{_encoded(small, 'WEBP', quality=80, method=4)}"


def photo(png: bytes) -> str:
    """Return a picture with a palette as a data URI, without the texts beside it."""
    bare = io.BytesIO()
    Image.open(io.BytesIO(png)).save(bare, "PNG", optimize=True)
    return f"data:image/png;base64,{_palette(bare.getvalue())}"


def _short(svg: str) -> str:
    """Return an SVG without names that nothing refers to, and with a class for each style that occurs often."""
    used = set(re.findall(r"#([\w.-]+)", svg))
    text = _ID.sub(lambda name: name[0] if name[1] in used else "", svg)
    often = [style for style, count in Counter(_STYLE.findall(text)).items() if count > 2]
    classes = {style: f"s{number}" for number, style in enumerate(often)}
    rules = "".join(f".{name}{{{style}}}" for style, name in classes.items())
    text = _STYLE.sub(lambda style: f' class="{classes[style[1]]}"' if style[1] in classes else style[0], text)
    return re.sub(r"(<svg[^>]*>)", rf"\1<style>{rules}</style>", text, count=1) if rules else text


def _palette(png: bytes) -> str:
    """Return a PNG in base64 with a palette, exact if it has at most 256 colours; as it is if that is smaller."""
    old, read = base64.b64encode(png).decode(), Image.open(io.BytesIO(png))
    if read.mode == "P":
        return old
    image = read.convert("RGBA")
    # Four bytes as one number: rows of an array take a hundred times as long to be told apart.
    colours, place = np.unique(np.asarray(image).view(np.uint32)[..., 0], return_inverse=True)
    if len(colours) <= 256:
        made = Image.fromarray(place.astype(np.uint8), "P")
        made.putpalette(colours.tobytes(), "RGBA")
    else:
        made = image.quantize(256, Image.Quantize.FASTOCTREE)
    return min(_encoded(made, "PNG", optimize=True), old, key=len)


def _encoded(image: Image.Image, kind: str, **options: int | bool) -> str:
    kept = io.BytesIO()
    image.save(kept, kind, **options)
    return base64.b64encode(kept.getvalue()).decode()
