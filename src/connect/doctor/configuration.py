"""Whether the choices of a plan can be read, go together, and are what somebody wants."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TypeVar

import yaml

from connect.choices import KINDS, Choices, read_choices
from connect.config import Place, read
from connect.doctor.findings import Findings
from connect.entered import few
from connect.errors import UserError
from connect.figures import style_of
from connect.layout import CHOICES, choice
from connect.parcellate.atlases import read_parcellation
from connect.parcels import domain_of
from connect.settings.score import Score
from connect.shown import models_shown
from connect.tables import read_table

T = TypeVar("T")


def check_configuration(found: Findings, config: Path) -> Choices | None:
    """Check a plan and all that it names; return what could be read."""
    if not any(Path(name).is_file() for name in ("Snakefile", "workflow/Snakefile")):
        todo = "change to the folder of the study, or start one with `connect init FOLDER`"
        found.fix("workflow", UserError(Path.cwd(), "a folder with a Snakefile", "none", todo))
    values = found.attempt("plan", partial(_values, config))
    if values is None:
        return None
    start = len(found.found)

    def attempt(step: Callable[[], T], /) -> T | None:
        return found.attempt("choices", step)

    choices = read_choices(values, Place(str(config), config.parent), attempt)
    if choices is None:
        return None
    _check_parts(found, choices)
    if found.clean_since(start):
        kinds = {"cohorts": choices.cohorts, **choices.named}
        found.ok(f"{config}: can be read with all that it names ({_told(kinds)})")
    _check_figures(found, choices, config)
    _tell_unused(found, choices)
    return choices


def _told(kinds: Mapping[str, Mapping[str, object]]) -> str:
    """Return how many choices of each kind there are."""
    return ", ".join(f"{kind} {len(own)}" for kind, own in kinds.items() if own)


def _values(config: Path) -> object:
    """Return what a file of YAML holds."""
    try:
        return yaml.safe_load(config.read_text(encoding="utf-8"))
    except OSError as error:
        todo = "change to the folder of the study, name the plan with `--config`, or start a study with `connect init`"
        raise UserError(config, "a plan", error.strerror, todo) from error
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(config, "valid YAML", " ".join(str(error).split()), "correct the syntax") from error


def _check_parts(found: Findings, choices: Choices) -> None:
    """Check what choices point to: tables and images of atlases, parcels of domains, scoring keys."""
    for name, atlas in choices.named["atlases"].items():
        path, domains = Path(choice("atlases", name)), choices.named["domains"].get(name)
        read_atlas = partial(read_parcellation, path, atlas.spaces[0])
        if found.attempt(f"atlas {name}", read_atlas) and domains:
            table = read_table(atlas.parcels, ["name", "network", "region"])
            found.attempt(f"domains of {name}", partial(domain_of, table, domains, choice("domains", name)))
    for name, phenotype in choices.named["phenotypes"].items():
        if phenotype.score:
            found.attempt(f"phenotype {name}", partial(read, Score, choice("scores", phenotype.score.key)))


def _check_figures(found: Findings, choices: Choices, config: Path) -> None:
    """Check the fonts of figures, and tell of figures of which none will be drawn."""
    figures, models = choices.named["figures"], choices.named["models"]
    for name, figure in figures.items():
        found.attempt(f"figure {name}", partial(style_of, figure))
    planned = [tuple(name for name in own if name in models) for own in choices.plan.models.values()]
    shown = {
        name: any(models_shown(figure, own, lambda model: bool(models[model].relation)) for own in planned)
        for name, figure in figures.items()
    }
    idle = [name for name, drawn in shown.items() if not drawn]
    if idle and any(planned):
        must, todo = "figures about a model that the plan names", "name a model that they are about, or take them out"
        found.warn("figures", UserError(f"{config}, key figures", must, ", ".join(idle), todo))


def _tell_unused(found: Findings, choices: Choices) -> None:
    """Tell how many choices lie there that the plan does not name, which does no harm."""
    told = []
    for kind in ("cohorts", *KINDS, "phenotypes"):
        used = set(choices.cohorts) if kind == "cohorts" else set(choices.named[kind])
        idle = sorted(path.stem for path in Path(CHOICES, kind).glob("*.yaml") if path.stem not in used)
        told += [f"{kind} {few(idle, 3)}"] if idle else []
    if told:
        found.ok(f"not in the plan: {'; '.join(told)}")
