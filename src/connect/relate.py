"""Relate connectivity to a measure of the person: associations, and whether the measure tells who responds.

A model is such a relation if its contrast is the slope of a phenotype. It is estimated and tested at every level as any
other model; beside that stand correlations and, where arms are compared, the slope in each arm and the values of the
measure at which the arms differ.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from connect.columns import Values
from connect.compare.families import Regions
from connect.compare.results import answered
from connect.config import read
from connect.errors import UserError
from connect.formulas import has_baseline
from connect.inference.slopes import Region, johnson_neyman, simple_slopes
from connect.parcels import PRIMARY, QUANTITIES
from connect.persons import described
from connect.settings.measure import Measure
from connect.settings.model import Model
from connect.settings.statistic import Statistic
from connect.study import Study, read_study
from connect.tables import WORDS, Column, write_record, write_table

SLOPE_COLUMNS: Mapping[str, Column] = {
    "quantity": Column("quantity", WORDS),
    "at": Column("arm, or value of the moderator", WORDS),
    "slope": Column("slope of the quantity on the variable", "unit of the measure per unit of the variable"),
    "ci_low": Column("lower bound of its interval", "that of slope"),
    "ci_high": Column("upper bound of its interval", "that of slope"),
    "error": Column("standard error", "that of slope"),
    "t": Column("Student's t; errors are taken to have one variance in all arms", "t"),
    "df": Column("residual degrees of freedom", "degrees of freedom"),
    "p": Column("two-sided p-value of t, uncorrected", "0 to 1"),
}


_NO_SLOPES = pd.DataFrame(columns=list(SLOPE_COLUMNS))


def relate(  # noqa: PLR0913 - one parameter for each file
    connectomes: Path,
    scans: Path,
    kept: Path,
    strategy: Path,
    measure: Path,
    atlas: Path,
    domains: Path,
    cohort: Path,
    participants: Path,
    model: Path,
    phenotypes: Sequence[Path],
    domain_tests: Path,
    network_tests: Path,
    edge_tests: Path,
    components: Path,
    nulls: Path,
    values: Path,
    people: Path,
    summary: Path,
    slopes: Path,
    statistics: Sequence[Path] = (),
    on_too_few: Literal["stop", "record"] = "stop",
) -> None:
    """Test the slope of connectivity on a phenotype at the level of domains, network pairs and edges.

    Parameters
    ----------
    connectomes
        Connectomes of the kept scans (.npy).
    scans
        Table that names the rows of the connectomes.
    kept
        Table of the screen stage, for the reasons of exclusion.
    strategy
        Denoising strategy (YAML), named in the summary.
    measure
        Measure (YAML), for the unit of the values.
    atlas
        Atlas (YAML).
    domains
        Domains of the atlas (YAML).
    cohort
        Cohort (YAML).
    participants
        BIDS participants.tsv.
    model
        Model (YAML) whose contrast names a phenotype.
    phenotypes
        Values of the phenotypes that the model names (a table each, with its record beside it).
    domain_tests
        Output: results of the domain-level quantities.
    network_tests
        Output: results of the network pairs.
    edge_tests
        Output: results of the edges.
    components
        Output: connected components of edges (network-based statistic).
    nulls
        Output: the statistics that p-values were counted over, a row per arrangement, the observed one first.
    values
        Output: domain-level quantities of every participant and session.
    people
        Output: every participant with their measures, analysed or not and why.
    summary
        Output: what was asked and found, in one record.
    slopes
        Output: slope of each domain-level quantity in each arm, where the contrast compares arms; else no rows.
    statistics
        Statistics of your own (YAML), tested beside the domain-level quantities, or none.
    on_too_few
        `stop`: too few participants for the model are an error; `record`: the tables are written without tests, with
        the reason, and the command succeeds.

    Raises
    ------
    UserError
        If the model is about no phenotype, or what :func:`connect.compare.compare` raises.
    """
    study = read_study(connectomes, scans, kept, atlas, domains, cohort, participants, model, phenotypes)
    if not study.model.relation:
        todo = "name the phenotype under `phenotypes` and its column in the contrast, or run `connect compare`"
        raise UserError(model, "a contrast that is the slope of a phenotype", study.model.contrast, todo)
    own = {path.stem: read(Statistic, path) for path in statistics}
    found = answered(study, own, scans, on_too_few)
    found.write(domain_tests, network_tests, edge_tests, components, nulls, values, people)
    table, region = (_NO_SLOPES, None) if found.summary["untested"] else moderation(study)
    write_table(slopes, table, SLOPE_COLUMNS)
    names = {"atlas": atlas.stem, "strategy": strategy.stem, "measure": measure.stem, "model": model.stem}
    told = {"unit": read(Measure, measure).unit, "phenotypes": described(phenotypes, study.model), "region": region}
    write_record(summary, {**names, **found.summary, **told})


def moderation(study: Study) -> tuple[pd.DataFrame, dict[str, Any] | None]:
    """Return the slopes behind an interaction, for every domain-level quantity, and where the arms differ.

    Parameters
    ----------
    study
        The model and its cohort.

    Returns
    -------
    tuple
        One row per quantity and arm (or value of the moderator), no rows if the contrast is no interaction; and of the
        primary quantity the ranges of the moderator in which the effect is significant, None likewise, and if the
        contrast compares more than two arms.
    """
    model, rows = study.model, study.outcome.rows
    if not _has_slopes(model, rows):
        return _NO_SLOPES, None
    values = _quantities(study)
    found = simple_slopes(values, rows, model, study.where)
    places = found.at
    table = [
        {
            "quantity": name, "at": place, "slope": found.estimate[row, column], "ci_low": found.low[row, column],
            "ci_high": found.high[row, column], "error": found.error[row, column], "t": found.t[row, column],
            "df": found.df, "p": found.p[row, column],
        }
        for column, name in enumerate(QUANTITIES)
        for row, place in enumerate(places)
    ]  # fmt: skip
    if found.arms and len(places) > 2:
        return pd.DataFrame(table), None
    return pd.DataFrame(table), described_region(johnson_neyman(values, rows, model, study.where))


def described_region(found: Region) -> dict[str, Any] | None:
    """Return where on the moderator the effect on the primary quantity is significant, as far as participants reach.

    Parameters
    ----------
    found
        Its bounds.

    Returns
    -------
    dict or None
        The `moderator`, `ranges` of it, in which None is no end among the participants, and the `share` of these that
        is there; None if the quantity was not tested.
    """
    place = list(QUANTITIES).index(PRIMARY)
    where, low, high = str(found.where[place]), float(found.low[place]), float(found.high[place])
    least, most = found.reach
    ends = {"outside": [(-np.inf, low), (high, np.inf)], "inside": [(low, high)], "none": []}
    if where not in ends:
        return None
    ranges = [
        [None if start <= least else start, None if end >= most else end]
        for start, end in ends[where]
        if start <= most and end >= least
    ]
    return {"moderator": found.moderator, "ranges": ranges, "share": float(found.share[place])}


def _has_slopes(model: Model, rows: pd.DataFrame) -> bool:
    alone = model.outcome != "sessions" and not has_baseline(model) and rows["part"].max() == 0
    return alone and model.contrast.count(" : ") == 1


def _quantities(study: Study) -> np.ndarray:
    """Return the domain-level quantities of every row ``(n_rows, n_quantities)``."""
    one, several, *_ = Regions(study.domain, (), study.outcome.use).columns(study.sessions.connectomes)
    columns: list[Values] = [study.outcome.of(one), study.outcome.of(several)]
    return np.column_stack([np.asarray(column) for column in columns])
