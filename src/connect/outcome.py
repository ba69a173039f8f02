"""What is tested: one row for each participant, or for each session, and who is left out and why.

A row is a weighting of the sessions of a participant, such as post minus pre. A participant needs every session that
the weighting names; a mixed model takes all that there are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np
import pandas as pd
from scipy.sparse import csr_array, vstack

from connect.changes import CHANGE, Part, Sessions, weights
from connect.columns import Values, mapped, per_column
from connect.errors import UserError
from connect.exclusions import NO_ROW, lost_sessions, reason_of
from connect.formulas import groups, has_baseline, motion_of, variables
from connect.people import check_columns, unlisted, word
from connect.persons import Persons
from connect.settings.cohort import Cohort
from connect.settings.model import Model, words_of

PHASES: Mapping[str, Mapping[str, float]] = {"pre": {"pre": 1.0}, "post": {"post": 1.0}}
"""Weights of the phases in the outcomes that are no change."""


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


@dataclass(frozen=True)
class _Row:
    """A row of the model: what stands in the table, and its weights."""

    shown: dict[str, Any]
    kernel: csr_array
    before: csr_array | None = None


def phases_of(model: Model) -> frozenset[str]:
    """Return the phases of which a participant needs a session under every condition of a model.

    Both for a change or a rate, the one that is asked for else, and the one before if its value is a covariate; none
    for a model of all sessions, which takes those that there are.
    """
    if model.outcome == "sessions":
        return frozenset()
    return frozenset([*PHASES.get(model.outcome, CHANGE), *(["pre"] if has_baseline(model) else [])])


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
    make = _Rows(sessions.table, model, parts, cohort, where, measured)
    check_columns(subjects, (*names, *make.times), where)
    _check_times(subjects, make.times, where)
    _check_conditions(model, where)
    subjects = subjects.assign(**{name: subjects[name].map(word) for name in groups(subjects, model)})
    people, rows = [], []
    for subject in subjects.to_dict("records"):
        reason = reason_of(subject, model, (*names, *make.own_times) if model.outcome == "rate" else names)
        own = [] if reason else list(make.of(subject))
        reason = reason or ("" if own else lost_sessions(subject["participant_id"], make.needed, sessions.table, kept))
        own = (
            [] if reason else [row for row in own if not np.isnan([row.shown[name] for name in measured.columns]).any()]
        )
        reason = reason or ("" if own else make.lacks(subject["participant_id"]))
        shown = {name: subject[name] for name in dict.fromkeys(("participant_id", *names, *make.times))}
        moved = {make.motion: make.motion_over(own)}
        measures = measured.of_part(subject["participant_id"], measured.part, make.weeks(subject))
        people.append({**shown, **measures, **moved, "analysed": "no" if reason else "yes", "reason": reason or None})
        rows += [_Row({**shown, **row.shown}, row.kernel, row.before) for row in own if not reason]
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


class _Rows:
    """Makes the rows of a participant."""

    def __init__(
        self,
        sessions: pd.DataFrame,
        model: Model,
        parts: Sequence[Part],
        cohort: Cohort,
        where: object,
        measured: Persons,
    ) -> None:
        self.sessions, self.model, self.parts, self.cohort, self.where = sessions, model, parts, cohort, where
        self.measured = measured
        self.motion, self.needed = motion_of(model), _needed(model, parts, cohort)
        self.fd = sessions["mean_fd"].to_numpy()

    def of(self, subject: Mapping[Any, Any]) -> Iterator[_Row]:
        """Give the rows of a participant; none if a session or its time is missing."""
        if self.model.outcome == "sessions":
            return self._sessions(subject)
        return iter(self._parts(subject))

    def motion_over(self, rows: Sequence[_Row]) -> float:
        """Return the motion of a participant (mm): of the first row, or the mean over rows that are sessions."""
        chosen = rows if self.model.outcome == "sessions" else rows[:1]
        return float(np.mean([row.shown[self.motion] for row in chosen])) if rows else np.nan

    def weeks(self, subject: Mapping[Any, Any]) -> float:
        """Return the weeks from before to after of a participant, in a model with phenotypes per week; else NaN."""
        rated = any(moment == "rate" for _, moment in self.measured.columns.values())
        return self._weeks_between(subject, self.measured.part) if rated else np.nan

    def lacks(self, participant: str) -> str:
        """Return why a participant has no row without a missing phenotype."""
        reasons = [self.measured.reason(participant, part) for part in self.parts]
        return next(filter(None, reasons), "") or f"no session with {' and '.join(self.measured.columns)}"

    @property
    def times(self) -> tuple[str, ...]:
        """Columns of the participants table that hold the weeks of the sessions that the model needs."""
        weeks = [self.cohort.weeks_of(label) for label in self.needed] if _needs_time(self.model) else []
        return tuple(dict.fromkeys(name for name in weeks if isinstance(name, str)))

    @property
    def own_times(self) -> tuple[str, ...]:
        """Those of them that the user wrote; a date that is missing may be that of a session that is."""
        return tuple(name for name in self.times if name not in self.cohort.dated.values())

    def _parts(self, subject: Mapping[Any, Any]) -> list[_Row]:
        participant, rows = subject["participant_id"], []
        for number, part in enumerate(self.parts):
            kernel = weights(self.sessions, part, participant, PHASES.get(self.model.outcome, CHANGE))
            before = weights(self.sessions, part, participant, PHASES["pre"]) if has_baseline(self.model) else None
            weeks = self._weeks_between(subject, part) if _needs_time(self.model) else 1.0
            if kernel is None or (has_baseline(self.model) and before is None) or np.isnan(weeks):
                return []
            moved = self._moved(kernel if self.motion == "mean_fd" else weights(self.sessions, part, participant))
            own = None if before is None else _sparse(before)
            measures = self.measured.of_part(participant, part, weeks)
            kernel = kernel / (weeks if self.model.outcome == "rate" else 1.0)
            rows.append(_Row({"part": number, **measures, self.motion: moved}, _sparse(kernel), own))
        return rows

    def _sessions(self, subject: Mapping[Any, Any]) -> Iterator[_Row]:
        table, conditions = self.sessions, {name for part in self.parts for name in part}
        own = (table["participant_id"] == subject["participant_id"]) & table["condition"].isin(conditions)
        for row in np.flatnonzero(own):
            session = table.iloc[row]
            weeks = self._week(session["session_id"], subject) if _needs_time(self.model) else np.nan
            if _needs_time(self.model) and np.isnan(weeks):
                continue
            kernel = np.zeros(len(table))
            kernel[row] = 1.0
            shown = {"part": 0, "phase": session["phase"], "condition": session["condition"], "weeks": weeks}
            measures = self.measured.of_session(subject["participant_id"], session["session_id"].removeprefix("ses-"))
            yield _Row({**shown, **measures, self.motion: session["mean_fd"]}, _sparse(kernel))

    def _moved(self, kernel: np.ndarray | None) -> float:
        return np.nan if kernel is None else float(kernel[kernel != 0] @ self.fd[kernel != 0])

    def _week(self, session_id: str, subject: Mapping[Any, Any]) -> float:
        """Return the time of a session in weeks, NaN if it is not known."""
        weeks = self.cohort.weeks_of(session_id.removeprefix("ses-"))
        value = subject[weeks] if isinstance(weeks, str) else weeks
        return np.nan if value is None else float(value)

    def _weeks_between(self, subject: Mapping[Any, Any], part: Part) -> float:
        """Return the weeks from pre to post, which are the same for all conditions of a part."""
        times = {
            (session.condition, session.phase): self._week(label, subject)
            for label, session in self.cohort.sessions.items()
            if label in self.needed
        }
        between = [times[condition, "post"] - times[condition, "pre"] for condition in part]
        if np.isnan(between).any():
            return np.nan
        weeks = between[0]
        if not np.allclose(between, weeks, rtol=1e-6):
            got = " and ".join(f"{one:g}" for one in sorted(set(between)))
            todo = "compare changes instead, with `outcome: change`"
            raise UserError(self.where, "as many weeks from pre to post under every condition", got, todo)
        if weeks <= 0:
            got = f"{weeks:g} weeks for {subject['participant_id']}"
            raise UserError(self.where, "a session after that is later than the one before", got, "correct its time")
        return weeks


def _weighted(kernel: csr_array, values: Values) -> Values:
    """Sum sessions; what is missing in one that a row does not use stays there."""
    return mapped(values, kernel.shape[0], lambda sessions, _: kernel @ sessions)


def _sparse(kernel: np.ndarray) -> csr_array:
    """Return weights of sessions as a matrix of one row: of thousands of sessions a participant has a few."""
    return csr_array(kernel[None])


def _needs_time(model: Model) -> bool:
    words = words_of(model.formula)
    rates = any(model.measured.get(word, ("", ""))[1] == "rate" for word in words)
    return model.outcome == "rate" or rates or (model.outcome == "sessions" and "weeks" in words)


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


def _needed(model: Model, parts: Sequence[Part], cohort: Cohort) -> list[str]:
    """Return the labels of the sessions that a participant must have."""
    conditions = {name for part in parts for name in part}
    phases = phases_of(model)
    return [
        label
        for label, session in cohort.sessions.items()
        if session.condition in conditions and (not phases or session.phase in phases)
    ]
