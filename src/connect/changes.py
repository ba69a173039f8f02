"""From scans to changes: one row per participant, post minus pre, and who is left out and why.

Runs of one session are averaged, each run with the same weight, sessions take their meaning from the
cohort file, and a participant needs both sessions of every condition that the model names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Any

import numpy as np
import pandas as pd

from connect.config import suggest
from connect.design import MOTION, groups, variables
from connect.errors import UserError
from connect.people import check_columns, word
from connect.settings.cohort import Cohort
from connect.settings.model import Model


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
    connectomes: np.ndarray


@dataclass(frozen=True)
class Changes:
    """What is tested: one row per analysed participant.

    Parameters
    ----------
    people
        Every participant of the table: analysed (yes/no), reason, and the variables of the model.
    weights
        Weight of each session row in the change of each analysed participant ``(n, n_sessions)``.
    use
        Which edges every analysed session has ``(n_edges,)``.
    """

    people: pd.DataFrame
    weights: np.ndarray
    use: np.ndarray

    @property
    def analysed(self) -> pd.DataFrame:
        """Rows of the analysed participants, in the order of the weights."""
        return self.people[self.people["analysed"] == "yes"].reset_index(drop=True)

    def of(self, values: np.ndarray) -> np.ndarray:
        """Return the change of each analysed participant ``(n, ...)`` in values of the sessions ``(n_sessions, ...)``.

        Sessions that no analysed participant uses are left out, so that what is missing there stays there.
        """
        used = self.weights.any(axis=0)
        change: np.ndarray = self.weights[:, used] @ values[used]
        return change


def by_session(connectomes: np.ndarray, scans: pd.DataFrame, cohort: Cohort) -> Sessions:
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
    order = {"pre": 0, "post": 1}
    groups = known.groupby(["participant_id", "condition", "phase", "session_id"], sort=True)
    table = groups.agg(n_runs=("row", "size"), mean_fd=("mean_fd", "mean")).reset_index()
    rows = groups["row"].apply(list).reset_index(drop=True)
    place = table.assign(order=table["phase"].map(order)).sort_values(["participant_id", "condition", "order"]).index
    means = np.stack([_mean_runs(connectomes[rows[index]]) for index in place])
    columns = ["participant_id", "session_id", "phase", "condition", "n_runs", "mean_fd"]
    return Sessions(table.loc[place, columns].reset_index(drop=True), means)


def weights(sessions: pd.DataFrame, conditions: tuple[str, ...], participant: str) -> np.ndarray | None:
    """Return the weight of each session row ``(n_rows,)`` in one participant's change, or None if a session is missing.

    Post counts +1 and pre -1 under the first condition, and the reverse under the second, so that two conditions give
    the difference of two changes.
    """
    found = np.zeros(len(sessions))
    own = (sessions["participant_id"] == participant).to_numpy()
    for sign, condition in zip((1.0, -1.0), conditions, strict=False):
        for phase, weight in (("post", sign), ("pre", -sign)):
            chosen = own & (sessions["condition"] == condition).to_numpy() & (sessions["phase"] == phase).to_numpy()
            if not chosen.any():
                return None
            found[chosen] = weight
    return found


def conditions_of(text: str, cohort: Cohort, where: object) -> tuple[str, ...]:
    """Return the one or two conditions that a model's ``condition`` names.

    Raises
    ------
    UserError
        If a name is not a condition of the cohort, none is named where the cohort has several, or a condition has no
        session before or after.
    """
    names = tuple(part.strip() for part in text.split(" - ")) if text else ("",)
    for name in names:
        if name not in cohort.conditions:
            known = ", ".join(f"`{condition}`" for condition in cohort.conditions)
            tight = next((f"{a} - {b}" for a, b in permutations(cohort.conditions, 2) if text == f"{a}-{b}"), "")
            near = f"; did you mean `{tight}`?" if tight else suggest(name, cohort.conditions)
            todo = f"name a condition of the cohort file{near}"
            raise UserError(
                f"{where}, key condition", f"`a` or `a - b` with conditions out of {known}", text or "nothing", todo
            )
        phases = {session.phase for session in cohort.sessions.values() if session.condition == name}
        if len(phases) < 2:
            must = f"a session before and one after{f' under `{name}`' if name else ''} in the cohort file"
            raise UserError(
                f"{where}, key condition", must, f"only `{phases.pop()}`", "add the session to the cohort file"
            )
    if len(names) > len(set(names)) or len(names) > 2:
        raise UserError(
            f"{where}, key condition", "one condition, or a difference of two", text, "name two at most, once each"
        )
    return names


def select(
    sessions: Sessions,
    subjects: pd.DataFrame,
    kept: pd.DataFrame,
    model: Model,
    conditions: tuple[str, ...],
    cohort: Cohort,
    where: object,
) -> Changes:
    """Decide for every participant whether the model can use them, and why not.

    Raises
    ------
    UserError
        If the model names a column that the participants table lacks or that connect writes itself, such a column has
        an empty cell, or nobody is left.
    """
    names = variables(model)
    check_columns(subjects, names, where)
    subjects = subjects.assign(**{name: subjects[name].map(word) for name in groups(subjects, model)})
    needed = [label for label, session in cohort.sessions.items() if session.condition in conditions]
    motion = sessions.table["mean_fd"].to_numpy()
    rows, kernels = [], []
    for subject in subjects.to_dict("records"):
        kernel = weights(sessions.table, conditions, subject["participant_id"])
        reason = _reason(subject, model, names) or _lost(subject["participant_id"], sessions.table, kept, needed)
        moved = np.nan if kernel is None else float(kernel[kernel != 0] @ motion[kernel != 0])
        shown = {name: subject[name] for name in ("participant_id", *names)}
        rows.append({**shown, MOTION: moved, "analysed": "no" if reason else "yes", "reason": reason or None})
        kernels += [kernel] if kernel is not None and not reason else []
    people = pd.DataFrame(rows)
    if not kernels:
        counts = "; ".join(f"{count} x {text}" for text, count in people["reason"].value_counts().head(3).items())
        raise UserError(
            where,
            "participants with every session of the model",
            f"nobody: {counts}",
            "loosen the limits, or correct `where` and the sessions",
        )
    kernel = np.stack(kernels)
    return Changes(people, kernel, np.isfinite(sessions.connectomes[kernel.any(axis=0)]).all(axis=0))


def _reason(subject: Mapping[Any, Any], model: Model, names: Sequence[str]) -> str:
    for column, allowed in model.where.items():
        if not pd.isna(subject[column]) and word(subject[column]) not in allowed:
            return f"{column} is {word(subject[column])}"
    return next((f"no value of {name}" for name in names if pd.isna(subject[name])), "")


def _lost(participant: str, sessions: pd.DataFrame, kept: pd.DataFrame, needed: Sequence[str]) -> str:
    """Return why a participant lacks sessions that the model needs, or nothing if none is lacking."""
    present = sessions.loc[sessions["participant_id"] == participant, "session_id"].str.removeprefix("ses-")
    own = kept[kept["participant_id"] == participant]
    texts = []
    for label in (label for label in needed if label not in set(present)):
        excluded = (own["session_id"].str.removeprefix("ses-") == label) & (own["kept"] == "no")
        reasons = "; ".join(own.loc[excluded, "reason"].astype(str).unique())
        texts.append(f"ses-{label} excluded: {reasons}" if reasons else f"ses-{label} is missing")
    return "; ".join(texts) if len(own) else "no scans"


def _mean_runs(connectomes: np.ndarray) -> np.ndarray:
    present = np.isfinite(connectomes)
    total = np.where(present, connectomes, 0.0).sum(axis=0, dtype=np.float64)
    count = present.sum(axis=0)
    mean: np.ndarray = np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
    return mean
