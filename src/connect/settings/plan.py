"""The plan, ``config/config.yaml``: which choices a run is made of. It holds names only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from connect.config import setting
from connect.errors import UserError


@dataclass(frozen=True)
class Plan:
    """What to run: every cohort through every atlas, strategy and measure, and through its own models."""

    cohorts: Mapping[str, tuple[str, ...]] = setting(
        "cohorts, each with the models that answer its question, the primary one first"
    )
    atlases: tuple[str, ...] = setting(
        "atlases, the primary one first; `a+b` reads two in one pass over each scan, a new entry leaves old results"
    )
    strategies: tuple[str, ...] = setting("denoising strategies, the primary one first")
    measures: tuple[str, ...] = setting("connectivity measures, the primary one first")
    figures: tuple[str, ...] = setting("figures to draw for every model of every cohort")
    choices: Path = setting("folder of the choices", default=Path("config"))
    results: Path = setting("folder that the run writes to", default=Path("results"))

    def __post_init__(self) -> None:
        for key in ("cohorts", "atlases", "strategies", "measures"):
            names = list(getattr(self, key))
            if not names:
                raise UserError(f"key {key}", "at least one name", "an empty list", "name one")
        for key in ("atlas_names", "strategies", "measures", "figures"):
            names = list(getattr(self, key))
            doubles = sorted({name for name in names if names.count(name) > 1})
            if doubles:
                raise UserError(f"key {key}", "each name once", ", ".join(doubles), "remove the repetition")
        for cohort, models in self.cohorts.items():
            if not models:
                raise UserError(f"cohort {cohort}", "at least one model", "none", f"write `{cohort}: [<model>]`")

    @property
    def atlas_names(self) -> tuple[str, ...]:
        """Every atlas of the plan, in order."""
        return tuple(name for together in self.atlases for name in together.split("+"))

    def pass_of(self, atlas: str) -> str:
        """Return the entry of ``atlases`` (the pass over the images) that reads this atlas."""
        return next(together for together in self.atlases if atlas in together.split("+"))
