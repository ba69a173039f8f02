"""The plan, ``config/config.yaml``: which choices a run is made of. It holds names only."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass

from connect.config import setting
from connect.errors import UserError
from connect.settings.figure import Figure


@dataclass(frozen=True)
class Plan:
    """What to run: every cohort through every atlas, strategy and measure, and through its own models."""

    cohorts: Mapping[str, tuple[str, ...]] | tuple[str, ...] = setting(
        "cohorts, each with the models that answer its question, the primary one first; or a list of cohorts, each with"
        " the models that its own file names"
    )
    atlases: tuple[str, ...] = setting(
        "atlases, the primary one first; `a+b` reads two in one pass over each scan, a new entry leaves old results"
    )
    strategies: tuple[str, ...] = setting("denoising strategies, the primary one first")
    measures: tuple[str, ...] = setting("connectivity measures, the primary one first")
    figures: tuple[str, ...] = setting(
        "figures to draw: those about a model for every model of a cohort, those about the cohort once"
    )
    statistics: tuple[str, ...] = setting(
        "statistics of your own, tested beside the domain-level quantities", default=()
    )
    calibration: str = setting(
        "calibration of the tests of every model in the primary universe; without a name there is none", default=""
    )

    def __post_init__(self) -> None:
        for key in ("cohorts", "atlases", "strategies", "measures"):
            if not getattr(self, key):
                raise UserError(f"key {key}", "at least one name", "an empty list", "name one")
        for key in ("atlas_names", "strategies", "measures", "statistics", "figures"):
            listed = getattr(self, key)
            doubles = sorted({name for name in listed if listed.count(name) > 1})
            if doubles:
                raise UserError(f"key {key}", "each name once", ", ".join(doubles), "remove the repetition")
        for kind, names in self.named.items():
            for name in names:
                if not re.fullmatch(r"[A-Za-z0-9-]+", name):
                    must = "names of letters, digits and hyphens, which files and folders carry"
                    raise UserError(f"{kind} of the plan", must, name, "rename the file and its entry in the plan")
        for cohort, models in self.models.items():
            if not models:
                raise UserError(f"cohort {cohort}", "at least one model", "none", f"write `{cohort}: [<model>]`")

    @property
    def models(self) -> Mapping[str, tuple[str, ...]]:
        """The models of each cohort; empty until :meth:`completed` if the plan only lists the cohorts."""
        return self.cohorts if isinstance(self.cohorts, Mapping) else {}

    def completed(self, own: Mapping[str, tuple[str, ...]], where: object) -> Plan:
        """Return the plan with the models of each cohort: the plan's, or those that the cohorts' own files name."""
        if isinstance(self.cohorts, Mapping):
            return self
        for cohort in self.cohorts:
            if not own[cohort]:
                todo = f"write `models: [...]` into the file of the cohort, or `{cohort}: [<model>]` into the plan"
                raise UserError(f"{where}, key cohorts", f"the models of {cohort}", "none in its file", todo)
        return dataclasses.replace(self, cohorts={cohort: own[cohort] for cohort in self.cohorts})

    @property
    def atlas_names(self) -> tuple[str, ...]:
        """Every atlas of the plan, in order."""
        return tuple(name for together in self.atlases for name in together.split("+"))

    @property
    def named(self) -> dict[str, tuple[str, ...]]:
        """The names of the plan by the folder of their choices."""
        models = tuple(dict.fromkeys(model for models in self.models.values() for model in models))
        return {
            "cohorts": tuple(self.cohorts),
            "atlases": self.atlas_names,
            "domains": self.atlas_names,
            "strategies": self.strategies,
            "measures": self.measures,
            "statistics": self.statistics,
            "models": models,
            "figures": self.figures,
            "calibrations": (self.calibration,) if self.calibration else (),
        }

    def check_figures(self, recipes: Mapping[str, Figure], where: object) -> None:
        """Refuse a figure that cannot be drawn for a report; ``recipes`` are those of the plan by name.

        Raises
        ------
        UserError
            If one shows a calibration in a plan without one, or is made of panels.
        """
        for name, recipe in recipes.items():
            if recipe.kind == "calibration" and not self.calibration:
                todo = f"name one, such as `calibration: standard`, or take `{name}` out of `figures`"
                raise UserError(f"{where}, key calibration", f"a calibration, which `{name}` shows", "none", todo)
            if recipe.panels:
                panels = ", ".join(panel for row in recipe.panels for panel in row)
                todo = f"name its panels ({panels}); `snakemake figures/{name}.svg` puts them together"
                raise UserError(f"{where}, key figures", "figures of one panel", f"`{name}`, which has panels", todo)

    def pass_of(self, atlas: str) -> str:
        """Return the entry of ``atlases`` (the pass over the images) that reads this atlas."""
        return next(together for together in self.atlases if atlas in together.split("+"))
