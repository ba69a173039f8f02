"""Report: one page per cohort that answers the question, says how sure the answer is, and how it was reached.

The page is a single HTML file that loads nothing from anywhere. It leads with the primary effect of the first model in
the primary universe (the first atlas, strategy and measure of the plan); all else stands below it, in the order in
which it was tested.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from connect.assess.qcfc import PERMUTATIONS
from connect.config import read
from connect.errors import UserError
from connect.parcels import QUANTITIES
from connect.report import measured, methods, numbers, quality, relations, sections, trust, wording
from connect.report.quality import Quality
from connect.report.sections import Choices, Picture, Result
from connect.settings.atlas import Atlas
from connect.settings.cohort import Cohort, Limits
from connect.settings.domains import Domains
from connect.settings.figure import Figure
from connect.settings.measure import Measure
from connect.settings.model import Model
from connect.settings.strategy import Strategy
from connect.tables import read_record, read_table, written
from connect.words import capitalised, counted, effect_size, in_words, is_approximate


def report(  # noqa: PLR0913 - one parameter for each file
    cohort: Path,
    atlas: Path,
    domains: Path,
    strategy: Path,
    measure: Path,
    models: Sequence[Path],
    scans: Path,
    lost: Path,
    domain_tests: Sequence[Path],
    network_tests: Sequence[Path],
    edge_tests: Sequence[Path],
    components: Sequence[Path],
    people: Sequence[Path],
    summaries: Sequence[Path],
    assessments: Sequence[Path],
    page: Path,
    answer: Path,
    recipes: Sequence[Path] = (),
    figures: Sequence[Path] = (),
    trusts: Sequence[Path] = (),
    slopes: Sequence[Path] = (),
) -> None:
    """Write the page of a cohort, and its answer in a few lines.

    Parameters
    ----------
    cohort
        Cohort (YAML).
    atlas
        Primary atlas (YAML).
    domains
        Domains of the primary atlas (YAML).
    strategy
        Primary denoising strategy (YAML).
    measure
        Primary measure (YAML).
    models
        Models of the cohort (YAML), the primary one first.
    scans
        Table of scans from the screen stage.
    lost
        Table of missing parcels from the screen stage.
    domain_tests
        Results of the domain-level quantities in the primary universe: a table per model, in a folder of its name.
    network_tests
        Results of the network pairs, likewise.
    edge_tests
        Results of the edges, likewise.
    components
        Connected components of edges, likewise.
    people
        Participants of each model, likewise.
    summaries
        Summaries of every model in every universe.
    assessments
        Summaries of the assess stage in the primary atlas and measure: one per denoising strategy, the primary one
        first.
    page
        Output: the page (HTML).
    answer
        Output: the answer (text).
    recipes
        Figures (YAML), or none.
    figures
        Figures as SVG, named like their recipes, in folders named like the models: those about a model for each, those
        about the cohort for the primary model.
    trusts
        Which tests to trust, from the challenge stage: a record per model, in a folder of its name, or none.
    slopes
        Slopes in each arm, from the relate stage: a table per model that is about a phenotype, likewise.
    """
    settings = (read(Cohort, cohort), read(Atlas, atlas), read(Domains, domains), read(Strategy, strategy))
    records = [read_record(path) for path in summaries]
    universe = {"atlas": atlas.stem, "strategy": strategy.stem, "measure": measure.stem}
    tables = {"domain": domain_tests, "network": network_tests, "edge": edge_tests, "components": components}
    tables["people"] = people
    results = [
        _result(
            model,
            primary(records, {**universe, "model": model.stem}),
            tables,
            _pictures(model, recipes, figures, "relation" if read(Model, model).relation else "model"),
            read_record(_of_model(model.stem, "trust", trusts)) if trusts else None,
            slopes,
        )
        for model in models
    ]
    files = _digests(cohort=[cohort], model=models, atlas=[atlas], domains=[domains], strategy=[strategy])
    files += _digests(measure=[measure], figure=recipes)
    settled = read(Measure, measure)
    owns = (settled.own, *(read(Figure, path).own for path in recipes))
    files += _digests(function=[own.file for own in owns if own])
    files += [("function", one["file"], one["sha256"]) for one in results[0].summary["statistics"]]
    chosen = Choices(*settings, settled, tuple(dict.fromkeys(files)))
    found = Quality(
        scans=read_table(scans, ["scan", "kept", "reason", "scanner", *quality.SCAN_COLUMNS]),
        lost=read_table(lost, ["scan", "parcel", "coverage"]),
        assessments=_assessed(assessments, universe),
        pictures=_pictures(models[0], recipes, figures, "cohort"),
    )
    _write(page, render(chosen, results, records, found))
    _write(answer, answer_text(results, found.scans, chosen.cohort.limits))


def primary(records: Sequence[Mapping[str, Any]], names: Mapping[str, str]) -> Mapping[str, Any]:
    """Return the summary of a model in the primary universe.

    Raises
    ------
    UserError
        If there is none.
    """
    for record in records:
        if all(record[key] == name for key, name in names.items()):
            return record
    got = f"summaries of {', '.join(dict.fromkeys(str(record['model']) for record in records))}"
    raise UserError("flag --summaries", f"a summary of {', '.join(names.values())}", got, "run compare for it")


def render(
    chosen: Choices,
    results: Sequence[Result],
    records: Sequence[Mapping[str, Any]],
    found: Quality,
) -> str:
    """Return the page.

    Parameters
    ----------
    chosen
        The choices of the primary universe.
    results
        What each model found in it, the primary model first.
    records
        Summaries of every model in every universe.
    found
        Scans, missing parcels, motion left, and the figures about the cohort.
    """
    edges, scans = results[0].levels["edge"], found.scans
    return _environment().get_template("report.html").render(
        **{name: getattr(chosen, name) for name in ("cohort", "atlas", "domains", "strategy", "measure", "files")},
        results=results,
        records=records,
        scans=scans,
        kept=scans[scans["kept"] == "yes"],
        excluded=scans[scans["kept"] == "no"],
        lost=found.lost,
        assessments=found.assessments,
        pictures=found.pictures,
        flags=quality.flags(results, scans, chosen.cohort.limits),
        n_parcels=len({*edges["a"], *edges["b"]}),
    )  # fmt: skip


def answer_text(results: Sequence[Result], scans: pd.DataFrame, limits: Limits) -> str:
    """Return lines: the primary effect, who was analysed, what was left out and why, and what to look at first."""
    result, summary, found = results[0], results[0].summary, results[0].summary["primary"]
    arms = ", ".join(f"{arm['arm']} {arm['n']}" for arm in summary["arms"] if arm["arm"])
    left_out = [row for row in sections.not_analysed(result) if not row["outside"]]
    reasons = [row["reason"] for row in left_out for _ in row["people"]]
    excluded = scans.loc[scans["kept"] == "no", "reason"]
    lines = [
        f"{summary['question']} {wording.effect(summary)}: {wording.sizes(summary)}, "
        f"p = {numbers.p_value(found['p'], summary['alpha'])} "
        f"({counted(summary)}); the gate is {summary['gate']}.",
        f"Analysed: {numbers.people(summary['n'])}{f' ({arms})' if arms else ''}.",
        f"Left out: {len(excluded)} of {len(scans)} scans{_because(excluded)}; "
        f"{numbers.people(len(reasons))}{_because(reasons)}.",
        *(f"Look at this first: {flag.line}." for flag in quality.flags(results, scans, limits)),
    ]
    return "\n".join(lines).replace(numbers.MINUS, "-").replace("’", "'") + "\n"


def _because(reasons: Sequence[str] | pd.Series[str]) -> str:
    return f" ({numbers.counts(reasons)})" if len(reasons) else ""


def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    for module in (measured, methods, numbers, quality, relations, sections, trust, wording):
        functions = {
            name: one for name, one in vars(module).items() if getattr(one, "__module__", "") == module.__name__
        }
        made.filters.update({name: one for name, one in functions.items() if not name.startswith("_")})
    made.filters.update(counted=counted, covariates=is_approximate)
    made.filters.update(in_words=in_words, effect_size=effect_size, capitalised=capitalised)
    made.globals.update(
        quantities=QUANTITIES,
        versions=methods.versions(),
        shown_at_most=sections.MOST,
        variants=quality.VARIANTS,
        scan_columns=quality.SCAN_COLUMNS,
        permutations=PERMUTATIONS,
    )
    return made


def _result(
    path: Path,
    summary: Mapping[str, Any],
    tables: Mapping[str, Sequence[Path]],
    pictures: tuple[Picture, ...],
    trusted: Mapping[str, Any] | None,
    slopes: Sequence[Path],
) -> Result:
    found = {name: read_table(_of_model(path.stem, name, paths)) for name, paths in tables.items()}
    people, components = found.pop("people"), found.pop("components")
    own = sections.rows(read_table(_of_model(path.stem, "slopes", slopes))) if summary["relation"] else []
    return Result(path.stem, read(Model, path), summary, found, components, people, pictures, trusted, own)


def _of_model(model: str, what: str, paths: Sequence[Path]) -> Path:
    for path in paths:
        if path.parent.name == model:
            return path
    got = ", ".join(path.parent.name for path in paths)
    raise UserError(f"tables: {what}", f"one in a folder of the name `{model}`", got, "run compare for that model")


def _assessed(paths: Sequence[Path], universe: Mapping[str, str]) -> list[dict[str, Any]]:
    """Read the assessments, of which the first must be of the primary universe."""
    records = [read_record(path) for path in paths]
    if any(records[0][key] != name for key, name in universe.items()):
        got = ", ".join(str(records[0][key]) for key in universe)
        must = f"first the summary of the primary universe ({', '.join(universe.values())})"
        raise UserError("flag --assessments", must, got, "run assess for it, and name it first")
    return records


def _pictures(model: Path, recipes: Sequence[Path], figures: Sequence[Path], about: str) -> tuple[Picture, ...]:
    """Read the figures about a model or its cohort from the folder of the model, in the order of the recipes."""
    found = []
    for path in recipes:
        recipe = read(Figure, path)
        if recipe.about != about:
            continue
        names = [figure for figure in figures if (figure.parent.name, figure.stem) == (model.stem, path.stem)]
        if not names or not names[0].is_file():
            where = names[0] if names else f"flag --figures, model {model.stem}"
            raise UserError(where, f"the figure `{path.stem}` as SVG", "no such file", "run draw for that model")
        content = base64.b64encode(names[0].read_bytes()).decode()
        found.append(Picture(recipe.title, recipe.caption, recipe.width, f"data:image/svg+xml;base64,{content}"))
    return tuple(found)


def _digests(**choices: Sequence[Path]) -> list[tuple[str, str, str]]:
    """Return kind, name and the first half of the SHA-256 of choice files."""
    return [
        (kind, path.name.removesuffix(".yaml"), hashlib.sha256(path.read_bytes()).hexdigest()[:16])
        for kind in choices
        for path in choices[kind]
    ]


def _write(path: Path, text: str) -> None:
    with written(path) as aside:
        aside.write_text(text, encoding="utf-8", newline="\n")
