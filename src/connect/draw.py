"""Draw a figure of a model or a cohort: SVG, PDF and PNG, byte for byte the same from the same inputs.

What can be drawn is registered in :mod:`connect.figures`; this module imports every module that registers a figure.
"""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

from matplotlib import style
from matplotlib.figure import Figure

from connect.changes import conditions_of, parts_of
from connect.config import read
from connect.errors import TooFew
from connect.figures import (  # noqa: F401 - each module registers its figures
    Inputs,
    calibration,
    chord,
    denoising,
    flow,
    forest,
    glass_brain,
    matrix,
    motion,
    null,
    own_figure,
    qc_fc,
    raincloud,
    registered,
    relation,
    slopegraph,
    style_of,
)
from connect.parcels import domain_of
from connect.provenance import KEY, Sources, opened, sealed, stamp
from connect.rows import phases_of
from connect.settings.atlas import Atlas
from connect.settings.cohort import Cohort
from connect.settings.domains import Domains
from connect.settings.figure import Figure as Recipe
from connect.settings.measure import Measure
from connect.settings.model import Model
from connect.tables import read_record, read_stored, read_table, written

DPI = 300


def draw(  # noqa: PLR0913 - one parameter for each file
    figure: Path,
    atlas: Path,
    domains: Path,
    cohort: Path,
    measure: Path,
    model: Path,
    kept: Path,
    connectomes: Path,
    scans: Path,
    domain_tests: Path,
    network_tests: Path,
    edge_tests: Path,
    nulls: Path,
    values: Path,
    people: Path,
    summary: Path,
    assessments: Sequence[Path],
    qcfc: Path,
    choices: Sequence[Path],
    gathered: Sequence[Path],
    code: Sequence[str],
    svg: Path,
    pdf: Path,
    png: Path,
    phenotypes: Sequence[Path] = (),
    rates: Sequence[Path] = (),
    universes: Sequence[Path] = (),
) -> None:
    """Draw a figure of a model, or of its cohort.

    Parameters
    ----------
    figure
        Recipe of the figure (YAML).
    atlas
        Atlas (YAML).
    domains
        Domains of the atlas (YAML).
    cohort
        Cohort (YAML).
    measure
        Measure (YAML).
    model
        Model (YAML).
    kept
        Table of the screen stage.
    connectomes
        Connectomes of the kept scans (.npy).
    scans
        Table that names the rows of the connectomes.
    domain_tests
        Results of the domain-level quantities.
    network_tests
        Results of the network pairs.
    edge_tests
        Results of the edges.
    nulls
        The statistics that p-values were counted over.
    values
        Domain-level quantities of every participant and session.
    people
        Every participant, analysed or not and why.
    summary
        What the model asked and found.
    assessments
        Summaries of the assess stage in the primary atlas and measure: one per denoising strategy, the primary one
        first. A figure about a model needs that one only.
    qcfc
        Edges of the assess stage in the primary universe.
    choices
        Every choice file (YAML) that the figure depends on, for its stamp.
    gathered
        Lists of the scans of the cohort from the command gather, for its stamp.
    code
        Digests of the code of the stages that it depends on, as `stage=digest`, for its stamp.
    svg
        Output: the figure as SVG.
    pdf
        Output: the figure as PDF.
    png
        Output: the figure as PNG with 300 dots per inch.
    phenotypes
        Values of the phenotypes that it depends on, for its stamp; the cohort's tables are in the stamp too.
    rates
        Rates of the challenge stage, or none. Only the figure of a calibration needs them.
    universes
        Summaries of the model in every universe, or none. Only a forest plot needs them.
    """
    recipe, plan, question = read(Recipe, figure), read(Cohort, cohort), read(Model, model)
    settings = read(Atlas, atlas)
    parcels = read_table(settings.parcels, ["name", "network", "region"])
    inputs = Inputs(
        atlas=settings, cohort=plan, measure=read(Measure, measure), model=question,
        conditions=conditions_of(question.condition, plan, model, phases_of(question)),
        part=parts_of(question.condition, plan, model, phases_of(question))[0],
        parcels=parcels, domain=domain_of(parcels, read(Domains, domains), domains),
        kept=read_table(kept), scans=read_table(scans), connectomes=read_stored(connectomes),
        domain_tests=read_table(domain_tests), network_tests=read_table(network_tests),
        edge_tests=read_table(edge_tests), nulls=read_table(nulls), session_values=read_table(values),
        people=read_table(people), summary=_tested(read_record(summary)),
        assessments=[read_record(path) for path in assessments],
        qcfc=read_table(qcfc, ["a", "b", "distance", "level", "change"]),
        rates=read_table(rates[0]) if rates else None,
        universes=[read_record(path) for path in universes],
    )  # fmt: skip
    names = {"name": figure.stem, "cohort": cohort.stem, "model": model.stem, "atlas": atlas.stem}
    names |= {"strategy": inputs.summary["strategy"], "measure": measure.stem}
    sources = Sources(choices, phenotypes, gathered, dict(pair.split("=") for pair in code))
    with style.context(["default", style_of(recipe)]):
        _save(_drawn(recipe, inputs), recipe.title, opened(stamp(names, sources)), svg, pdf, png)


def _tested(summary: dict[str, Any]) -> dict[str, Any]:
    """Return the summary of a model; a UserError says why if too few participants are left to test it."""
    if summary["untested"]:
        raise TooFew.of(summary["untested"])
    return summary


def _drawn(recipe: Recipe, inputs: Inputs) -> Figure:
    """Return the figure of a registered kind, or of a function of the user's own."""
    if recipe.own is None:
        return registered(recipe.kind)(inputs, recipe)
    return own_figure(recipe.own, inputs, recipe)


def _save(made: Figure, title: str, text: str, svg: Path, pdf: Path, png: Path) -> None:
    """Write a figure with its stamp, laid out once for the three formats, without dates, which would differ."""
    fixed = {
        svg: {"Title": title, "Creator": "connect", "Date": None, KEY: text},
        pdf: {"Title": title, "Creator": "connect", "Producer": "connect", "CreationDate": None, "Subject": text},
        png: {"Title": title, "Software": "connect", KEY: text},
    }
    made.draw_without_rendering()
    made.set_layout_engine("none")
    for path, metadata in fixed.items():
        content = BytesIO()
        made.savefig(content, format=path.suffix.removeprefix("."), dpi=DPI, metadata=metadata)
        with written(path) as aside:
            aside.write_bytes(sealed(content.getvalue()))
