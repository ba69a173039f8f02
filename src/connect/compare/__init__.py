"""Compare sessions: what an intervention changed, tested from domains to network pairs to edges.

The primary test is one number per participant: the change in mean connectivity of the emotion x cognition block. It
costs no correction and is the gate: only when it passes are the finer levels more than exploratory. The other
domain-level quantities, the network pairs and the edges are each corrected within their level.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from connect.cautions import cautions
from connect.changes import Sessions, by_session, parts_of
from connect.compare.families import FAMILIES, Regions, families_of, used
from connect.compare.levels import described, level
from connect.compare.networks import COMPONENT_COLUMNS, EdgeNetworks
from connect.compare.summary import summarise
from connect.config import read
from connect.confounded import check_acquisition
from connect.errors import UserError
from connect.motion import motion_test
from connect.outcome import Outcome, phases_of, select
from connect.parcels import (
    QUANTITIES,
    Block,
    domain_edges,
    domain_of,
    domain_values,
    network_blocks,
)
from connect.people import read_people
from connect.question import Question, question
from connect.settings.atlas import Atlas
from connect.settings.cohort import Cohort
from connect.settings.domains import Domains
from connect.settings.measure import Measure
from connect.settings.model import Model
from connect.settings.statistic import Statistic
from connect.statistics import described as described_statistics
from connect.statistics import statistic_values
from connect.tables import read_stored, read_table, write_record, write_table

LABEL_COLUMNS: Mapping[str, Mapping[str, str]] = {
    "domain": {"quantity": "quantity", "n_edges": "edges averaged"},
    "network": {"a": "network", "b": "network", "n_edges": "edges averaged"},
    "edge": {"a": "parcel", "b": "parcel", "block": "domains of the two parcels"},
}


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
    values: Path,
    people: Path,
    summary: Path,
    statistics: Sequence[Path] = (),
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
    values
        Output: domain-level quantities of every participant and session.
    people
        Output: every participant, analysed or not and why.
    summary
        Output: what was asked and found, in one record.
    statistics
        Statistics of your own (YAML), tested beside the domain-level quantities, or none.
    """
    settings = read(Model, model)
    parcels = read_table(read(Atlas, atlas).parcels, ["name", "network", "region"])
    domain = domain_of(parcels, read(Domains, domains), domains)
    plan = read(Cohort, cohort)
    rows = read_table(scans)
    sessions = by_session(read_stored(connectomes), rows, plan)
    screened = read_table(kept, ["participant_id", "session_id", "kept", "reason"])
    subjects = read_people(participants, plan, screened, cohort)
    parts = parts_of(settings.condition, plan, model, phases_of(settings))
    outcome = select(sessions, subjects, screened, settings, parts, plan, model)
    asked = question(outcome.rows, settings, model)
    acquired = check_acquisition(rows, subjects, outcome, asked, plan, scans)
    own = {path.stem: read(Statistic, path) for path in statistics}
    numbers = statistic_values(sessions.connectomes, sessions.table, parcels.assign(domain=domain), outcome.use, own)
    table = session_values(sessions, domain, outcome, numbers)
    results, found = tests(sessions, parcels, domain, outcome, asked, numbers)
    for path, name in ((domain_tests, "domain"), (network_tests, "network"), (edge_tests, "edge")):
        columns = [str(column) for column in results[name] if column not in LABEL_COLUMNS[name]]
        write_table(path, results[name], {**LABEL_COLUMNS[name], **described(columns)})
    write_table(components, found, COMPONENT_COLUMNS)
    write_table(values, table)
    write_table(people, outcome.people)
    names = {"atlas": atlas.stem, "strategy": strategy.stem, "measure": measure.stem, "model": model.stem}
    unit = read(Measure, measure).unit
    record = summarise(results, table, outcome, asked)
    every = used(sessions.connectomes, outcome.use)
    edges, before = outcome.of(every), outcome.before(every)
    moved = motion_test(outcome.rows, settings, model)
    told = {
        "statistics": described_statistics(own),
        "variances": asked.variances(edges),
        "cautions": [*acquired, *cautions(asked, edges, before)],
    }
    write_record(summary, {**names, "unit": unit, **record, **told, "motion": moved})


def session_values(
    sessions: Sessions, domain: np.ndarray, outcome: Outcome, statistics: Mapping[str, np.ndarray]
) -> pd.DataFrame:
    """Return the domain-level quantities and statistics of every session, over the edges that all sessions in use have.

    Raises
    ------
    UserError
        If a statistic has the name of another column.
    """
    known = [name for name in outcome.people if name not in (*sessions.table, "fd_change", "reason")]
    table = sessions.table.merge(outcome.people[["participant_id", *known]], on="participant_id", how="left")
    values = domain_values(sessions.connectomes, domain, outcome.use)
    table = table.assign(condition=table["condition"].replace("", None), **values)
    for name in statistics:
        if name in table:
            raise UserError(f"statistic {name}", "a name that no other column has", name, "rename its file")
    return table.assign(**statistics)


def tests(
    sessions: Sessions,
    parcels: pd.DataFrame,
    domain: np.ndarray,
    outcome: Outcome,
    asked: Question,
    statistics: Mapping[str, np.ndarray],
) -> tuple[dict[str, pd.DataFrame], pd.DataFrame]:
    """Return the results of domains, network pairs and edges, one table each, and the components of edges."""
    blocks = tuple(network_blocks(list(parcels["network"])))
    one, several, *finer = Regions(domain, blocks, outcome.use).columns(sessions.connectomes)
    columns = (one, np.column_stack([several, *statistics.values()]), *finer)
    sizes = [int((chosen & outcome.use).sum()) for chosen in domain_edges(domain).values()]
    sizes += [sum(sizes), *(int(outcome.use.sum()) for _ in statistics)]
    label = pd.DataFrame({"quantity": [*QUANTITIES, *statistics], "n_edges": sizes})
    labels = (label[:1], label[1:], _network_labels(blocks, outcome.use), _edge_labels(parcels, domain))
    joined = EdgeNetworks(asked, len(parcels), blocks)
    evaluated = asked.evaluate(families_of(columns, outcome), joined.listeners)
    primary, others, networks, edges = (
        level(asked, outcome, own, label, name, result)
        for name, own, label, result in zip(FAMILIES, columns, labels, evaluated, strict=True)
    )
    found = {
        "domain": pd.concat([primary, others], ignore_index=True),
        "network": joined.of_blocks(networks),
        "edge": joined.of_edges(edges),
    }
    return found, joined.components(list(parcels["name"]))


def _network_labels(blocks: Sequence[Block], use: np.ndarray) -> pd.DataFrame:
    rows = [(block.a, block.b, int(use[block.edges].sum())) for block in blocks]
    return pd.DataFrame(rows, columns=["a", "b", "n_edges"])


def _edge_labels(parcels: pd.DataFrame, domain: np.ndarray) -> pd.DataFrame:
    first, second = np.triu_indices(len(parcels), 1)
    names = parcels["name"].to_numpy()
    block = np.full(first.size, None, dtype=object)
    for name, chosen in domain_edges(domain).items():
        block[chosen] = name
    return pd.DataFrame({"a": names[first], "b": names[second], "block": block})
