"""What is exported: settings by name, and the style of names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from connect.export.names import Style
from connect.scans import Scan
from connect.settings.atlas import Atlas
from connect.settings.cohort import Cohort
from connect.settings.measure import Measure
from connect.settings.model import Model
from connect.settings.strategy import Strategy


@dataclass(frozen=True)
class Chosen:
    """What is exported: settings by name, and the style of names.

    Attributes
    ----------
    cohort, settings
        The cohort's name and file.
    scans
        Its scans.
    files
        Where its files table is, if it has one.
    models
        Its models, by name.
    passes
        For each atlas, the entry of the plan that reads it.
    atlases, strategies, measures
        What the universes are made of.
    style
        The style of names.
    """

    cohort: str
    settings: Cohort
    scans: Sequence[Scan]
    files: Path
    models: Mapping[str, Model]
    passes: Mapping[str, str]
    atlases: Mapping[str, Atlas]
    strategies: Mapping[str, Strategy]
    measures: Mapping[str, Measure]
    style: Style

    @property
    def phenotypes(self) -> list[str]:
        """Names of the measures of the person that the models name, each once."""
        return list(dict.fromkeys(name for model in self.models.values() for name in model.phenotypes))
