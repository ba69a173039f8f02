"""What is tested: one row for each participant, or for each session, and who is left out and why.

A row is a weighting of the sessions of a participant, such as post minus pre. A participant needs every session that
the weighting names; a mixed model takes all that there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
import pandas as pd
from scipy.sparse import csr_array, vstack

from connect.changes import Part, Sessions
from connect.columns import Values, mapped, per_column
from connect.errors import UserError
from connect.exclusions import NO_ROW, lost_sessions, reason_of
from connect.formulas import groups, variables
from connect.people import check_columns, unlisted, word
from connect.persons import Persons
from connect.rows import Row, Rows
from connect.settings.cohort import Cohort
from connect.settings.model import Model


@dataclass(frozen=True)
class Outcome:
    """What is tested, as weights of sessions.

    Parameters
    ----------
    people
        Every participant of the table, then those with scans and no row in it: analysed (yes/no), reason, the variables
        of the model, and motion (mm): the change `fd_change`, or `mean_fd` of the session, in models of all sessions
        the mean over those in use.
    rows
        One row per row of the model: participant_id, part (number of the weighting of conditions) and its variables.
    weights
        Weight of each session in each row ``(n_rows, n_sessions)``.
    baseline
        Weight of each session in the value before ``(n_rows, n_sessions)``, or None if the model has no such covariate.
    use
        Which edges every session in use has ``(n_edges,)``.
    paired
        Whether a row is a session after minus one before, and nothing else.
    """

    people: pd.DataFrame
    rows: pd.DataFrame
    weights: csr_array
    baseline: csr_array | None
    use: np.ndarray
    paired: bool

    @property
    def analysed(self) -> pd.DataFrame:
        """Analysed participants, in the order in which their rows first stand."""
        return self.people[self.people["analysed"] == "yes"].reset_index(drop=True)

    @overload
    def of(self, values: np.ndarray) -> np.ndarray: ...
    @overload
    def of(self, values: Values) -> Values: ...
    def of(self, values: Values) -> Values:
        """Return the outcome ``(n_rows, ...)`` in values of the sessions ``(n_sessions, ...)``."""
        return _weighted(self.weights, values)

    def before(self, values: Values) -> Values | None:
        """Return the value before ``(n_rows, ...)``, if the model has it as a covariate."""
        return None if self.baseline is None else _weighted(self.baseline, values)

    def pair(self, values: Values) -> tuple[Values, Values] | None:
        """Return the values before and after ``(n_rows, ...)`` if a row is their difference."""
        if not self.paired:
            return None
        return _weighted((-self.weights).maximum(0), values), _weighted(self.weights.maximum(0), values)


def select(
    sessions: Sessions,
    subjects: pd.DataFrame,
    kept: pd.DataFrame,
    model: Model,
    parts: Sequence[Part],
    cohort: Cohort,
    where: object,
    measured: Persons = Persons(),  # noqa: B008 - it is empty, and frozen
) -> Outcome:
    """Decide for every participant whether the model can use them, and why not.

    Parameters
    ----------
    sessions
        Connectomes per participant and session.
    subjects
        The participants table.
    kept
        Table of the screen stage, for the reasons why sessions are missing.
    model
        The model.
    parts
        Weightings of conditions, which :func:`connect.changes.parts_of` gives for the :func:`phases_of` the model.
    cohort
        Says what each session stands for.
    where
        The model's file, for error messages.
    measured
        The phenotypes that the model names.

    Raises
    ------
    UserError
        If the model names a column that the participants table lacks or that connect writes itself, such a column has
        an empty cell, times are missing or do not grow, or nobody is left.
    """
    names = variables(model)
    make = Rows(sessions.table, model, parts, cohort, where, measured)
    check_columns(subjects, (*names, *make.times), where, tuple(model.measured))
    _check_times(subjects, make.times, where)
    _check_conditions(model, where)
    subjects = subjects.assign(**{name: subjects[name].map(word) for name in groups(subjects, model)})
    people, rows = [], []
    for subject in subjects.to_dict("records"):
        reason = reason_of(subject, model, (*names, *make.own_times) if model.outcome == "rate" else names)
        own = [] if reason else list(make.of(subject))
        reason = reason or ("" if own else lost_sessions(subject["participant_id"], make.needed, sessions.table, kept))
        own = [] if reason else make.complete(own)
        reason = reason or ("" if own else make.lacks(subject["participant_id"]))
        shown = {name: subject[name] for name in dict.fromkeys(("participant_id", *names, *make.times))}
        moved = {make.motion: make.motion_over(own)}
        measures = measured.of_part(subject["participant_id"], measured.part, make.weeks(subject))
        people.append({**shown, **measures, **moved, "analysed": "no" if reason else "yes", "reason": reason or None})
        rows += [Row({**shown, **row.shown}, row.kernel, row.before) for row in own if not reason]
    people += [{"participant_id": one, "analysed": "no", "reason": NO_ROW} for one in unlisted(kept, subjects)]
    table = pd.DataFrame(people)
    if not rows:
        counts = "; ".join(f"{count} x {text}" for text, count in table["reason"].value_counts().head(3).items())
        todo = "loosen the limits, or correct `where` and the sessions"
        raise UserError(where, "participants with every session of the model", f"nobody: {counts}", todo)
    kernel, before = vstack([row.kernel for row in rows], "csr"), [row.before for row in rows if row.before is not None]
    baseline = vstack(before, "csr") if before else None
    used_rows = np.unique(np.concatenate([one.indices for one in (kernel, baseline) if one is not None]))
    use = per_column(sessions.connectomes, lambda values: np.isfinite(values[used_rows]).all(axis=0))
    shown_rows = pd.DataFrame([row.shown for row in rows])
    paired = model.outcome == "change" and len(parts) == 1 and len(parts[0]) == 1
    return Outcome(table, shown_rows, kernel, baseline, use, paired)


def _weighted(kernel: csr_array, values: Values) -> Values:
    """Sum sessions; what is missing in one that a row does not use stays there."""
    return mapped(values, kernel.shape[0], lambda sessions, _: kernel @ sessions)


def _check_times(subjects: pd.DataFrame, names: Sequence[str], where: object) -> None:
    for name in names:
        wrong = subjects[name].notna() & pd.to_numeric(subjects[name], errors="coerce").isna()
        if wrong.any():
            must = f"weeks in the column `{name}` of the participants table, numbers or n/a"
            got = f"{subjects.loc[wrong, name].iloc[0]} for {subjects.loc[wrong, 'participant_id'].iloc[0]}"
            raise UserError(where, must, got, "correct the table")


def _check_conditions(model: Model, where: object) -> None:
    if model.outcome == "sessions" and (" - " in model.condition or " + " in model.condition):
        must = "`a` or `a, b` in a model of all sessions, which the condition only chooses"
        todo = "put `condition` into the formula and compare `condition[a] - condition[b]`"
        raise UserError(f"{where}, key condition", must, model.condition, todo)
