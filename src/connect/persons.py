"""Measures of the person in a model: what each of its rows has of a phenotype, and why a participant has none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from connect.changes import CHANGE, WORDS, Part
from connect.errors import UserError
from connect.formulas import BASELINE, OF_SESSIONS
from connect.people import RESERVED
from connect.settings.cohort import Cohort
from connect.settings.model import Model, words_of
from connect.tables import read_record, read_table

COLUMNS = ("participant_id", "session_id", "value", "note")


@dataclass(frozen=True)
class Persons:
    """The phenotypes that a model names.

    Parameters
    ----------
    columns
        Columns of the model: phenotype and moment, see :attr:`connect.settings.model.Model.measured`.
    values
        Value and note of a phenotype by phenotype, participant and session label; NaN where it is missing.
    labels
        Session label by phase and condition.
    part
        Weight of each condition in what a participant has in a model of all sessions.
    """

    columns: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    values: Mapping[tuple[str, str, str], tuple[float, str]] = field(default_factory=dict)
    labels: Mapping[tuple[str, str], str] = field(default_factory=dict)
    part: Part = field(default_factory=dict)

    def of_part(self, participant: str, part: Part, weeks: float = np.nan) -> dict[str, float]:
        """Return each column for one weighting of conditions; ``weeks`` are those from before to after."""
        return {
            column: sum(
                factor * weight * self._value(name, participant, self.labels.get((phase, condition), ""))
                for condition, factor in part.items()
                for phase, weight in (CHANGE if moment in ("change", "rate") else {moment: 1.0}).items()
            )
            / (weeks if moment == "rate" else 1.0)
            for column, (name, moment) in self.columns.items()
            if moment != "session"
        }

    def of_session(self, participant: str, session: str) -> dict[str, float]:
        """Return each column for a session, given by its label: the participant's own, and what that session has."""
        own = {
            column: self._value(name, participant, session)
            for column, (name, moment) in self.columns.items()
            if moment == "session"
        }
        return {**self.of_part(participant, self.part), **own}

    def reason(self, participant: str, part: Part | None = None) -> str:
        """Return why a participant lacks a column, or nothing."""
        part = self.part if part is None else part
        found = []
        for name, moment in dict.fromkeys(self.columns.values()):
            phases = {"change": ("pre", "post"), "rate": ("pre", "post"), "session": ()}.get(moment, (moment,))
            for phase, condition in product(phases, part):
                value, note = self.values.get(
                    (name, participant, self.labels.get((phase, condition), "")), (np.nan, "")
                )
                if np.isnan(value):
                    under = f" under {condition}" if len(part) > 1 else ""
                    found.append(f"no {name} {WORDS[phase]}{under}{f' ({note})' if note else ''}")
        return "; ".join(dict.fromkeys(found))

    def of_sessions(self, participant: str) -> str:
        """Return in words the columns of which each session has its own, and the notes where a participant has none."""
        names = {column: name for column, (name, moment) in self.columns.items() if moment == "session"}
        notes = dict.fromkeys(
            note
            for (name, one, _), (value, note) in self.values.items()
            if one == participant and name in names.values() and np.isnan(value) and note
        )
        told = "; ".join(notes)
        return " and ".join(names) + (f" ({told})" if told else "")

    def _value(self, name: str, participant: str, label: str) -> float:
        return self.values.get((name, participant, label), (np.nan, ""))[0]


def persons(measured: Mapping[str, pd.DataFrame], model: Model, cohort: Cohort, part: Part) -> Persons:
    """Return the phenotypes that a model names.

    Parameters
    ----------
    measured
        Table of each phenotype by name: participant_id, session_id, value, note.
    model
        The model.
    cohort
        Says what each session stands for.
    part
        Weight of each condition in what a participant has in a model of all sessions.

    Raises
    ------
    UserError
        If a phenotype of the model has no table, or its column a name under which connect writes something else.
    """
    for name in model.phenotypes:
        if name not in measured:
            got = ", ".join(measured) or "none"
            raise UserError("flag --phenotypes", f"a table of {name}, which the model names", got, "add it")
    named = set(words_of(model.formula))
    values = {
        (name, str(row["participant_id"]), str(row["session_id"]).removeprefix("ses-")): (row["value"], row["note"])
        for name in model.phenotypes
        for row in measured[name].assign(note=measured[name]["note"].astype(object).fillna("")).to_dict("records")
    }
    labels = {(str(session.phase), session.condition): label for label, session in cohort.sessions.items()}
    columns = {column: source for column, source in model.measured.items() if column in named}
    known = dict.fromkeys((*RESERVED, *OF_SESSIONS, BASELINE))
    for column in columns:
        if column in known:
            must = f"phenotypes of other names than those that connect writes ({', '.join(known)})"
            raise UserError("key phenotypes", must, f"`{column}`", "rename the file of the phenotype")
    return Persons(columns, values, labels, part)


def read_measured(paths: Sequence[Path]) -> dict[str, pd.DataFrame]:
    """Read tables of phenotypes, named like them."""
    return {path.stem: read_table(path, COLUMNS) for path in paths}


def described(paths: Sequence[Path], model: Model) -> dict[str, dict[str, Any]]:
    """Return what each column of a phenotype is: its title, unit, moment, and what a higher value means."""
    records = {path.stem: read_record(path.with_suffix(".json")) for path in paths}
    return {
        column: {
            "phenotype": name, "moment": moment,
            **{key: records[name][key] for key in ("title", "unit", "higher", "words", "source")},
        }
        for column, (name, moment) in model.measured.items()
        if column in words_of(model.formula)
    }  # fmt: skip
