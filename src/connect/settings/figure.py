"""A figure, ``config/figures/<name>.yaml``: the recipe of a picture."""

from __future__ import annotations

from dataclasses import dataclass

from connect.config import setting


@dataclass(frozen=True)
class Figure:
    """What to draw and how large."""

    title: str = setting("heading and alternative text in the report")
    kind: str = setting("a registered figure: matrix, change_matrix, glass_brain, slopegraph or motion")
    caption: str = setting("what the reader sees, for the report")
    width: float = setting("width", default=180.0, unit="mm", minimum=40, maximum=400)
    height: float = setting("height of a row of panels", default=90.0, unit="mm", minimum=30, maximum=400)
    colour_map: str = setting("matplotlib colour map of signed values", default="RdBu_r")
    edges: int = setting("number of strongest edges in a glass brain", default=60, minimum=1)
