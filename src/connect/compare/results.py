"""What a model found at every level: the primary quantity, other domain-level quantities, network pairs, edges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from connect.cautions import cautions
from connect.changes import Sessions
from connect.compare.families import FAMILIES, Regions, families_of, used
from connect.compare.levels import BASE, LAST, all_columns, level
from connect.compare.networks import COMPONENT_COLUMNS, EdgeNetworks
from connect.compare.nulls import NULL_COLUMNS, Signs, null_distributions
from connect.compare.plasticity import plasticity
from connect.compare.summary import summarise, untested_summary
from connect.confounded import check_acquisition
from connect.errors import TooFew, UserError
from connect.motion import motion_test
from connect.outcome import Outcome
from connect.parcels import PRIMARY, QUANTITIES, Block, domain_edges, domain_values, network_blocks
from connect.question import Question, question
from connect.settings.statistic import Statistic
from connect.statistics import described as described_statistics
from connect.statistics import statistic_values
from connect.study import Study
from connect.tables import WORDS, Column, write_table

LABEL_COLUMNS: Mapping[str, Mapping[str, Column]] = {
    "domain": {"quantity": Column("quantity", WORDS), "n_edges": Column("edges averaged", "edges")},
    "network": {
        "a": Column("network", WORDS),
        "b": Column("network", WORDS),
        "n_edges": Column("edges averaged", "edges"),
    },
    "edge": {
        "a": Column("parcel", WORDS),
        "b": Column("parcel", WORDS),
        "block": Column("domains of the two parcels", WORDS),
    },
}


@dataclass(frozen=True)
class Compared:
    """What a model found.

    Parameters
    ----------
    levels
        Results of the levels `domain`, `network` and `edge`.
    components
        Connected components of edges.
    nulls
        The statistics that p-values were counted over, a row per arrangement.
    values
        Domain-level quantities of every participant and session.
    people
        Every participant, analysed or not and why.
    summary
        What was asked and found.
    """

    levels: Mapping[str, pd.DataFrame]
    components: pd.DataFrame
    nulls: pd.DataFrame
    values: pd.DataFrame
    people: pd.DataFrame
    summary: Mapping[str, Any]

    def write(
        self, domains: Path, networks: Path, edges: Path, components: Path, nulls: Path, values: Path, people: Path
    ) -> None:
        """Write the tables."""
        for path, name in ((domains, "domain"), (networks, "network"), (edges, "edge")):
            known = {**LABEL_COLUMNS[name], **all_columns(name)}
            write_table(path, self.levels[name], {str(column): known[str(column)] for column in self.levels[name]})
        write_table(components, self.components, COMPONENT_COLUMNS)
        write_table(nulls, self.nulls, NULL_COLUMNS)
        write_table(values, self.values)
        write_table(people, self.people)


def answered(study: Study, own: Mapping[str, Statistic], scans: Path, on_too_few: str) -> Compared:
    """Test a model, or say why too few participants are left for that.

    Parameters
    ----------
    study
        The model and its cohort.
    own
        Statistics of the user's own, by name.
    scans
        Table of the scans, for error messages.
    on_too_few
        `stop` or `record`: whether too few participants are a mistake, or a result.

    Raises
    ------
    UserError
        If the model cannot be asked of the cohort.
    """
    try:
        asked = question(study.outcome.rows, study.model, study.where)
    except TooFew as error:
        if on_too_few == "stop":
            raise
        return untested(study, own, error)
    acquired = check_acquisition(study.scans, study.subjects, study.outcome, asked, study.cohort, scans)
    return compared(study, asked, own, acquired)


def compared(study: Study, asked: Question, own: Mapping[str, Statistic], acquired: Sequence[str]) -> Compared:
    """Test a model at every level.

    Parameters
    ----------
    study
        The model and its cohort.
    asked
        Its question.
    own
        Statistics of the user's own, by name.
    acquired
        What the acquisition makes doubtful, as :func:`connect.confounded.check_acquisition` tells it.
    """
    sessions, outcome, domain = study.sessions, study.outcome, study.domain
    numbers, values = _values(study, own)
    levels, components, nulls = tests(sessions, study.parcels, domain, outcome, asked, numbers)
    every = used(sessions.connectomes, outcome.use)
    edges, before = asked.correlated(outcome.of(every)), outcome.before(every)
    told: dict[str, Any] = {
        "statistics": described_statistics(own),
        "variances": asked.variances(edges),
        "cautions": [*acquired, *cautions(asked, edges, before)],
        "motion": motion_test(outcome.rows, study.model, study.where),
        "untested": None,
    }
    people, told["rates"] = plasticity(outcome, values[PRIMARY].to_numpy(dtype=np.float64), study.model)
    return Compared(levels, components, nulls, values, people, {**summarise(levels, values, outcome, asked), **told})


def untested(study: Study, own: Mapping[str, Statistic], why: TooFew) -> Compared:
    """Return tables without a test of a model for which too few participants are left, with the reason in each row.

    Parameters
    ----------
    study
        The model and its cohort.
    own
        Statistics of the user's own, by name.
    why
        What is lacking.
    """
    outcome = study.outcome
    numbers, values = _values(study, own)
    blocks = tuple(network_blocks(list(study.parcels["network"])))
    labels = _labels(study.parcels, study.domain, outcome.use, blocks, list(numbers))
    told = dict.fromkeys((*BASE, *LAST)) | {"n": len(outcome.analysed), "reason": f"{why.must}; {why.got}"}
    summary = {
        **untested_summary(outcome, study.model, {name: len(table) for name, table in labels.items()}),
        "statistics": described_statistics(own),
        "untested": why.parts(),
    }
    return Compared(
        {name: table.assign(**told) for name, table in labels.items()},
        pd.DataFrame(columns=list(COMPONENT_COLUMNS)),
        pd.DataFrame(columns=list(NULL_COLUMNS)),
        values,
        outcome.people,
        summary,
    )


def _values(study: Study, own: Mapping[str, Statistic]) -> tuple[dict[str, np.ndarray], pd.DataFrame]:
    """Return the statistics of every session by name, and the table of its quantities."""
    sessions, outcome, model = study.sessions, study.outcome, study.model
    parcels = study.parcels.assign(domain=study.domain)
    numbers = statistic_values(sessions.connectomes, sessions.table, parcels, outcome.use, own)
    each = [name for name, (_, moment) in model.measured.items() if moment == "session" and name in outcome.rows]
    return dict(numbers), session_values(sessions, study.domain, outcome, numbers, each)


def session_values(
    sessions: Sessions,
    domain: np.ndarray,
    outcome: Outcome,
    statistics: Mapping[str, np.ndarray],
    measured: Sequence[str] = (),
) -> pd.DataFrame:
    """Return the domain-level quantities and statistics of every session, over the edges that all sessions in use have.

    ``measured`` are the phenotypes of which each session has a value of its own.

    Raises
    ------
    UserError
        If a statistic has the name of another column.
    """
    known = [name for name in outcome.people if name not in (*sessions.table, "fd_change", "reason")]
    table = sessions.table.merge(outcome.people[["participant_id", *known]], on="participant_id", how="left")
    if measured:
        own = outcome.rows[["participant_id", "session_id", *measured]]
        table = table.merge(own, on=["participant_id", "session_id"], how="left")
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
) -> tuple[dict[str, pd.DataFrame], pd.DataFrame, pd.DataFrame]:
    """Return the results of domains, network pairs and edges, one table each; components of edges; and the nulls."""
    blocks = tuple(network_blocks(list(parcels["network"])))
    one, several, *finer = Regions(domain, blocks, outcome.use).columns(sessions.connectomes)
    columns = (one, np.column_stack([several, *statistics.values()]), *finer)
    rows = _labels(parcels, domain, outcome.use, blocks, list(statistics))
    labels = (rows["domain"][:1], rows["domain"][1:], rows["network"], rows["edge"])
    joined, signs = EdgeNetworks(asked, len(parcels), blocks), Signs()
    evaluated = asked.evaluate(families_of(columns, outcome), joined.listeners, [signs])
    primary, others, networks, edges = (
        level(asked, outcome, own, label, name, result)
        for name, own, label, result in zip(FAMILIES, columns, labels, evaluated, strict=True)
    )
    found = {
        "domain": pd.concat([primary, others], ignore_index=True),
        "network": joined.of_blocks(networks),
        "edge": joined.of_edges(edges),
    }
    nulls = null_distributions([tested for _, tested in evaluated], signs.all)
    return found, joined.components(list(parcels["name"])), nulls


def _labels(
    parcels: pd.DataFrame, domain: np.ndarray, use: np.ndarray, blocks: Sequence[Block], statistics: Sequence[str]
) -> dict[str, pd.DataFrame]:
    """Return what the rows of each level are."""
    sizes = [int((chosen & use).sum()) for chosen in domain_edges(domain).values()]
    sizes += [sum(sizes), *(int(use.sum()) for _ in statistics)]
    quantities = pd.DataFrame({"quantity": [*QUANTITIES, *statistics], "n_edges": sizes})
    return {"domain": quantities, "network": _network_labels(blocks, use), "edge": _edge_labels(parcels, domain)}


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
