"""Report: one page per cohort that answers the question, says how sure the answer is, and how it was reached.

The page is a single HTML file that loads nothing from anywhere. It leads with the primary effect of the first model in
the primary universe (the first atlas, strategy and measure of the plan); all else stands below it, in the order in
which it was tested.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from connect.assess.qcfc import PERMUTATIONS
from connect.config import read
from connect.parcels import QUANTITIES, domain_of
from connect.report import (
    inputs,
    measured,
    methods,
    numbers,
    packed,
    quality,
    references,
    relations,
    sections,
    trust,
    wording,
)
from connect.report import scans as scan_pages
from connect.report.markdown import markdown
from connect.report.quality import Quality
from connect.report.references import Reference
from connect.report.scans import ScanPage
from connect.report.sections import Choices, Result
from connect.settings.atlas import Atlas
from connect.settings.cohort import Cohort, Limits
from connect.settings.domains import Domains
from connect.settings.figure import Figure
from connect.settings.measure import Measure
from connect.settings.strategy import Strategy
from connect.tables import read_record, read_table, written
from connect.words import capitalised, counted, effect_size, in_words, is_approximate

PAGE = 15_000_000
"""Bytes that the page may have; above, figures become coarser, those of the last model first."""


@dataclass(frozen=True)
class Carried:
    """What the page shows or saves when asked: texts by the name of their file, and what belongs to them.

    Parameters
    ----------
    texts
        Tables, programs and pages by the name of their file.
    grid
        Parcels in the order of the matrix of edges.
    methods
        Methods as a fragment of HTML.
    references
        What the methods cite.
    """

    texts: Mapping[str, str]
    grid: Mapping[str, Any]
    methods: str
    references: Sequence[Reference]


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
    text: Path,
    bibliography: Path,
    recipes: Sequence[Path] = (),
    figures: Sequence[Path] = (),
    trusts: Sequence[Path] = (),
    slopes: Sequence[Path] = (),
    carpets: Sequence[Path] = (),
    command: str = "snakemake",
) -> None:
    """Write the page of a cohort, its answer in a few lines, and its methods with their references.

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
    text
        Output: the methods, for a paper (Markdown).
    bibliography
        Output: the references that the methods cite, and the programs (BibTeX).
    recipes
        Figures (YAML), or none.
    figures
        Figures as SVG, named like their recipes, in folders named like the models: those about a model for each, those
        about the cohort for the primary model.
    trusts
        Which tests to trust, from the challenge stage: a record per model, in a folder of its name, or none.
    slopes
        Slopes in each arm, from the relate stage: a table per model that is about a phenotype, likewise.
    carpets
        Folder with a picture of each scan, named like the scan (PNG), or none.
    command
        What makes this page again, for its reader.
    """
    settings = (read(Cohort, cohort), read(Atlas, atlas), read(Domains, domains), read(Strategy, strategy))
    records = [read_record(path) for path in summaries]
    universe = {"atlas": atlas.stem, "strategy": strategy.stem, "measure": measure.stem}
    levels = {"domain": domain_tests, "network": network_tests, "edge": edge_tests, "components": components}
    results = [
        inputs.result_of(
            model,
            inputs.primary(records, {**universe, "model": model.stem}),
            {**levels, "people": people},
            inputs.figures_of(model, recipes, figures),
            trusts,
            slopes,
        )
        for model in models
    ]
    files = inputs.digests(cohort=[cohort], model=models, atlas=[atlas], domains=[domains], strategy=[strategy])
    files += inputs.digests(measure=[measure], figure=recipes)
    settled = read(Measure, measure)
    owns = (settled.own, *(read(Figure, path).own for path in recipes))
    files += inputs.digests(function=[own.file for own in owns if own])
    files += [("function", one["file"], one["sha256"]) for one in results[0].summary["statistics"]]
    chosen = Choices(*settings, settled, tuple(dict.fromkeys(files)))
    columns = ["scan", "participant_id", "session_id", "kept", "reason", "scanner", *quality.SCAN_COLUMNS]
    screened = quality.arranged(read_table(scans, columns), chosen.cohort.sessions)
    found = Quality(
        scans=screened,
        lost=read_table(lost, ["scan", "parcel", "coverage"]),
        assessments=inputs.assessed(assessments, universe),
        pictures=inputs.figures_of(models[0], recipes, figures, cohort=True),
        carpets=inputs.carpets_of(screened["scan"], carpets),
    )
    parcels = read_table(chosen.atlas.parcels, ["name", "network", "region"])
    carried = gathered(chosen, results, records, found, parcels, domain_of(parcels, chosen.domains, domains))
    made = render(chosen, results, records, found, carried, command)
    for place, model in reversed(list(enumerate(models))):
        if len(made.encode()) <= PAGE:
            break
        results[place] = replace(results[place], pictures=inputs.figures_of(model, recipes, figures, coarse=True))
        made = render(chosen, results, records, found, carried, command)
    _write(page, made)
    _write(answer, answer_text(results, found.scans, chosen.cohort.limits))
    _write(text, carried.texts["methods.md"])
    _write(bibliography, carried.texts["references.bib"])


def render(
    chosen: Choices,
    results: Sequence[Result],
    records: Sequence[Mapping[str, Any]],
    found: Quality,
    carried: Carried,
    command: str,
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
        Scans, missing parcels, motion left, the figures about the cohort and the pictures of scans.
    carried
        What the page shows or saves when asked.
    command
        What makes this page again.
    """
    edges, scans = results[0].levels["edge"], found.scans
    pages = scan_pages.scan_pages(scans, found.lost, _n_parcels(results), chosen.cohort.limits, found.carpets)
    named = scan_pages.names(scans)
    n_edges = len(packed.carried(edges))
    return _environment().get_template("report.html").render(
        **_context(chosen, results, found),
        records=records,
        excluded=scans[scans["kept"] == "no"],
        lost=found.lost,
        assessments=found.assessments,
        pictures=found.pictures,
        flags=quality.flags(results, scans, chosen.cohort.limits),
        scan_pages=pages,
        scan_names={page.row["scan"]: named[page.row["scan"]] for page in pages},
        edges_left_out=(n_edges, len(edges)) if n_edges < len(edges) else (),
        grid=carried.grid,
        carried={name: f"{name}, {packed.size(text)}" for name, text in carried.texts.items()},
        packed={name: packed.packed(text) for name, text in carried.texts.items()},
        methods_text=Markup(carried.methods),
        references=carried.references,
        command=command,
        notes=_left_out_of_the_page(results, pages),
    )  # fmt: skip


def gathered(
    chosen: Choices,
    results: Sequence[Result],
    records: Sequence[Mapping[str, Any]],
    found: Quality,
    parcels: pd.DataFrame,
    domain: np.ndarray,
) -> Carried:
    """Return the methods with their references, and what the page shows or saves when asked.

    Parameters
    ----------
    chosen, results, records, found
        As :func:`render` takes them.
    parcels
        Parcels of the atlas.
    domain
        Domain of each parcel ``(n_parcels,)``, an empty string if it has none.
    """
    methods_text = _environment().get_template("methods_text.html").render(**_context(chosen, results, found))
    cited = references.cited_in(methods_text)
    cited += references.sources_of(_sources(chosen, results), cited)
    words = [f"# Methods: {chosen.cohort.title}", "", markdown(methods_text), "## References", ""]
    versions = methods.versions()
    texts = {
        "tables.js": packed.table_script(),
        "methods.md": "\n".join([*words, *(f"- {one.full}" for one in cited), ""]),
        "references.bib": references.bibliography([*cited, *references.software(versions)]),
        **packed.tables(results, records, found.scans, found.lost, found.assessments, chosen.files, versions),
    }
    grid = packed.grid(parcels, domain, results[0])
    brain = packed.brain(results[0].levels["edge"], parcels, domain, grid["column"])
    if brain:
        texts["brain.html"] = brain
    return Carried(texts, grid, methods_text, cited)


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


def _context(chosen: Choices, results: Sequence[Result], found: Quality) -> dict[str, Any]:
    """Return what the page and its methods text both need."""
    names = ("cohort", "atlas", "domains", "strategy", "measure", "files")
    return {
        **{name: getattr(chosen, name) for name in names},
        "results": results,
        "scans": found.scans,
        "kept": found.scans[found.scans["kept"] == "yes"],
        "limits": chosen.cohort.limits,
        "n_parcels": _n_parcels(results),
    }


def _n_parcels(results: Sequence[Result]) -> int:
    edges = results[0].levels["edge"]
    return len({*edges["a"], *edges["b"]})


def _sources(chosen: Choices, results: Sequence[Result]) -> list[str]:
    """Return what choices say of where they come from."""
    summaries = [result.summary for result in results]
    settings = (chosen.cohort, chosen.atlas, chosen.domains, chosen.strategy, chosen.measure)
    own = [one["source"] for one in summaries[0]["statistics"]]
    persons = [text for one in measured.measures(summaries) for text in (one["source"], one["words"])]
    return [*(one.source for one in settings), *own, *persons]


def _left_out_of_the_page(results: Sequence[Result], pages: Sequence[ScanPage]) -> list[str]:
    """Say what the page has no room for, and where it stands."""
    coarse = sum(picture.lighter for result in results for picture in result.pictures)
    gone = sum(page.left_out for page in pages)
    said = [
        (coarse, f"To stay below {PAGE / 1e6:g} MB, {coarse} figures are shown coarser than they were drawn."),
        (gone, f"Pictures of {gone} scans that were kept or moved least are not on it."),
    ]
    return [f"{text} All stand in the folder draw of the results." for count, text in said if count]


def _because(reasons: Sequence[str] | pd.Series[str]) -> str:
    return f" ({numbers.counts(reasons)})" if len(reasons) else ""


def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(Path(__file__).with_name("templates")),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    for module in (measured, methods, numbers, quality, relations, scan_pages, sections, trust, wording):
        functions = {
            name: one for name, one in vars(module).items() if getattr(one, "__module__", "") == module.__name__
        }
        made.filters.update({name: one for name, one in functions.items() if not name.startswith("_")})
    made.filters.update(counted=counted, covariates=is_approximate)
    made.filters.update(in_words=in_words, effect_size=effect_size, capitalised=capitalised)
    made.globals.update(
        quantities=QUANTITIES,
        versions=methods.versions(),
        most_lines=packed.MOST_LINES,
        shown_at_most=sections.MOST,
        variants=quality.VARIANTS,
        scan_columns=quality.SCAN_COLUMNS,
        permutations=PERMUTATIONS,
    )
    return made


def _write(path: Path, text: str) -> None:
    with written(path) as aside:
        aside.write_text(text, encoding="utf-8", newline="\n")
