"""What a participant contributes to a model: one row for each weighting of conditions, or for each session."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from connect.changes import CHANGE, Part, weights
from connect.errors import UserError
from connect.formulas import has_baseline, motion_of
from connect.persons import Persons
from connect.settings.cohort import Cohort
from connect.settings.model import Model, words_of

PHASES: Mapping[str, Mapping[str, float]] = {"pre": {"pre": 1.0}, "post": {"post": 1.0}}
"""Weights of the phases in the outcomes that are no change."""


@dataclass(frozen=True)
class Row:
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


class Rows:
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

    def of(self, subject: Mapping[Any, Any]) -> Iterator[Row]:
        """Give the rows of a participant; none if a session or its time is missing."""
        if self.model.outcome == "sessions":
            return self._sessions(subject)
        return iter(self._parts(subject))

    def motion_over(self, rows: Sequence[Row]) -> float:
        """Return the motion of a participant (mm): of the first row, or the mean over rows that are sessions."""
        chosen = rows if self.model.outcome == "sessions" else rows[:1]
        return float(np.mean([row.shown[self.motion] for row in chosen])) if rows else np.nan

    def weeks(self, subject: Mapping[Any, Any]) -> float:
        """Return the weeks from before to after of a participant, in a model with phenotypes per week; else NaN."""
        rated = any(moment == "rate" for _, moment in self.measured.columns.values())
        return self._weeks_between(subject, self.measured.part) if rated else np.nan

    def complete(self, rows: Sequence[Row]) -> list[Row]:
        """Return the rows of a participant that miss no phenotype; none if they are too few."""
        names = self.measured.columns
        found = [row for row in rows if not any(np.isnan(row.shown[name]) for name in names)]
        return found if len(found) >= self.least else []

    def lacks(self, participant: str) -> str:
        """Return why a participant has no row without a missing phenotype."""
        sessions = self.model.outcome == "sessions"
        parts = [self.measured.part] if sessions else self.parts
        found = next(filter(None, (self.measured.reason(participant, part) for part in parts)), "")
        if found or not sessions:
            return found
        few = "no session" if self.least == 1 else "fewer than two sessions"
        return f"{few} with {self.measured.of_sessions(participant)}"

    @property
    def least(self) -> int:
        """Rows that a participant must have: two for a correlation within participants."""
        return 2 if self.model.correlation == "repeated" else 1

    @property
    def times(self) -> tuple[str, ...]:
        """Columns of the participants table that hold the weeks of the sessions that the model needs."""
        weeks = [self.cohort.weeks_of(label) for label in self.needed] if _needs_time(self.model) else []
        return tuple(dict.fromkeys(name for name in weeks if isinstance(name, str)))

    @property
    def own_times(self) -> tuple[str, ...]:
        """Those of them that the user wrote; a date that is missing may be that of a session that is."""
        return tuple(name for name in self.times if name not in self.cohort.dated.values())

    def _parts(self, subject: Mapping[Any, Any]) -> list[Row]:
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
            rows.append(Row({"part": number, **measures, self.motion: moved}, _sparse(kernel), own))
        return rows

    def _sessions(self, subject: Mapping[Any, Any]) -> Iterator[Row]:
        table, conditions = self.sessions, {name for part in self.parts for name in part}
        own = (table["participant_id"] == subject["participant_id"]) & table["condition"].isin(conditions)
        for row in np.flatnonzero(own):
            session = table.iloc[row]
            weeks = self._week(session["session_id"], subject) if _needs_time(self.model) else np.nan
            if _needs_time(self.model) and np.isnan(weeks):
                continue
            kernel = np.zeros(len(table))
            kernel[row] = 1.0
            shown = {name: session[name] for name in ("session_id", "phase", "condition")} | {"part": 0, "weeks": weeks}
            measures = self.measured.of_session(subject["participant_id"], session["session_id"].removeprefix("ses-"))
            yield Row({**shown, **measures, self.motion: session["mean_fd"]}, _sparse(kernel))

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


def _needs_time(model: Model) -> bool:
    words = words_of(model.formula)
    rates = any(model.measured.get(word, ("", ""))[1] == "rate" for word in words)
    return model.outcome == "rate" or rates or (model.outcome == "sessions" and "weeks" in words)


def _needed(model: Model, parts: Sequence[Part], cohort: Cohort) -> list[str]:
    """Return the labels of the sessions that a participant must have."""
    conditions = {name for part in parts for name in part}
    phases = phases_of(model)
    return [
        label
        for label, session in cohort.sessions.items()
        if session.condition in conditions and (not phases or session.phase in phases)
    ]


def _sparse(kernel: np.ndarray) -> csr_array:
    """Return weights of sessions as a matrix of one row: of thousands of sessions a participant has a few."""
    return csr_array(kernel[None])
