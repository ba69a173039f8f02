"""Compare sessions: what an intervention changed, tested from domains to network pairs to edges.

The primary test is one number per participant: the change in mean connectivity of the emotion x cognition block. It
costs no correction and is the gate: only when it passes are the finer levels more than exploratory. The other
domain-level quantities, the network pairs and the edges are each corrected within their level.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from connect.changes import Changes, Sessions, by_session, conditions_of, select
from connect.config import read
from connect.design import MOTION, Design, design
from connect.inference import Arrangements, Fit, Tested, fit, interval, permutation_test
from connect.motion import motion_test
from connect.parcels import (
    PRIMARY,
    QUANTITIES,
    Block,
    block_means,
    domain_edges,
    domain_of,
    domain_values,
    network_blocks,
)
from connect.people import join_participants
from connect.settings.atlas import Atlas
from connect.settings.cohort import Cohort
from connect.settings.domains import Domains
from connect.settings.measure import Measure
from connect.settings.model import Model
from connect.tables import read_array, read_table, write_record, write_table

TEST_COLUMNS: Mapping[str, str] = {
    "n": "participants analysed",
    "estimate": "contrast of the change, in units of the measure",
    "ci_low": "lower bound of the estimate's interval",
    "ci_high": "upper bound of the estimate's interval",
    "g": "Hedges' g: estimate in residual standard deviations, corrected for small samples",
    "g_low": "lower bound of g",
    "g_high": "upper bound of g",
    "t": "Student's t of the contrast",
    "df": "residual degrees of freedom",
    "p": "two-sided permutation p-value, uncorrected",
    "p_fwe": "p-value corrected for the family by the largest |t|",
    "q_fdr": "false discovery rate within the family (Benjamini-Hochberg)",
    "family": "tests that are corrected together",
    "reason": "why a row was not tested",
}


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
    values: Path,
    people: Path,
    summary: Path,
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
    values
        Output: domain-level quantities of every participant and session.
    people
        Output: every participant, analysed or not and why.
    summary
        Output: what was asked and found, in one record.
    """
    settings = read(Model, model)
    parcels = read_table(read(Atlas, atlas).parcels, ["name", "network", "region"])
    domain = domain_of(parcels, read(Domains, domains), domains)
    plan = read(Cohort, cohort)
    sessions = by_session(read_array(connectomes), read_table(scans), plan)
    screened = read_table(kept, ["participant_id", "session_id", "kept", "reason"])
    subjects = join_participants(read_table(participants, ["participant_id"]), screened, participants)
    conditions = conditions_of(settings.condition, plan, model)
    changes = select(sessions, subjects, screened, settings, conditions, plan, model)
    made = design(changes.analysed, settings, model)
    table = session_values(sessions, domain, changes)
    results = tests(sessions, table, parcels, domain, changes, made, settings)
    moved = motion_test(changes.analysed, settings, model)
    for path, name in ((domain_tests, "domain"), (network_tests, "network"), (edge_tests, "edge")):
        write_table(path, results[name], {**LABEL_COLUMNS[name], **TEST_COLUMNS})
    write_table(values, table)
    write_table(people, changes.people)
    names = {"atlas": atlas.stem, "strategy": strategy.stem, "measure": measure.stem, "model": model.stem}
    unit = read(Measure, measure).unit
    found = summarise(results, table, changes, made, settings)
    write_record(summary, {**names, "unit": unit, **found, "motion": moved})


def session_values(sessions: Sessions, domain: np.ndarray, changes: Changes) -> pd.DataFrame:
    """Return the domain-level quantities of every session, over the edges that all analysed sessions have."""
    table = sessions.table.merge(changes.people.drop(columns=[MOTION, "reason"]), on="participant_id", how="left")
    values = domain_values(sessions.connectomes, domain, changes.use)
    return table.assign(condition=table["condition"].replace("", None), **values)


def tests(
    sessions: Sessions,
    values: pd.DataFrame,
    parcels: pd.DataFrame,
    domain: np.ndarray,
    changes: Changes,
    made: Design,
    model: Model,
) -> dict[str, pd.DataFrame]:
    """Return the results at the level of domains, network pairs and edges, one table each."""
    blocks = network_blocks(list(parcels["network"]))
    pairs = block_means(sessions.connectomes, blocks, changes.use)
    quantities = values[list(QUANTITIES)].to_numpy()
    sizes = [int((chosen & changes.use).sum()) for chosen in domain_edges(domain).values()]
    label = pd.DataFrame({"quantity": list(QUANTITIES), "n_edges": [*sizes, sum(sizes)]})
    primary = level(changes.of(quantities[:, :1]), label[:1], made, model, "primary test, not corrected")
    others = level(changes.of(quantities[:, 1:]), label[1:], made, model, "other domain-level quantities")
    edges = changes.of(np.where(changes.use, sessions.connectomes, np.nan))
    return {
        "domain": pd.concat([primary, others], ignore_index=True),
        "network": level(changes.of(pairs), _network_labels(blocks, changes.use), made, model, "network pairs"),
        "edge": level(edges, _edge_labels(parcels, domain), made, model, "edges"),
    }


def level(changes: np.ndarray, labels: pd.DataFrame, made: Design, model: Model, family: str) -> pd.DataFrame:
    """Return one row of estimates and p-values per column of changes ``(n, n_columns)``, corrected as one family."""
    found: Fit = fit(changes, made, model.confidence)
    tested: Tested = permutation_test(changes, made, model.permutations, model.seed)
    found_all = ~np.isnan(changes).any(axis=0)
    reasons = np.array(["missing or undefined in an analysed session", "no variance"], dtype=object)[
        found_all.astype(int)
    ]
    columns: dict[str, Any] = {
        "n": made.n, "estimate": found.estimate, "ci_low": found.low, "ci_high": found.high,
        "g": found.g, "g_low": found.g_low, "g_high": found.g_high, "t": found.t, "df": made.df,
        "p": tested.p, "p_fwe": tested.p_fwe, "q_fdr": tested.q_fdr, "family": family,
        "reason": pd.Series(reasons).where(np.isnan(found.t), None),
    }  # fmt: skip
    return labels.reset_index(drop=True).assign(**columns)


def summarise(
    results: Mapping[str, pd.DataFrame], values: pd.DataFrame, changes: Changes, made: Design, model: Model
) -> dict[str, Any]:
    """Return what was asked and found as one record."""
    primary = results["domain"].iloc[0]
    arms = (changes.analysed[made.arms].astype(str) if made.arms else pd.Series([""] * made.n)).to_numpy()
    change, moved = changes.of(values[PRIMARY].to_numpy()), changes.analysed[MOTION].to_numpy(dtype=np.float64)
    moves = Arrangements(made, model.permutations, model.seed)
    return {
        "question": model.question,
        "formula": model.formula,
        "contrast": model.contrast,
        "columns": list(made.columns),
        "condition": model.condition,
        "confidence": model.confidence,
        "alpha": model.alpha,
        "n": made.n,
        "n_not_analysed": int((changes.people["analysed"] == "no").sum()),
        "exchangeability": "sign flips" if made.flips else "permutations of participants",
        "arrangements": moves.count,
        "enumerated": moves.enumerated,
        "primary": {
            key: _plain(primary[key])
            for key in ("estimate", "ci_low", "ci_high", "g", "g_low", "g_high", "t", "df", "p")
        },
        "gate": "open" if primary["p"] <= model.alpha else "closed",
        "significant": {name: int((table["p_fwe"] <= model.alpha).sum()) for name, table in results.items()},
        "tested": {name: int(table["t"].notna().sum()) for name, table in results.items()},
        "arm_column": made.arms,
        "arms": [_arm(name, change[arms == name], moved[arms == name], model.confidence) for name in sorted(set(arms))],
    }


def _arm(name: str, change: np.ndarray, moved: np.ndarray, confidence: float) -> dict[str, Any]:
    """Return an arm's mean change of the primary quantity and of mean FD (mm), each with its interval."""
    mean, low, high = interval(change, confidence)
    motion, slow, fast = interval(moved, confidence)
    found = {"arm": name, "n": len(change), "mean_change": mean, "ci_low": low, "ci_high": high}
    return {**found, "mean_fd_change": motion, "mean_fd_change_low": slow, "mean_fd_change_high": fast}


def _plain(value: Any) -> float | int | None:
    return None if pd.isna(value) else value.item() if hasattr(value, "item") else value


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
