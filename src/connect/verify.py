"""Say whether the choices, data and versions of today would give a figure byte for byte, and if not what changed.

The figure's own stamp says what it was drawn from; nothing is drawn again.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from connect import provenance
from connect.config import read
from connect.digest import code
from connect.errors import UserError
from connect.layout import choice, scans_table
from connect.scans import read_scans
from connect.settings import FOLDERS
from connect.settings.cohort import Cohort
from connect.settings.figure import Figure
from connect.settings.model import Model
from connect.settings.plan import Plan
from connect.shown import cohort_of, names_shown, question_of, universe_of

FINAL = "figures"
"""Folder of the figures of which the recipe or the plan says what they show."""

NONE = "nothing"
"""What stands for a key that a choice does not hold."""


@dataclasses.dataclass(frozen=True)
class Change:
    """What differs between a figure and today.

    Parameters
    ----------
    what
        The choice and its key, the file, or the package.
    then, now
        What the figure was drawn with, and what would be used now.
    forced
        Whether Snakemake does not see the change by itself.
    """

    what: str
    then: str
    now: str
    forced: bool = False

    def __str__(self) -> str:
        return f"{self.what}: {self.then} -> {self.now}"


def verify(figure: Path, /, config: Path = Path("config/config.yaml")) -> None:
    """Say whether the current choices, data and versions would give the same bytes as a figure.

    Run it in the folder of the study. Choices are compared key by key; comments do not count. Data are the tables of
    participants and phenotypes, and the parcel series and confounds of the scans as the last run read them.

    Parameters
    ----------
    figure
        A figure as SVG, PDF or PNG.
    config
        The plan of the study (YAML).

    Raises
    ------
    UserError
        If the figure would differ; what changed is listed. Or if the file is no figure with a stamp.
    """
    record = provenance.read_stamp(figure)
    plan = _plan(config)
    found = [*edited(figure), *changes(figure, record, plan, config.parent)]
    names = ", ".join(record["figure"][key] for key in provenance.NAMES if key in record["figure"])
    digests = f"config {record['config']['digest']}, data {record['data']['digest']}"
    if found:
        lines = "".join(f"\n           {change}" for change in found)
        how = "--forceall " if any(change.forced for change in found) else ""
        todo = f"`snakemake {how}{figure.as_posix()}` makes it anew; or take the changes back"
        raise UserError(f"{figure} ({names})", f"what is drawn now ({digests})", f"changed since:{lines}", todo)
    sys.stdout.write(f"{figure}: the same bytes would be drawn now ({names}; {digests})\n")


def changes(figure: Path, record: Mapping[str, Any], plan: Plan, folder: Path) -> Iterator[Change]:
    """Yield what differs between the stamp of a figure and what would be drawn now.

    Parameters
    ----------
    figure
        The figure's file.
    record
        Its stamp.
    plan
        The plan, with the models of every cohort.
    folder
        Folder of the choices.
    """
    yield from _of_names(figure, record, plan, folder)
    yield from _of_universes(record, plan, folder)
    yield from _of_choices(record["config"], folder)
    yield from _of_data(record, folder)
    stages = [
        name.removeprefix(provenance.CODE_OF) for name in record["versions"] if name.startswith(provenance.CODE_OF)
    ]
    now = provenance.versions({stage: code(stage) for stage in stages})
    for change in _differences("", record["versions"], now):
        yield dataclasses.replace(change, forced=not change.what.startswith(provenance.CODE_OF))


def edited(figure: Path) -> Iterator[Change]:
    """Yield a change if the bytes of the file are not those that were drawn."""
    if not provenance.is_sealed(figure.read_bytes()):
        yield Change("the file itself", "as it was drawn", "edited, or saved by another program", forced=True)


def _plan(config: Path) -> Plan:
    found = read(Plan, config)
    own = {name: read(Cohort, choice("cohorts", name, config.parent)).models for name in found.cohorts}
    return found.completed(own, config)


def _of_names(figure: Path, record: Mapping[str, Any], plan: Plan, folder: Path) -> Iterator[Change]:
    """Yield what the plan or the recipe of each panel names otherwise: cohort, model, universe."""
    for names in record.get("panels", [record["figure"]]):
        path = Path(choice("figures", names["name"], folder))
        if not path.is_file():
            continue
        recipe = read(Figure, path)
        now = {key: name for key, name in universe_of(recipe, plan).items() if key in names}
        if figure.resolve().parent.name == FINAL and "scan" in names:
            now["cohort"] = cohort_of(recipe, plan)
            now["scan"] = recipe.scan or read_scans(Path(scans_table(now["cohort"], folder)))[0].name
        elif figure.resolve().parent.name == FINAL:
            now["cohort"], now["model"] = question_of(recipe, plan, path, lambda model: _is_relation(model, folder))
        yield from _differences(f"{names['name']}, ", names, {**names, **now})


def _of_universes(record: Mapping[str, Any], plan: Plan, folder: Path) -> Iterator[Change]:
    """Yield which atlases, strategies or measures of the plan joined or left a figure that shows several."""
    paths = [Path(choice("figures", names["name"], folder)) for names in record.get("panels", [record["figure"]])]
    if not all(path.is_file() for path in paths):
        return
    shown = [names_shown(read(Figure, path), plan) for path in paths]
    for where, kind in FOLDERS.items():
        now = sorted({name for names in shown for name in names.get(kind, ())})
        then = [
            label.partition("/")[2] for label in sorted(record["config"]["choices"]) if label.startswith(f"{where}/")
        ]
        if now and now != then and max(len(now), len(then)) > 1:
            yield Change(f"{where} of the plan", ", ".join(then), ", ".join(now))


def _is_relation(model: str, folder: Path) -> bool:
    return bool(read(Model, choice("models", model, folder)).relation)


def _of_choices(then: Mapping[str, Any], folder: Path) -> Iterator[Change]:
    """Yield the keys of choices, and the files beside them, that differ."""
    files: dict[str, str] = {}
    for label, settings in then["choices"].items():
        path = folder / f"{label}.yaml"
        if not path.is_file():
            yield Change(str(path), "there", "no such file")
            continue
        files |= dict(provenance.files_of(path))
        yield from _differences(f"{path}, key ", settings, provenance.settings_of(path))
    yield from _differences("", then["files"], files)


def _of_data(record: Mapping[str, Any], folder: Path) -> Iterator[Change]:
    then = record["data"]
    now: dict[str, str] = {}
    scan = record["figure"].get("scan", "")
    for names in [] if scan else record.get("panels", [record["figure"]]):
        cohort = Path(choice(provenance.COHORTS, names["cohort"], folder))
        now |= provenance.tables_of(cohort) if cohort.is_file() else {}
    measured = [Path(name) for name in then["tables"] if name not in now]
    now |= {path.as_posix(): provenance.file_digest(path) for path in measured if path.is_file()}
    yield from _differences("", then["tables"], now)
    for name, scans in then["scans"].items():
        yield from _of_scans(Path(name), scans, scan)


def _of_scans(gathered: Path, then: Mapping[str, str], scan: str) -> Iterator[Change]:
    """Yield the scans whose parcel series or confounds are others; of one scan only, if it is named."""
    if not gathered.is_file():
        yield Change("the scans", "as they were read", f"unknown without {gathered}; run `snakemake {gathered}`")
        return
    now = provenance.scans_of(gathered, scan)
    if now["digest"] == then["digest"]:
        return
    names = [line.split("\t")[0] for line in gathered.read_text(encoding="utf-8").splitlines()[1:]]
    names = [name for name in names if scan in ("", name)]
    size = provenance.OF_SCAN
    if len(now["each"]) != len(then["each"]):
        yield Change("the scans", f"{len(then['each']) // size} of them", f"{len(names)} of them")
        return
    for place, name in enumerate(names):
        part = slice(place * size, (place + 1) * size)
        if now["each"][part] != then["each"][part]:
            yield Change(name, "its parcel series and confounds", "others")


def _differences(head: str, then: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Change]:
    """Yield the keys in which two mappings differ, keys inside keys one by one."""
    for key in dict.fromkeys((*then, *now)):
        before, after = then.get(key, NONE), now.get(key, NONE)
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            yield from _differences(f"{head}{key}.", before, after)
        elif before != after:
            yield Change(f"{head}{key}", _told(before), _told(after))


def _told(value: Any) -> str:
    return value if isinstance(value, str) else str(value).replace("'", "")
