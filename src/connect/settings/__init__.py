"""One frozen dataclass per kind of choice under ``config/``: the keys its files may hold, with units and ranges."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FOLDERS: Mapping[str, str] = {
    "atlases": "atlas",
    "calibrations": "calibration",
    "cohorts": "cohort",
    "domains": "domains",
    "figures": "figure",
    "measures": "measure",
    "models": "model",
    "phenotypes": "phenotype",
    "scores": "score",
    "statistics": "statistic",
    "strategies": "strategy",
}
"""The kind of the choices in each folder under ``config/``."""


def settings(kind: str) -> type[Any]:
    """Return the settings dataclass of a kind: the class that is named like its module."""
    found: type[Any] = getattr(importlib.import_module(f"connect.settings.{kind}"), kind.capitalize())
    return found


def kind_of(choice: Path) -> type[Any]:
    """Return the settings dataclass of a choice file, by its folder."""
    return settings(FOLDERS[choice.parent.name])
