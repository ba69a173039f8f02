"""Read what the page is made of: results of each model, figures, pictures of scans, digests of choices."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from connect.config import read
from connect.errors import TooFew, UserError
from connect.report import pictures, sections
from connect.report.pictures import Picture
from connect.report.sections import Result
from connect.settings.figure import Figure
from connect.settings.model import Model
from connect.tables import read_record, read_table


def primary(records: Sequence[Mapping[str, Any]], names: Mapping[str, str]) -> Mapping[str, Any]:
    """Return the summary of a model in the primary universe.

    Raises
    ------
    UserError
        If there is none, or if too few participants are left there to test the model.
    """
    for record in records:
        if all(record[key] == name for key, name in names.items()):
            if record["untested"]:
                raise TooFew.of(record["untested"])
            return record
    got = f"summaries of {', '.join(dict.fromkeys(str(record['model']) for record in records))}"
    raise UserError("flag --summaries", f"a summary of {', '.join(names.values())}", got, "run compare for it")


def result_of(
    path: Path,
    summary: Mapping[str, Any],
    tables: Mapping[str, Sequence[Path]],
    pictures: tuple[Picture, ...],
    trusts: Sequence[Path],
    slopes: Sequence[Path],
) -> Result:
    """Return what a model found in the primary universe.

    Parameters
    ----------
    path
        The model (YAML).
    summary
        Record of the compare or relate stage.
    tables
        Its tables by name: `domain`, `network`, `edge`, `components`, `people`; of each the one in its folder counts.
    pictures
        Its figures.
    trusts
        Records of the challenge stage, or none.
    slopes
        Tables of slopes of the models that are about a phenotype.

    Raises
    ------
    UserError
        If a table of the model is missing.
    """
    found = {name: read_table(_of_model(path.stem, name, paths)) for name, paths in tables.items()}
    people, components = found.pop("people"), found.pop("components")
    trusted = read_record(_of_model(path.stem, "trust", trusts)) if trusts else None
    own = sections.rows(read_table(_of_model(path.stem, "slopes", slopes))) if summary["relation"] else []
    return Result(path.stem, read(Model, path), summary, found, components, people, pictures, trusted, own)


def _of_model(model: str, what: str, paths: Sequence[Path]) -> Path:
    for path in paths:
        if path.parent.name == model:
            return path
    got = ", ".join(path.parent.name for path in paths)
    raise UserError(f"tables: {what}", f"one in a folder of the name `{model}`", got, "run compare for that model")


def assessed(paths: Sequence[Path], universe: Mapping[str, str]) -> list[dict[str, Any]]:
    """Read the assessments; a UserError says so if the first is not of the primary universe."""
    records = [read_record(path) for path in paths]
    if any(records[0][key] != name for key, name in universe.items()):
        got = ", ".join(str(records[0][key]) for key in universe)
        must = f"first the summary of the primary universe ({', '.join(universe.values())})"
        raise UserError("flag --assessments", must, got, "run assess for it, and name it first")
    return records


def figures_of(
    model: Path, recipes: Sequence[Path], figures: Sequence[Path], cohort: bool = False, coarse: bool = False
) -> tuple[Picture, ...]:
    """Read the figures about a model or its cohort from the folder of the model, in the order of the recipes.

    Coarse ones are made of the PNG beside the SVG.
    """
    about = "cohort" if cohort else "relation" if read(Model, model).relation else "model"
    found = []
    for path in recipes:
        recipe = read(Figure, path)
        if recipe.about != about or (recipe.about != "cohort" and recipe.model not in ("", model.stem)):
            continue
        vector = pictures.vector(_drawn(model, path, figures, ".svg").read_text(encoding="utf-8"))
        small = pictures.lighter(_drawn(model, path, figures, ".png").read_bytes(), recipe.width) if coarse else vector
        source = min(vector, small, key=len)
        found.append(Picture(recipe.title, recipe.caption, recipe.width, source, source != vector))
    return tuple(found)


def _drawn(model: Path, recipe: Path, figures: Sequence[Path], kind: str) -> Path:
    """Return the figure of a recipe and model, of the kind that the name ends with."""
    for figure in figures:
        if (figure.parent.name, figure.stem) == (model.stem, recipe.stem) and figure.with_suffix(kind).is_file():
            return figure.with_suffix(kind)
    where = f"flag --figures, model {model.stem}"
    must = f"the figure `{recipe.stem}` as {kind[1:].upper()}"
    raise UserError(where, must, "no such file", "run draw for that model")


def carpets_of(scans: Iterable[str], folders: Sequence[Path]) -> dict[str, str]:
    """Read the pictures of scans that are there."""
    paths = {scan: folder / f"{scan}.png" for folder in folders for scan in scans}
    return {scan: pictures.photo(path.read_bytes()) for scan, path in paths.items() if path.is_file()}


def digests(**choices: Sequence[Path]) -> list[tuple[str, str, str]]:
    """Return kind, name and the first half of the SHA-256 of choice files."""
    return [
        (kind, path.name.removesuffix(".yaml"), hashlib.sha256(path.read_bytes()).hexdigest()[:16])
        for kind in choices
        for path in choices[kind]
    ]
