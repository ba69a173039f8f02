"""Every choice of a plan, read and checked against the others, before anything runs.

The Snakefile stops at the first mistake; ``connect doctor`` goes on and tells of all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar

from connect.config import Place, parse, read
from connect.files import File, check_fetched, read_files
from connect.layout import choice, files_table, scans_table
from connect.scans import Scan, read_scans
from connect.settings.atlas import Atlas
from connect.settings.calibration import Calibration
from connect.settings.cohort import Cohort
from connect.settings.domains import Domains
from connect.settings.figure import Figure
from connect.settings.measure import Measure
from connect.settings.model import Model
from connect.settings.phenotype import Phenotype
from connect.settings.plan import Plan
from connect.settings.statistic import Statistic
from connect.settings.strategy import Strategy

T = TypeVar("T")

KINDS: Mapping[str, type[Any]] = {
    "atlases": Atlas,
    "domains": Domains,
    "strategies": Strategy,
    "measures": Measure,
    "statistics": Statistic,
    "models": Model,
    "figures": Figure,
    "calibrations": Calibration,
}
"""The kinds of choices that a plan names beside its cohorts, by their folder."""


class Attempt(Protocol):
    """Does a step, and decides what becomes of a mistake in it."""

    def __call__(self, step: Callable[[], T], /) -> T | None:
        """Return what the step gives, or None if it could not be done."""
        ...


@dataclass(frozen=True)
class Choices:
    """What a plan names.

    Attributes
    ----------
    plan
        The plan, with the models of each cohort.
    cohorts
        Cohorts by name.
    named
        Other choices by folder and name: those of :data:`KINDS`, and the phenotypes of the models.
    scans
        Scans of each cohort.
    files
        Files of each cohort that is fetched.
    """

    plan: Plan
    cohorts: Mapping[str, Cohort]
    named: Mapping[str, Mapping[str, Any]]
    scans: Mapping[str, Sequence[Scan]] = field(default_factory=dict)
    files: Mapping[str, Sequence[File]] = field(default_factory=dict)


def at_once(step: Callable[[], T], /) -> T | None:
    """Do a step; a mistake in it ends everything."""
    return step()


def read_choices(values: object, place: Place, attempt: Attempt = at_once) -> Choices | None:
    """Read every choice of a plan, so that a wrong name or key is told before anything runs.

    Parameters
    ----------
    values
        The plan, as its file or a module's configuration holds it.
    place
        Where it stands.
    attempt
        What becomes of a mistake.

    Returns
    -------
    Choices or None
        What could be read; None if the plan itself could not.

    Raises
    ------
    UserError
        What ``attempt`` does not keep to itself: a wrong plan, choice, scans table or files table, or choices that do
        not go together.
    """
    plan = attempt(lambda: parse(Plan, values, place))
    if plan is None:
        return None
    cohorts = _read(Cohort, "cohorts", tuple(plan.cohorts), attempt)
    if len(cohorts) == len(plan.cohorts):
        models = {name: cohort.models for name, cohort in cohorts.items()}
        plan = attempt(partial(plan.completed, models, place)) or plan
    named = {kind: _read(settings, kind, plan.named[kind], attempt) for kind, settings in KINDS.items()}
    phenotypes = dict.fromkeys(name for model in named["models"].values() for name in model.phenotypes)
    named["phenotypes"] = _read(Phenotype, "phenotypes", tuple(phenotypes), attempt)
    for settings in (*named["measures"].values(), *named["statistics"].values(), *named["figures"].values()):
        if settings.own:
            attempt(settings.own.check)
    attempt(lambda: plan.check_figures(named["figures"], place))
    tables = {name: attempt(partial(read_scans, scans_table(name))) for name in plan.cohorts}
    pins = {
        name: attempt(partial(read_files, path)) for name in plan.cohorts if Path(path := files_table(name)).is_file()
    }
    found = Choices(
        plan,
        cohorts,
        named,
        {name: scans for name, scans in tables.items() if scans},
        {name: files for name, files in pins.items() if files},
    )
    for name, cohort in cohorts.items():
        attempt(partial(check_fetched, cohort, name, name in pins, choice("cohorts", name)))
    for cohort_name, scans in found.scans.items():
        spaces = {scan.space for scan in scans}
        for name, atlas in named["atlases"].items():
            attempt(partial(atlas.check_space, choice("atlases", name), spaces, scans_table(cohort_name)))
    return found


def _read(settings: type[T], kind: str, names: Sequence[str], attempt: Attempt) -> dict[str, T]:
    """Return the choices of a kind that can be read, by name."""
    found = {name: attempt(partial(read, settings, choice(kind, name))) for name in names}
    return {name: one for name, one in found.items() if one is not None}
