"""Compare sessions: what an intervention changed, tested from domains to network pairs to edges.

The primary test is one number per participant: the change in mean connectivity of the emotion × cognition block. It
costs no correction and is the gate: only when it passes are the finer levels more than exploratory. The other
domain-level quantities, the network pairs and the edges are each corrected within their level.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from connect.compare.results import answered
from connect.config import read
from connect.persons import described
from connect.settings.measure import Measure
from connect.settings.statistic import Statistic
from connect.study import read_study
from connect.tables import write_record


def compare(  # noqa: PLR0913 - one parameter for each file
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
    domain_tests: Path,
    network_tests: Path,
    edge_tests: Path,
    components: Path,
    nulls: Path,
    values: Path,
    people: Path,
    summary: Path,
    statistics: Sequence[Path] = (),
    phenotypes: Sequence[Path] = (),
    on_too_few: Literal["stop", "record"] = "stop",
) -> None:
    """Test a model at the level of domains, network pairs and edges.

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
        Model (YAML).
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
        Output: every participant, analysed or not and why.
    summary
        Output: what was asked and found, in one record.
    statistics
        Statistics of your own (YAML), tested beside the domain-level quantities, or none.
    phenotypes
        Values of the phenotypes that the model names (a table each, with its record beside it), or none.
    on_too_few
        `stop`: too few participants for the model are an error; `record`: the tables are written without tests, with
        the reason, and the command succeeds.
    """
    study = read_study(connectomes, scans, kept, atlas, domains, cohort, participants, model, phenotypes)
    own = {path.stem: read(Statistic, path) for path in statistics}
    found = answered(study, own, scans, on_too_few)
    found.write(domain_tests, network_tests, edge_tests, components, nulls, values, people)
    names = {"atlas": atlas.stem, "strategy": strategy.stem, "measure": measure.stem, "model": model.stem}
    unit = {"unit": read(Measure, measure).unit}
    write_record(summary, {**names, **unit, **found.summary, "phenotypes": described(phenotypes, study.model)})
