"""Pictures of the page: smaller, and the same to the eye."""

from __future__ import annotations

import base64
import io
import re
from urllib.parse import unquote

import numpy as np
from PIL import Image

from connect.report import pictures


def png(pixels: np.ndarray) -> bytes:
    kept = io.BytesIO()
    Image.fromarray(pixels).save(kept, "PNG")
    return kept.getvalue()


def pixels(uri: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.partition("base64,")[2]))).convert("RGBA"))


def noise(colours: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    table = rng.integers(0, 256, (colours, 4), dtype=np.uint8)
    return table[rng.integers(0, colours, (64, 64))]


def test_a_raster_of_few_colours_keeps_every_pixel() -> None:
    drawn = noise(200)
    made = pictures.photo(png(drawn))
    assert len(made) < len(base64.b64encode(png(drawn)))
    np.testing.assert_array_equal(pixels(made), drawn)


def test_a_raster_of_many_colours_is_nearly_the_same() -> None:
    ramp = np.add.outer(np.arange(64.0), np.arange(64.0))
    drawn = np.stack([2 * ramp, 255 - 2 * ramp, ramp, np.full_like(ramp, 255)], axis=-1).astype(np.uint8)
    drawn += np.random.default_rng(1).integers(0, 3, drawn.shape, dtype=np.uint8) * np.array([1, 1, 1, 0], np.uint8)
    made = pictures.photo(png(drawn))
    assert np.abs(pixels(made)[..., :3].astype(int) - drawn[..., :3]).mean() < 8


def test_a_figure_stays_a_vector() -> None:
    raster = base64.b64encode(png(noise(20))).decode()
    path = (
        '<path id="gone" d="M 1.23456789 2 \nL 3.5 4.999999 \nz\n" style="fill: none" transform="scale(0.015625)"/>\n'
    )
    svg = (
        '<?xml version="1.0"?>\n<!DOCTYPE svg>\n<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9">\n'
        f'<metadata>x</metadata>\n<clipPath id="kept"/>\n{path * 3}<g clip-path="url(#kept)"/>\n'
        f'<path style="fill: red" d="M 0 0"/>\n<image href="data:image/png;base64,{raster}"/>\n</svg>\n'
    )
    made = pictures.vector(svg)
    assert made.startswith("data:image/svg+xml,%3Csvg")
    assert not set(made) & set("<>\"'#&")
    text = unquote(made.partition(",")[2])
    short = '<path d="M 1.23 2 L 3.5 4.99 z" class="s0" transform="scale(0.015625)"/>'
    assert text.count(short) == 3
    assert "<style>.s0{fill: none}</style>" in text
    assert '<clipPath id="kept"/>' in text
    assert '<path style="fill: red" d="M 0 0"/>' in text
    np.testing.assert_array_equal(pixels(re.search(r'href="([^"]*)"', text)[1]), noise(20))


def test_a_lighter_figure_has_the_width_of_the_page() -> None:
    made = pictures.lighter(png(noise(30).repeat(30, axis=0).repeat(30, axis=1)), 180)
    assert made.startswith("data:image/webp;base64,")
    assert pixels(made).shape[1] == round(180 / 25.4 * pictures.DPI)
