"""From scans to changes: one row per participant, post minus pre, and who is left out and why.

Runs of one session are averaged (Fisher z, so that the average is unbiased), sessions take their meaning from the
cohort file, and a participant needs both sessions of every condition that the model names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from connect.config import suggest
from connect.design import MOTION, variables
from connect.errors import UserError
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
        If a name is not a condition of the cohort, or none is named where the cohort has several.
    """
    names = tuple(part.strip() for part in text.split(" - ")) if text else ("",)
    for name in names:
        if name not in cohort.conditions:
            known = ", ".join(f"`{condition}`" for condition in cohort.conditions)
            todo = f"name a condition of the cohort file{suggest(name, cohort.conditions)}"
            raise UserError(
                f"{where}, key condition", f"`a` or `a - b` with conditions out of {known}", text or "nothing", todo
            )
    if len(names) > 2:
        raise UserError(f"{where}, key condition", "one condition, or a difference of two", text, "use two at most")
    return names


def join_participants(table: pd.DataFrame, sessions: Sessions, where: object) -> pd.DataFrame:
    """Return one row per participant of the table.

    Raises
    ------
    UserError
        If a participant is listed twice, or has scans and no row.
    """
    twice = table.loc[table["participant_id"].duplicated(), "participant_id"]
    if len(twice):
        raise UserError(where, "each participant once", f"{twice.iloc[0]} twice", "remove one of the rows")
    unknown = sorted(set(sessions.table["participant_id"]) - set(table["participant_id"]))
    if unknown:
        got = f"no row for {', '.join(unknown[:5])}" + (f" and {len(unknown) - 5} more" if len(unknown) > 5 else "")
        raise UserError(
            where,
            "a row for every participant with scans",
            got,
            "add the rows, or remove the scans from the scans table",
        )
    return table


def select(
    sessions: Sessions,
    subjects: pd.DataFrame,
    kept: pd.DataFrame,
    model: Model,
    conditions: tuple[str, ...],
    where: object,
) -> Changes:
    """Decide for every participant whether the model can use them, and why not.

    Raises
    ------
    UserError
        If the model names a column that the participants table lacks, or nobody is left.
    """
    names = variables(model)
    for name in names:
        if name not in subjects:
            must = f"columns of the participants table ({', '.join(subjects.columns)})"
            raise UserError(where, must, name, "correct the formula or `where`, or add the column")
    rows, kernels = [], []
    for subject in subjects.to_dict("records"):
        kernel = weights(sessions.table, conditions, subject["participant_id"])
        reason = _reason(subject, kernel, kept, model, names)
        motion = np.nan if kernel is None else float(kernel @ sessions.table["mean_fd"].to_numpy())
        shown = {name: subject[name] for name in ("participant_id", *names)}
        rows.append({**shown, MOTION: motion, "analysed": "no" if reason else "yes", "reason": reason or None})
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
    used = np.abs(kernel).sum(axis=0) > 0
    return Changes(people, kernel, np.isfinite(sessions.connectomes[used]).all(axis=0))


def _reason(
    subject: Mapping[Any, Any], kernel: np.ndarray | None, kept: pd.DataFrame, model: Model, names: Sequence[str]
) -> str:
    for column, allowed in model.where.items():
        if str(subject[column]) not in allowed:
            return f"{column} is {subject[column]}"
    for name in names:
        if pd.isna(subject[name]):
            return f"no value of {name}"
    if kernel is None:
        own = kept[kept["participant_id"] == subject["participant_id"]]
        lost = [f"{row.session_id} excluded: {row.reason}" for row in own[own["kept"] == "no"].itertuples()]
        return "; ".join(lost) or ("a session is missing" if len(own) else "no scans")
    return ""


def _mean_runs(connectomes: np.ndarray) -> np.ndarray:
    present = np.isfinite(connectomes)
    total = np.where(present, connectomes, 0.0).sum(axis=0, dtype=np.float64)
    count = present.sum(axis=0)
    mean: np.ndarray = np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
    return mean
