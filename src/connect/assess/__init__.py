"""Assess denoising: how much of head motion is left in the connectomes, and what taking it out has cost.

Participants are the unit, as they are in the tests: motion left is the correlation over participants of displacement
with connectivity, of its level and of its change (:mod:`connect.assess.qcfc`); the cost is time and degrees of freedom.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import csr_array, vstack

from connect.assess.qcfc import STATISTICS, QcFc, distances, qcfc, standardised
from connect.changes import Sessions, by_session, weights
from connect.columns import Values, mapped
from connect.config import read, suggest
from connect.errors import UserError
from connect.inference import interval
from connect.settings.atlas import Atlas
from connect.settings.cohort import Cohort
from connect.settings.strategy import Strategy
from connect.tables import WORDS, Column, read_stored, read_table, write_record, write_table

LEAST = 6
"""Fewest participants over whom motion is related to connectivity."""

CONFIDENCE = 0.95

MEANS = ("minutes", "tdof", "fd_dvars")
"""Columns of the scans whose means over participants are told."""

EDGE_COLUMNS: Mapping[str, Column] = {
    "a": Column("parcel", WORDS),
    "b": Column("parcel", WORDS),
    "distance": Column("Euclidean distance between the centres of the two parcels", "mm"),
    "level": Column(
        "Pearson correlation over participants of mean framewise displacement with connectivity", "-1 to 1"
    ),
    "change": Column("Pearson correlation over participants of the change (post minus pre) in both", "-1 to 1"),
}


def assess(  # noqa: PLR0913 - one parameter for each file
    connectomes: Path,
    scans: Path,
    kept: Path,
    atlas: Path,
    strategy: Path,
    measure: Path,
    cohort: Path,
    edge_table: Path,
    summary: Path,
) -> None:
    """Assess how much of motion is left in the connectomes of one atlas, strategy and measure.

    Parameters
    ----------
    connectomes
        Connectomes of the kept scans (.npy).
    scans
        Table that names the rows of the connectomes.
    kept
        Table of scans from the screen stage.
    atlas
        Atlas (YAML), for the centres of the parcels.
    strategy
        Denoising strategy (YAML), named in the summary.
    measure
        Measure (YAML), named in the summary.
    cohort
        Cohort (YAML), for what the sessions stand for.
    edge_table
        Output: distance of every edge, and how it goes along with motion.
    summary
        Output: motion left beside what chance gives, time and degrees of freedom left, in one record.
    """
    plan, values = read(Cohort, cohort), read_stored(connectomes)
    table = read_table(scans, ["participant_id", "session_id", "scan", "mean_fd", *MEANS])
    screened = read_table(kept, ["scan", "kept"])
    _check_scans(table, screened, scans, kept)
    _check_sessions(table, plan, cohort)
    parcels = _parcels(read(Atlas, atlas).parcels)
    _check_shape(values, (len(table), len(parcels) * (len(parcels) - 1) // 2), connectomes, atlas)
    sessions, distance = by_session(values, table, plan), distances(parcels[["x", "y", "z"]].to_numpy())
    level, of_level = motion_left(sessions, level_weights(sessions.table), distance, "kept scans")
    pairs = change_weights(sessions.table, plan.conditions)
    change, of_change = motion_left(sessions, pairs, distance, "kept scans before and after")
    first, second = np.triu_indices(len(parcels), 1)
    names = parcels["name"].to_numpy()
    edges = {"a": names[first], "b": names[second], "distance": distance, "level": level, "change": change}
    write_table(edge_table, pd.DataFrame(edges), EDGE_COLUMNS)
    counts = {"n_scans": len(screened), "n_kept": len(table), "n_participants": table["participant_id"].nunique()}
    means = {name: mean_of_participants(table[name], table["participant_id"]) for name in MEANS}
    chosen = {"atlas": atlas.stem, "strategy": strategy.stem, "measure": measure.stem}
    title = {"title": read(Strategy, strategy).title}
    write_record(summary, {**chosen, **title, **counts, **means, "level": of_level, "change": of_change})


def motion_left(
    sessions: Sessions, kernel: csr_array, distance: np.ndarray, needed: str
) -> tuple[np.ndarray, dict[str, Any]]:
    """Relate motion to connectivity, or say in words why that cannot be done.

    Parameters
    ----------
    sessions
        Connectomes and mean FD (mm) per participant and session.
    kernel
        Weight of each session row in the value of each participant ``(n, n_sessions)``. Participants whose FD is not
        known are left out, and edges that any of their sessions lacks.
    distance
        Distance of each edge ``(n_edges,)``, mm.
    needed
        What a participant needs, for the reason.

    Returns
    -------
    tuple
        Correlation of each edge with motion ``(n_edges,)``, and the record of what was found; NaN if there is a reason.
    """
    fd = sessions.table["mean_fd"].to_numpy(dtype=np.float64)
    motion = kernel @ fd
    kernel, motion = kernel[np.isfinite(motion)], motion[np.isfinite(motion)]
    n, found, reason = len(motion), None, None
    if n < LEAST:
        reason = f"it takes {LEAST} participants with {needed} and a known displacement; there are {n}"
    elif np.isnan(standardised(motion)).any():
        reason = f"motion is the same in all {n} participants"
    else:
        found = qcfc(mapped(sessions.connectomes, n, lambda some, _: kernel @ some), motion, distance)
        if np.isnan(found.r).all():
            reason = f"no edge is present in all sessions and varies over the {n} participants"
    r = np.full(distance.shape, np.nan) if found is None else found.r
    return r, {"n": n, "n_edges": int(np.isfinite(r).sum()), "reason": reason, **_described(found)}


def level_weights(sessions: pd.DataFrame) -> csr_array:
    """Return the weight of each session row in each participant's mean over sessions ``(n, n_sessions)``."""
    people = pd.factorize(sessions["participant_id"])[0]
    return csr_array((1 / np.bincount(people)[people], (people, np.arange(len(people)))))


def change_weights(sessions: pd.DataFrame, conditions: Sequence[str]) -> csr_array:
    """Return the weight of each session row in each participant's change ``(n, n_sessions)``.

    The change is post minus pre, averaged over the conditions that have both; without any, a participant has no row.
    """
    rows = []
    for participant in dict.fromkeys(sessions["participant_id"]):
        found = [weights(sessions, {condition: 1.0}, participant) for condition in conditions]
        complete = [one for one in found if one is not None]
        rows += [csr_array(np.mean(complete, axis=0)[None])] if complete else []
    return vstack(rows, "csr") if rows else csr_array((0, len(sessions)))


def mean_of_participants(values: pd.Series[float], participants: pd.Series[str]) -> dict[str, float | int]:
    """Return the mean over participants of the means of their scans, its t interval and n; NaN where undefined."""
    means = values.groupby(participants).mean().dropna().to_numpy()
    if len(means) > 1:
        mean, low, high = interval(means, CONFIDENCE)
    else:
        mean, low, high = (float(means[0]) if len(means) else np.nan), np.nan, np.nan
    return {"mean": mean, "ci_low": low, "ci_high": high, "n": len(means)}


def _described(found: QcFc | None) -> dict[str, float]:
    """Return each statistic, the median and the central 95 % of it under permutation, and p."""
    suffixes = ("", "_chance", "_low", "_high", "_p")
    table = np.full((len(suffixes), len(STATISTICS)), np.nan)
    if found is not None:
        table[:] = [found.observed, *np.percentile(found.chance, (50, 2.5, 97.5), axis=0), found.p]
    columns = zip(STATISTICS, table.T, strict=True)
    return {name + end: float(value) for name, column in columns for end, value in zip(suffixes, column, strict=True)}


def _parcels(path: Path) -> pd.DataFrame:
    parcels = read_table(path, ["name", "x", "y", "z"])
    for column in ("x", "y", "z"):
        numbers = pd.to_numeric(parcels[column], errors="coerce")
        wrong = parcels[column].notna() & numbers.isna()
        if wrong.any():
            got = f"{parcels.loc[wrong, column].iloc[0]} for {parcels.loc[wrong, 'name'].iloc[0]}"
            raise UserError(f"{path}, column {column}", "coordinates in mm, or n/a", got, "correct the table")
    return parcels.astype(dict.fromkeys(("x", "y", "z"), np.float64))


def _check_scans(table: pd.DataFrame, screened: pd.DataFrame, where: Path, kept: Path) -> None:
    expected = screened.loc[screened["kept"] == "yes", "scan"]
    if sorted(table["scan"]) != sorted(expected):
        odd = sorted(set(table["scan"]) ^ set(expected))
        got = f"{len(table)} rows for {len(expected)} kept scans" + (f"; {odd[0]} is in one only" if odd else "")
        raise UserError(where, f"a row for each scan that {kept} keeps", got, "run estimate again")
    if table.empty:
        raise UserError(kept, "at least one scan that is kept", "none", "loosen the limits of the cohort file")


def _check_sessions(table: pd.DataFrame, cohort: Cohort, where: Path) -> None:
    labels = table["session_id"].fillna("").str.removeprefix("ses-")
    unknown = [label for label in labels if label not in cohort.sessions]
    if unknown:
        todo = f"run screen again, or correct the labels{suggest(unknown[0], cohort.sessions)}"
        must = f"the sessions of all kept scans ({', '.join(sorted(set(labels)))})"
        raise UserError(f"{where}, key sessions", must, ", ".join(cohort.sessions), todo)


def _check_shape(values: Values, expected: tuple[int, int], where: Path, atlas: Path) -> None:
    if values.shape != expected:
        must = f"{expected[0]} kept scans by {expected[1]} edges between the parcels of {atlas}"
        got = " by ".join(map(str, values.shape))
        raise UserError(where, must, got, "run estimate again, or name the atlas from which it was made")
