"""From scans to sessions: connectomes per participant and session, and the weights of sessions in a change.

Runs of one session are averaged, each run with the same weight; sessions take their meaning from the cohort file.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np
import pandas as pd
from scipy.linalg import helmert

from connect.columns import Columns, Values, kept
from connect.config import suggest
from connect.errors import UserError
from connect.settings.cohort import Cohort

CHANGE: Mapping[str, float] = {"post": 1.0, "pre": -1.0}
"""Weight of each phase in a change."""

WORDS: Mapping[str, str] = {"pre": "before", "post": "after"}
"""What each phase is called."""

Part = Mapping[str, float]
"""Weight of each condition in what is modelled; one empty name without conditions."""


@dataclass(frozen=True)
class Sessions:
    """Connectomes per participant and session.

    Parameters
    ----------
    table
        One row per participant and session: participant_id, session_id, phase, condition, n_runs, mean_fd (mm).
    connectomes
        Mean over the runs ``(n_rows, n_edges)``; an edge that no run has is NaN.
    """

    table: pd.DataFrame
    connectomes: Values


def by_session(connectomes: Values, scans: pd.DataFrame, cohort: Cohort) -> Sessions:
    """Average the runs of each session, in the order participant, condition, phase.

    Parameters
    ----------
    connectomes
        One row per kept scan ``(n_scans, n_edges)``.
    scans
        One row per kept scan: participant_id, session_id, mean_fd (mm).
    cohort
        Says what each session stands for.
    """
    label = scans["session_id"].str.removeprefix("ses-")
    known = scans.assign(
        phase=label.map({key: value.phase for key, value in cohort.sessions.items()}),
        condition=label.map({key: value.condition for key, value in cohort.sessions.items()}),
        row=np.arange(len(scans)),
    )
    order = {"pre": 0, "post": 1, "other": 2}
    groups = known.groupby(["participant_id", "condition", "phase", "session_id"], sort=True)
    table = groups.agg(n_runs=("row", "size"), mean_fd=("mean_fd", "mean")).reset_index()
    rows = groups["row"].apply(list).reset_index(drop=True)
    place = (
        table.assign(order=table["phase"].map(order))
        .sort_values(["participant_id", "condition", "order", "session_id"])
        .index
    )
    runs = [rows[index] for index in place]
    shape = (len(runs), connectomes.shape[1])
    means = kept(Columns(shape, lambda at: _mean_runs(connectomes[:, at], runs)))
    columns = ["participant_id", "session_id", "phase", "condition", "n_runs", "mean_fd"]
    return Sessions(table.loc[place, columns].reset_index(drop=True), means)


def weights(
    sessions: pd.DataFrame, part: Part, participant: str, phases: Mapping[str, float] = CHANGE
) -> np.ndarray | None:
    """Return the weight of each session row ``(n_rows,)`` for one participant, or None if a session is missing.

    Parameters
    ----------
    sessions
        One row per participant and session, with phase and condition.
    part
        Weight of each condition: two with weights 1 and -1 give the difference of two changes.
    participant
        Whose sessions count.
    phases
        Weight of each phase.
    """
    found = np.zeros(len(sessions))
    rows = np.flatnonzero(sessions["participant_id"] == participant)
    own = sessions.iloc[rows]
    for condition, factor in part.items():
        for phase, weight in phases.items():
            chosen = rows[(own["condition"] == condition) & (own["phase"] == phase)]
            if not chosen.size:
                return None
            found[chosen] = factor * weight
    return found


def parts_of(text: str, cohort: Cohort, where: object, phases: Collection[str] = tuple(CHANGE)) -> tuple[Part, ...]:
    """Return what a model's ``condition`` asks for: one weighting of conditions, or several that are tested together.

    ``a`` is one condition, ``a - b`` a difference, ``a + b`` a mean. ``a, b, c`` gives orthonormal contrasts among all
    (Helmert's), so that a joint test of them is the one of repeated-measures analysis of variance.

    Parameters
    ----------
    text
        The model's ``condition``.
    cohort
        Says what each session stands for.
    where
        The model's file, for error messages.
    phases
        Of which every condition must have a session, see :func:`connect.outcome.phases_of`; without any, every session
        will do.

    Raises
    ------
    UserError
        If a name is not a condition of the cohort, none is named where the cohort has several, a name stands twice, or
        a condition has no session of a phase.
    """
    names = conditions_of(text, cohort, where, phases)
    if "," in text:
        return tuple(dict(zip(names, map(float, row), strict=True)) for row in helmert(len(names)))
    if " - " in text:
        return ({names[0]: 1.0, names[1]: -1.0},)
    return (dict.fromkeys(names, 1 / len(names)),)


def conditions_of(text: str, cohort: Cohort, where: object, phases: Collection[str] = tuple(CHANGE)) -> tuple[str, ...]:
    """Return the conditions that a model's ``condition`` names; takes and raises what :func:`parts_of` does."""
    place, must = f"{where}, key condition", "`a`, `a - b`, `a + b` or `a, b, c`"
    names = tuple(part.strip() for part in re.split(r" - | \+ |,", text)) if text else ("",)
    for name in names:
        if name not in cohort.conditions:
            known = ", ".join(f"`{condition}`" for condition in cohort.conditions)
            tight = next((f"{a} - {b}" for a, b in permutations(cohort.conditions, 2) if text == f"{a}-{b}"), "")
            near = f"; did you mean `{tight}`?" if tight else suggest(name, cohort.conditions)
            todo = f"name a condition of the cohort file{near}"
            raise UserError(place, f"{must} with conditions out of {known}", text or "nothing", todo)
        own = {session.phase for session in cohort.sessions.values() if session.condition == name}
        if not set(phases) <= own:
            needed = " and one ".join(word for phase, word in WORDS.items() if phase in phases)
            need = f"a session {needed}{f' under `{name}`' if name else ''} in the cohort file"
            got = f"only {' and '.join(f'`{phase}`' for phase in sorted(own))}"
            raise UserError(place, need, got, "add the session to the cohort file")
    signs = [sign for sign in (" - ", " + ", ",") if sign in text]
    if len(names) > len(set(names)) or len(signs) > 1 or (signs == [" - "] and len(names) > 2):
        raise UserError(place, must, text, "name each condition once, and two at most in a difference")
    return names


def _mean_runs(connectomes: np.ndarray, runs: Sequence[Sequence[int]]) -> np.ndarray:
    """Return the mean over the runs of each session ``(n_sessions, n_columns)``; ``runs`` are their rows."""
    total, count = (np.zeros((len(runs), connectomes.shape[1]), dtype) for dtype in (np.float64, np.intp))
    for nth in range(max(map(len, runs))):
        sessions = np.array([place for place, rows in enumerate(runs) if len(rows) > nth])
        values = connectomes[[runs[place][nth] for place in sessions]]
        present = np.isfinite(values)
        total[sessions] += np.where(present, values, 0.0)
        count[sessions] += present
    mean: np.ndarray = np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
    return mean
